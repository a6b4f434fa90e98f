// Resize of the last two axes of rank-4 tensors in any layout: nearest by whole factors (YOLO's upsampling)
// in any type of whole bytes, and bilinear in f32.
#include <cstring>

#include "kernels/cpu_kernel.h"
#include "kernels/element.h"
#include "kernels/resize/taps.h"

namespace hone {
namespace {

// Every layout is planes of pixels: a pixel is one element, a block of channels, or all channels.
struct Planes {
  int64_t count, pixel;  // planes an image, elements a pixel
};
Planes planes_of(const TensorDesc& desc) {
  const int64_t block = channel_block(desc.layout);
  if (desc.layout == Layout::nhwc) return {1, desc.shape[1]};
  return {(desc.shape[1] + block - 1) / block, block};
}

// A slice of nhwc has other channels between its pixels: the loops below take whole rows.
bool rows_are_dense(const Problem& p) { return p.inputs[0].layout != Layout::nhwc; }

// Where output `at` of one axis lies between two inputs.
struct Blend {
  int32_t low, high;
  float t;
};

// The scales as resize_taps wants them; false where they are not known when the kernel is asked.
bool scales_of(const Problem& p, std::array<double, 4>* scales) {
  Bytes bytes;
  std::array<TensorArg, 3> args = {};
  for (size_t i = 0; i < std::min<size_t>(p.inputs.size(), 3); ++i) args[i].desc = &p.inputs[i];
  if (p.inputs.size() > 2 && p.inputs[2].has_shape) {
    if (p.constants.size() < 3 || !p.constants[2] || p.inputs[2].type != DType::f32) return false;
    auto read = p.constants[2]->bytes();
    if (!read) return false;
    bytes = *read;
    args[2].data = const_cast<std::byte*>(bytes.view().data());
  }
  for (size_t axis = 0; axis < 4; ++axis)
    (*scales)[axis] =
        resize_scale(std::get<Resize>(p.op), std::span(args).first(std::min<size_t>(p.inputs.size(), 3)),
                     axis, p.outputs[0].shape[axis]);
  return true;
}

std::string check_shapes(const Problem& p, std::array<double, 4>* scales) {
  if (p.inputs.empty() || p.outputs.size() != 1 || !p.inputs[0].has_shape) return "lacks an operand";
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.type != y.type) return "input and output differ in type";
  if (x.shape.size() != 4 || y.shape.size() != 4 || x.layout != y.layout)
    return "wants rank 4 and one layout";
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.inputs[i].layout != Layout::plain) return "wants plain scales";
  if (x.shape[0] != y.shape[0] || x.shape[1] != y.shape[1]) return "resizes pictures, not channels";
  if (product(x.shape) == 0 || product(y.shape) == 0) return "has nothing to resize";
  if (!scales_of(p, scales)) return "wants constant scales";
  return (*scales)[0] == 1 && (*scales)[1] == 1 ? "" : "resizes pictures, not channels";
}

Verdict check_nearest(const Problem& p) {
  const auto& resize = std::get<Resize>(p.op);
  if (resize.mode != ResizeMode::nearest) return Verdict::no("takes the nearest element");
  std::array<double, 4> scales{};
  if (std::string why = check_shapes(p, &scales); !why.empty()) return Verdict::no(why);
  for (size_t axis = 2; axis < 4; ++axis) {
    const int64_t in = p.inputs[0].shape[axis], out = p.outputs[0].shape[axis], factor = out / in;
    if (out % in != 0) return Verdict::no("wants whole factors");
    for (int64_t i = 0; i < out; ++i)
      if (resize_taps(resize, i, in, out, scales[axis]).index[0] != i / factor)
        return Verdict::no("rounds to other elements");
  }
  return yes_to(p, {.image_stride = rows_are_dense(p)});
}

// Repeats each pixel of a row. T: as wide as an element.
template <class T>
void widen_row(const T* from, T* to, int64_t width, int64_t factor, int64_t pixel) {
  if (pixel == 1 && factor == 2) {
    for (int64_t w = 0; w < width; ++w) to[2 * w] = to[2 * w + 1] = from[w];
    return;
  }
  for (int64_t w = 0; w < width; ++w, from += pixel)
    for (int64_t k = 0; k < factor; ++k, to += pixel)
      pixel == 1 ? void(*to = *from) : void(std::memcpy(to, from, static_cast<size_t>(pixel) * sizeof(T)));
}

template <class T>
void repeat_pixels(const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const Planes planes = planes_of(*x.desc);
  const int64_t rows = in[2], width = in[3], down = out[2] / in[2], across = out[3] / in[3];
  const int64_t row_size = out[3] * planes.pixel;
  parallel_ranges(
      *args.threads, in[0] * planes.count * rows, (8 << 10) / row_size + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = i % (planes.count * rows), image = i / (planes.count * rows);
          const T* from =
              static_cast<const T*>(x.data) + image * image_distance(x) + row * width * planes.pixel;
          T* to = static_cast<T*>(y.data) + image * image_distance(y) + row * down * row_size;
          widen_row(from, to, width, across, planes.pixel);
          for (int64_t k = 1; k < down; ++k)
            std::memcpy(to + k * row_size, to, static_cast<size_t>(row_size) * sizeof(T));
        }
      });
}

