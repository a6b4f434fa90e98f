// Pad on a GPU: every mode, in any layout, cropping too.
#include <algorithm>
#include <numeric>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/movement/strided.h"

namespace hone {
namespace {

// As pad.cu declares it.
struct Params {
  const void *x, *value;
  void* y;
  int64_t count, first;
  int32_t rank, vector;
  int64_t extent[kMaxRank], begin[kMaxRank], left[kMaxRank];
  int64_t x_stride[kMaxRank], y_stride[kMaxRank];
};

size_t width(DType type) { return std::max<size_t>(1, 128 / dtype_bits(type)); }

// Pads and axes are read by the host; the value may be computed.
Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (p.inputs[0].layout != p.outputs[0].layout) return Verdict::no("wants input and output of one layout");
  const auto known = [&](size_t i) {
    return i >= p.inputs.size() || !p.inputs[i].has_shape || (i < p.constants.size() && p.constants[i]);
  };
  if (!known(1) || !known(3)) return Verdict::no("wants its pads and axes to be constants");
  return cuda_yes(p);
}

std::vector<cuda::Program> programs(const Problem& p) {
  const DType type = p.inputs[0].type;
  return {cuda_program(
      "pad", {cuda_text::pad_cu},
      {define("TYPE", cuda_mover(type)), define("MODE", static_cast<int64_t>(std::get<Pad>(p.op).mode)),
       define("WIDTH", static_cast<int64_t>(width(type)))})};
}

void enqueue(const CudaCall& call) {
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const RunArgs host = host_args(call);
  const size_t rank = in.size();
  // Negative pads crop first; what is left is padded.
  Dims begin{}, crop{}, left{};
  for (size_t i = 0; i < rank; ++i) left[i] = in[i];
  const int64_t half = index_count(host, 1) / 2;
  for (int64_t i = 0; i < half; ++i) {
    const size_t axis = normal_axis(index_at(host, 3, i, i), rank);
    if (axis == rank) continue;
    const int64_t first = index_at(host, 1, i, 0), last = index_at(host, 1, half + i, 0);
    begin[axis] = std::max<int64_t>(first, 0);
    crop[axis] = std::clamp<int64_t>(-first, 0, in[axis]);
    left[axis] = std::max<int64_t>(in[axis] - crop[axis] - std::max<int64_t>(-last, 0), 0);
  }
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  std::array<size_t, kMaxRank> order{};
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(rank),
                   [&](size_t a, size_t b) { return to[a] > to[b]; });
  Params p{};
  p.x = x.data, p.y = y.data, p.value = has_input(call, 2) ? input(call, 2).data : nullptr;
  p.count = product(out);
  if (p.count == 0) return;
  p.rank = static_cast<int32_t>(rank);
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = order[i];
    p.extent[i] = out[axis], p.begin[i] = begin[axis], p.left[i] = left[axis];
    p.x_stride[i] = from[axis], p.y_stride[i] = to[axis];
    p.first += crop[axis] * from[axis];
  }
  const auto step = static_cast<int64_t>(width(x.desc->type));
  if (rank > 0) {
    const size_t last = rank - 1;
    const bool copied = p.begin[last] == 0 && p.left[last] == p.extent[last] && p.first % step == 0;
    p.vector = copied && p.extent[last] % step == 0 && moves_in_vectors(p.x, {p.x_stride, rank}, step) &&
               moves_in_vectors(p.y, {p.y_stride, rank}, step);
  }
  call.launch(0, cover(call, p.count / (p.vector ? step : 1)), p);
}

}  // namespace

const Kernel& pad_cuda() {
  static const CudaKernel kernel("pad.cuda", Pad::name, check, programs, enqueue, picture_layouts);
  return kernel;
}

}  // namespace hone
