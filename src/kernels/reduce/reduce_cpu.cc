// Reductions of plain f32 over axes that lie beside each other.
#include <cmath>

#include "kernels/cpu_kernel.h"
#include "kernels/movement/strided.h"
#include "kernels/simd/loops.h"

namespace hone {
namespace {

constexpr int64_t kGrain = 8 << 10;
constexpr int64_t kColumns = 256;

// The input as [outer, length, inner], reduced over length; outer < 0: the axes do not lie beside each other.
struct Folded {
  int64_t outer = 1, length = 1, inner = 1;
};
template <class Axis>
Folded fold(const Shape& in, int64_t axes, bool all, Axis&& axis_at) {
  std::array<bool, kMaxRank> reduced{};
  if (all) reduced.fill(true);
  for (int64_t i = 0; i < axes; ++i)
    if (const size_t axis = normal_axis(axis_at(i), in.size()); axis < in.size()) reduced[axis] = true;
  Folded f;
  int stage = 0;  // before, within, behind the reduced axes
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == 1) continue;
    if (reduced[i] && stage == 0) stage = 1;
    if (!reduced[i] && stage == 1) stage = 2;
    if (reduced[i] && stage == 2) return {.outer = -1};
    (stage == 0 ? f.outer : stage == 1 ? f.length : f.inner) *= in[i];
  }
  return f;
}

Verdict check(const Problem& p) {
  const auto& reduce = std::get<Reduce>(p.op);
  if (p.inputs.empty() || p.outputs.size() != 1 || !p.inputs[0].has_shape)
    return Verdict::no("lacks an operand");
  if (p.inputs[0].type != DType::f32 || p.outputs[0].type != DType::f32 || !all_plain(p))
    return Verdict::no("takes plain f32");
  if (!has_reduce_loop(reduce.kind)) return Verdict::no("has no vector form of this reduction");
  std::vector<int64_t> axes;
  if (p.inputs.size() > 1 && p.inputs[1].has_shape) {
    if (p.constants.size() < 2 || !p.constants[1]) return Verdict::no("wants constant axes");
    auto ints = p.constants[1]->to_ints(kMaxRank);
    if (!ints) return Verdict::no(ints.error().message);
    axes = std::move(*ints);
  }
  const Folded f =
      fold(p.inputs[0].shape, static_cast<int64_t>(axes.size()), axes.empty() && !reduce.noop_with_empty_axes,
           [&](int64_t i) { return axes[static_cast<size_t>(i)]; });
  if (f.outer < 0) return Verdict::no("wants reduced axes beside each other");
  if (f.length == 0 || f.outer * f.inner != product(p.outputs[0].shape))
    return Verdict::no("has nothing to reduce");
  return yes_to(p, {.image_stride = false});
}

void compute(const Op& op, const RunArgs& args) {
  const auto& reduce = std::get<Reduce>(op);
  const int64_t named = index_count(args, 1);
  const Folded f = fold(args.inputs[0].desc->shape, named, named == 0 && !reduce.noop_with_empty_axes,
                        [&](int64_t i) { return index_at(args, 1, i, 0); });
  const auto* x = static_cast<const float*>(args.inputs[0].data);
  auto* y = static_cast<float*>(args.outputs[0].data);
  const auto finish = [&](double value) {
    if (reduce.kind == ReduceKind::mean) value /= static_cast<double>(f.length);
    return static_cast<float>(reduce.kind == ReduceKind::l2 ? std::sqrt(value) : value);
  };
  const int64_t groups = (f.inner + kColumns - 1) / kColumns;
  const int64_t grain = kGrain / (f.length * std::min(f.inner, kColumns)) + 1;
  parallel_ranges(*args.threads, f.outer * groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* first = x + i / groups * f.length * f.inner;
      if (f.inner == 1) {
        y[i] = finish(loops().reduce(reduce.kind, first, f.length));
        continue;
      }
      const int64_t column = i % groups * kColumns, count = std::min(kColumns, f.inner - column);
      float* out = y + i / groups * f.inner + column;
      loops().reduce_columns(reduce.kind, first + column, f.length, f.inner, out, count);
      for (int64_t j = 0; j < count; ++j) out[j] = finish(static_cast<double>(out[j]));
    }
  });
}

}  // namespace

const Kernel& reduce_cpu() {
  static const CpuKernel kernel("reduce.cpu", Reduce::name, check, compute);
  return kernel;
}

}  // namespace hone
