// Pool on a GPU: a thread an output, eight neighbouring channels of f16 at once in nhwc.
#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/window.h"

namespace hone {
namespace {

// As pool.cu declares it.
struct Params {
  const void* x;
  void* y;
  int64_t x_stride[5], y_stride[5];
  int32_t images, channels, in[3], out[3];
  int32_t kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int32_t vector, count_padding, channels_last, clamped, tall;
};

size_t width(DType type) { return std::max<size_t>(1, 128 / dtype_bits(type)); }

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (p.inputs[0].layout != p.outputs[0].layout) return Verdict::no("wants input and output of one layout");
  if (p.inputs[0].shape.size() > 5) return Verdict::no("takes up to three spatial axes");
  return cuda_yes(p);
}

// The widest window whose taps are written out.
constexpr int64_t kMaxUnrolled = 7;

std::vector<cuda::Program> programs(const Problem& p) {
  const DType type = p.inputs[0].type;
  const Ints& kernel = std::get<Pool>(p.op).kernel;
  const bool unrolled = kernel.size() == 2 && kernel[0] <= kMaxUnrolled && kernel[1] <= kMaxUnrolled;
  return {cuda_program(
      "pool", {cuda_text::pool_cu},
      {define("TYPE", cuda_element(type)), define("COMPUTE", cuda_real(type)),
       define("MAX", std::get<Pool>(p.op).kind == PoolKind::max ? 1 : 0),
       define("WIDTH", static_cast<int64_t>(width(type))), define("HALF", type == DType::f16 ? 1 : 0),
       define("ROWS", unrolled ? kernel[0] : 0), define("COLUMNS", unrolled ? kernel[1] : 0)})};
}

bool has_vectors(const TensorArg& arg, const int64_t (&strides)[5], size_t wide) {
  const size_t bytes = wide * dtype_bits(arg.desc->type) / 8;
  const auto step = static_cast<int64_t>(wide);
  return strides[1] == 1 && reinterpret_cast<uintptr_t>(arg.data) % bytes == 0 && strides[0] % step == 0 &&
         strides[2] % step == 0 && strides[3] % step == 0 && strides[4] % step == 0;
}

// Outputs below one another that a thread computes, as in pool.cu, and from how many outputs on.
constexpr int kTall = 4;
constexpr int64_t kTallItems = 100'000;

// Every window has taps side by side and one of them on the picture.
bool windows_touch(const Params& p) {
  for (int axis = 1; axis < 3; ++axis)
    if (p.dilation[axis] != 1 || p.pad[axis] >= p.kernel[axis] ||
        (p.out[axis] - 1) * p.stride[axis] - p.pad[axis] >= p.in[axis])
      return false;
  return true;
}

// Spatial axes stand last of three; the others have one index.
void enqueue(const CudaCall& call) {
  const auto& pool = std::get<Pool>(call.op);
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const Window w = make_window(pool.kernel, pool.strides, pool.pads, pool.dilations);
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  Params p{};
  p.x = x.data, p.y = y.data;
  p.images = static_cast<int32_t>(in[0]), p.channels = static_cast<int32_t>(in[1]);
  for (size_t i = 0; i < 2; ++i) p.x_stride[i] = from[i], p.y_stride[i] = to[i];
  for (size_t i = 0; i < 3; ++i) p.in[i] = p.out[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = 1;
  for (size_t i = 0; i < w.rank; ++i) {
    const size_t axis = 3 - w.rank + i;
    p.in[axis] = static_cast<int32_t>(in[2 + i]), p.out[axis] = static_cast<int32_t>(out[2 + i]);
    p.x_stride[2 + axis] = from[2 + i], p.y_stride[2 + axis] = to[2 + i];
    p.kernel[axis] = static_cast<int32_t>(w.kernel[i]), p.stride[axis] = static_cast<int32_t>(w.stride[i]);
    p.dilation[axis] = static_cast<int32_t>(w.dilation[i]);
    p.pad[axis] = static_cast<int32_t>(w.pad_begin[i]), p.pad_end[axis] = static_cast<int32_t>(w.pad_end[i]);
  }
  p.count_padding = pool.count_include_pad;
  p.channels_last = x.desc->layout == Layout::nhwc;
  const size_t wide = width(x.desc->type);
  p.vector = p.channels_last && in[1] % static_cast<int64_t>(wide) == 0 && has_vectors(x, p.x_stride, wide) &&
             has_vectors(y, p.y_stride, wide);
  p.clamped = p.vector && w.rank == 2 && windows_touch(p);
  int64_t items = product(out) / (p.vector ? static_cast<int64_t>(wide) : 1);
  // Enough outputs keep the GPU busy with a fraction of the threads, and the rows between them are read once.
  p.tall = p.clamped && p.stride[1] == 1 && items >= kTallItems ? kTall : 1;
  if (p.tall > 1) items = items / out[2] * ((out[2] + kTall - 1) / kTall);
  if (items > 0) call.launch(0, cover(call, items, 128), p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return gpu_layouts(inputs, outputs);
}

}  // namespace

const Kernel& pool_cuda() {
  static const CudaKernel kernel("pool.cuda", Pool::name, check, programs, enqueue, layouts);
  return kernel;
}

}  // namespace hone