void compute_nearest(const Op&, const RunArgs& args) {
  switch (element_size(args.inputs[0].desc->type)) {
    case 1:
      return repeat_pixels<uint8_t>(args);
    case 2:
      return repeat_pixels<uint16_t>(args);
    case 4:
      return repeat_pixels<uint32_t>(args);
    default:
      return repeat_pixels<uint64_t>(args);
  }
}

// One table for each axis.
size_t table_bytes(const Shape& out) { return static_cast<size_t>(out[2] + out[3]) * sizeof(Blend); }

Verdict check_linear(const Problem& p) {
  const auto& resize = std::get<Resize>(p.op);
  if (resize.mode != ResizeMode::linear || resize.exclude_outside) return Verdict::no("is bilinear");
  if (p.inputs[0].type != DType::f32) return Verdict::no("takes f32");
  std::array<double, 4> scales{};
  if (std::string why = check_shapes(p, &scales); !why.empty()) return Verdict::no(why);
  return yes_to(p, {.image_stride = rows_are_dense(p), .workspace_bytes = table_bytes(p.outputs[0].shape)});
}

void fill_table(const Op& op, const RunArgs& args, size_t axis, Blend* table) {
  const auto& resize = std::get<Resize>(op);
  const int64_t in = args.inputs[0].desc->shape[axis], out = args.outputs[0].desc->shape[axis];
  const double scale = resize_scale(resize, args.inputs, axis, out);
  for (int64_t i = 0; i < out; ++i) {
    const ResizeTaps taps = resize_taps(resize, i, in, out, scale);
    const size_t high = taps.count == 2 ? 1 : 0;
    table[i] = {static_cast<int32_t>(taps.index[0]), static_cast<int32_t>(taps.index[high]),
                high ? static_cast<float>(taps.weight[1]) : 0.0f};
  }
}

// One row of the result from two rows of the input.
struct BlendRow {
  const float *upper, *lower;
  const Blend* across;
  int64_t width;
  float t;

  // kPixel elements a pixel, 0: as many as `pixel` says.
  template <int64_t kPixel>
  void run(float* to, int64_t pixel) const {
    if (kPixel) pixel = kPixel;
    for (int64_t w = 0; w < width; ++w, to += pixel) {
      const int64_t left = across[w].low * pixel, right = across[w].high * pixel;
      const float s = across[w].t;
      for (int64_t c = 0; c < pixel; ++c) {
        const float top = upper[left + c] + (upper[right + c] - upper[left + c]) * s;
        const float bottom = lower[left + c] + (lower[right + c] - lower[left + c]) * s;
        to[c] = top + (bottom - top) * t;
      }
    }
  }
};

void compute_linear(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const Planes planes = planes_of(*x.desc);
  auto* down = reinterpret_cast<Blend*>(args.workspace);
  Blend* across = down + out[2];
  fill_table(op, args, 2, down);
  fill_table(op, args, 3, across);
  const int64_t pixel = planes.pixel, line = in[3] * pixel;
  parallel_ranges(*args.threads, in[0] * planes.count * out[2], (8 << 10) / (out[3] * pixel) + 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t row = i % out[2], plane = i / out[2] % planes.count,
                                    image = i / out[2] / planes.count;
                      const float* source = static_cast<const float*>(x.data) + image * image_distance(x) +
                                            plane * in[2] * line;
                      const float *upper = source + down[row].low * line,
                                  *lower = source + down[row].high * line;
                      float* to = static_cast<float*>(y.data) + image * image_distance(y) +
                                  (plane * out[2] + row) * out[3] * pixel;
                      const BlendRow blend{upper, lower, across, out[3], down[row].t};
                      switch (pixel) {
                        case 1:
                          blend.run<1>(to, 1);
                          break;
                        case 8:
                          blend.run<8>(to, 8);
                          break;
                        case 16:
                          blend.run<16>(to, 16);
                          break;
                        default:
                          blend.run<0>(to, pixel);
                      }
                    }
                  });
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : preferred_layouts()) {
    if (layout != Layout::plain && (inputs[0].shape.size() != 4 || outputs[0].shape.size() != 4)) continue;
    all.push_back({.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {layout}});
    all.back().inputs[0] = layout;
  }
  return all;
}

}  // namespace

const Kernel& resize_nearest_cpu() {
  static const CpuKernel kernel("resize.cpu.nearest", Resize::name, check_nearest, compute_nearest, layouts);
  return kernel;
}
const Kernel& resize_linear_cpu() {
  static const CpuKernel kernel("resize.cpu.linear", Resize::name, check_linear, compute_linear, layouts);
  return kernel;
}

}  // namespace hone
