// Arithmetic of two f32 operands with broadcasting, in any layout of the result.
#include "kernels/cpu_kernel.h"
#include "kernels/simd/loops.h"
#include "kernels/strided_loop.h"

namespace hone {
namespace {

constexpr int64_t kGrain = 8 << 10;

// An operand's distances along the axes of the result's view, 0 where it is broadcast. False: it cannot be
// read so.
bool operand_strides(const TensorDesc& operand, int64_t image_stride, const TensorDesc& result,
                     Dims* strides) {
  *strides = {};
  if (operand.layout != Layout::plain) {
    if (operand.layout != result.layout || operand.shape != result.shape) return false;
    *strides = view_of(operand, image_stride).stride;
    return true;
  }
  const size_t rank = operand.shape.size();
  if (rank > result.shape.size()) return false;
  const size_t missing = result.shape.size() - rank;
  const Dims own = dense_strides(operand.shape);
  for (size_t i = 0; i < rank; ++i) {
    if (operand.shape[i] != 1 && operand.shape[i] != result.shape[missing + i]) return false;
    (*strides)[missing + i] = operand.shape[i] == 1 ? 0 : i == 0 ? image_stride : own[i];
  }
  // A plain operand beside a blocked result: channel c is block c / b, lane c % b.
  if (const int64_t block = channel_block(result.layout); block > 1) {
    if ((*strides)[1] != 0 && result.shape[1] % block != 0) return false;
    (*strides)[4] = (*strides)[1];
    (*strides)[1] *= block;
  }
  return true;
}

Verdict check(const Problem& p) {
  if (p.inputs.size() != 2 || p.outputs.size() != 1) return Verdict::no("takes two inputs");
  if (!p.inputs[0].has_shape || !p.inputs[1].has_shape) return Verdict::no("lacks an operand");
  if (!is_f32(p)) return Verdict::no("takes f32");
  const BinaryKind kind = std::get<Binary>(p.op).kind;
  if (!has_binary_loop(kind)) return Verdict::no("has no vector form of " + std::string(binary_name(kind)));
  Dims strides;
  for (const TensorDesc& operand : p.inputs)
    if (!operand_strides(operand, dense_image_stride(operand), p.outputs[0], &strides))
      return Verdict::no("cannot broadcast " + desc_text(operand) + " to " + desc_text(p.outputs[0]));
  return yes_to(p, {.in_place = p.inputs[0] == p.outputs[0]});
}

void compute(const Op& op, const RunArgs& args) {
  const BinaryKind kind = std::get<Binary>(op).kind;
  const TensorArg &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  const LayoutView view = view_of(y);
  StridedLoop<3> loop;
  loop.shape = view.shape;
  loop.stride[0] = view.stride;
  operand_strides(*a.desc, a.image_stride, *y.desc, &loop.stride[1]);
  operand_strides(*b.desc, b.image_stride, *y.desc, &loop.stride[2]);
  for (size_t i = 0; i < loop.rank(); ++i)
    if (loop.shape[i] == 0) return;
  loop.merge();
  // The inner loop wants two axes, the last with steps of 0 or 1.
  const auto steps_are_small = [&] {
    const size_t last = loop.rank() - 1;
    return loop.stride[0][last] == 1 && loop.stride[1][last] <= 1 && loop.stride[2][last] <= 1;
  };
  if (loop.rank() == 0 || !steps_are_small()) loop.add_axis(1, {1, 0, 0});
  if (loop.rank() == 1 && loop.shape[0] >= 2 * kGrain) {
    // One long row: as many short ones as divide it.
    int64_t row = loop.shape[0];
    while (row > kGrain && row % 2 == 0) row /= 2;
    StridedLoop<3> cut;
    cut.add_axis(loop.shape[0] / row, {row, row * loop.stride[1][0], row * loop.stride[2][0]});
    cut.add_axis(row, {1, loop.stride[1][0], loop.stride[2][0]});
    loop = cut;
  }
  const size_t last = loop.rank() - 1, row_axis = last == 0 ? 0 : last - 1;
  const int64_t n = loop.shape[last], rows = last == 0 ? 1 : loop.shape[row_axis],
                outer = loop.count(row_axis);
  const auto row_step = [&](size_t k) { return last == 0 ? 0 : loop.stride[k][row_axis]; };
  parallel_ranges(*args.threads, outer * rows, kGrain / n + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      const auto at = loop.offsets(i / rows, row_axis);
      const int64_t first = i % rows, count = std::min(end - i, rows - first);
      const Loops::Operand left{static_cast<const float*>(a.data) + at[1] + first * row_step(1), row_step(1),
                                loop.stride[1][last]};
      const Loops::Operand right{static_cast<const float*>(b.data) + at[2] + first * row_step(2), row_step(2),
                                 loop.stride[2][last]};
      loops().binary(kind, left, right, static_cast<float*>(y.data) + at[0] + first * row_step(0),
                     row_step(0), count, n);
      i += count;
    }
  });
  zero_channel_padding(y);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return shared_layouts(inputs, outputs);
}

}  // namespace

const Kernel& binary_cpu() {
  static const CpuKernel kernel("binary.cpu", Binary::name, check, compute, layouts);
  return kernel;
}

}  // namespace hone
