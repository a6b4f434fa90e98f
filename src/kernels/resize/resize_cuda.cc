// Resize on a GPU, any mode, layout and type; in nhwc a thread takes 16 bytes of channels.
#include <algorithm>
#include <numeric>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/resize/taps.h"

namespace hone {
namespace {

constexpr size_t kMaxAxes = 5;

// As resize.cu declares it; axes in the order of the output's memory.
struct Params {
  const void* x;
  void* y;
  int64_t count;
  int32_t rank, vector, exclude_outside;
  int32_t in[kMaxAxes], out[kMaxAxes], copied[kMaxAxes];
  float scale[kMaxAxes];
  int64_t x_stride[kMaxAxes], y_stride[kMaxAxes];
  double cubic;
  int32_t repeat_rows, repeat_columns;
};

size_t width(DType type) { return std::max<size_t>(1, 128 / dtype_bits(type)); }

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (std::string why = check_host_constants(p, 1); !why.empty()) return Verdict::no(std::move(why));
  if (p.inputs[0].layout != p.outputs[0].layout) return Verdict::no("wants input and output of one layout");
  if (p.inputs[0].shape.size() > kMaxAxes) return Verdict::no("takes up to five axes");
  return cuda_yes(p);
}

std::vector<cuda::Program> programs(const Problem& p) {
  const auto& resize = std::get<Resize>(p.op);
  const DType type = p.inputs[0].type;
  const bool nearest = resize.mode == ResizeMode::nearest;
  // Cubic weights of f32 want more than f32; what rounds to an integer has to round as the reference's f64
  // does.
  const bool wide = !is_floating(type) || (resize.mode == ResizeMode::cubic && type == DType::f32);
  return {cuda_program("resize", {cuda_text::resize_cu},
                       {define("TYPE", nearest ? cuda_mover(type) : cuda_element(type)),
                        define("COMPUTE", wide ? "double" : cuda_real(type)),
                        define("MODE", static_cast<int64_t>(resize.mode)),
                        define("COORDINATES", static_cast<int64_t>(resize.coordinates)),
                        define("NEAREST", static_cast<int64_t>(resize.nearest)),
                        define("WIDTH", static_cast<int64_t>(width(type)))})};
}

// How often each index of an axis is repeated, where that is all that nearest does; else 0.
int32_t repeats(const Resize& resize, int64_t in, int64_t out, double scale) {
  if (in == 0 || out % in != 0) return 0;
  const int64_t times = out / in;
  for (int64_t at = 0; at < out; ++at)
    if (resize_taps(resize, at, in, out, scale).index[0] != at / times) return 0;
  return static_cast<int32_t>(times);
}

void enqueue(const CudaCall& call) {
  const auto& resize = std::get<Resize>(call.op);
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  std::array<size_t, kMaxAxes> order{};
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = static_cast<ptrdiff_t>(in.size());
  std::stable_sort(order.begin(), order.begin() + rank, [&](size_t a, size_t b) { return to[a] > to[b]; });
  Params p{};
  p.x = x.data, p.y = y.data;
  p.count = product(out);
  if (p.count == 0) return;
  p.rank = std::max<int32_t>(static_cast<int32_t>(rank), 1);
  p.in[0] = p.out[0] = p.copied[0] = 1;
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t axis = order[i];
    const double scale = resize_scale(resize, call.host, axis, out[axis]);
    p.in[i] = static_cast<int32_t>(in[axis]), p.out[i] = static_cast<int32_t>(out[axis]);
    p.scale[i] = static_cast<float>(scale);
    p.copied[i] = in[axis] == out[axis] && scale == 1;
    p.x_stride[i] = from[axis], p.y_stride[i] = to[axis];
  }
  p.exclude_outside = resize.exclude_outside;
  p.cubic = static_cast<double>(resize.cubic_coefficient);
  const size_t wide = width(x.desc->type), last = static_cast<size_t>(p.rank - 1);
  const auto step = static_cast<int64_t>(wide);
  p.vector = p.copied[last] && p.out[last] % step == 0 &&
             moves_in_vectors(x.data, {p.x_stride, last + 1}, step) &&
             moves_in_vectors(y.data, {p.y_stride, last + 1}, step);
  if (p.vector && x.desc->layout == Layout::nhwc && resize.mode == ResizeMode::nearest && p.copied[0]) {
    const auto along = [&](size_t axis) {
      return repeats(resize, in[axis], out[axis], resize_scale(resize, call.host, axis, out[axis]));
    };
    const int32_t rows = along(2), columns = along(3);
    if (rows > 0 && columns > 0) {
      p.repeat_rows = rows, p.repeat_columns = columns;
      return call.launch(0, cover(call, product(in) / step), p);
    }
  }
  call.launch(0, cover(call, p.count / (p.vector ? step : 1)), p);
}

}  // namespace

const Kernel& resize_cuda() {
  static const CudaKernel kernel("resize.cuda", Resize::name, check, programs, enqueue, picture_layouts);
  return kernel;
}

}  // namespace hone
