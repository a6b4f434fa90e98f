// Global average and maximum of f32 in any layout.
#include "kernels/cpu_kernel.h"
#include "kernels/simd/loops.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (p.inputs.size() != 1 || p.outputs.size() != 1) return Verdict::no("takes one input");
  if (!is_f32(p)) return Verdict::no("takes f32");
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.layout != y.layout) return Verdict::no("wants input and output of one layout");
  if (x.shape.size() < 3 || y.shape.size() != x.shape.size()) return Verdict::no("wants spatial axes");
  if (product(y.shape) != x.shape[0] * x.shape[1] || product(std::span(x.shape).subspan(2)) == 0)
    return Verdict::no("has operands that do not fit");
  return yes_to(p, {.image_stride = p.inputs[0].layout != Layout::nhwc});
}

void compute(const Op& op, const RunArgs& args) {
  const bool most = std::get<GlobalPool>(op).kind == PoolKind::max;
  const ReduceKind kind = most ? ReduceKind::max : ReduceKind::sum;
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& shape = x.desc->shape;
  const int64_t pixels = product(std::span(shape).subspan(2));
  const float scale = most ? 1.0f : 1.0f / static_cast<float>(pixels);
  // Neighbouring channels that are reduced together, and how many such groups an image has.
  const int64_t block = channel_block(x.desc->layout);
  const int64_t columns = x.desc->layout == Layout::nhwc ? shape[1] : block;
  const int64_t groups = (shape[1] + columns - 1) / columns;
  parallel_ranges(
      *args.threads, shape[0] * groups, (4 << 10) / (pixels * columns) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t image = i / groups, group = i % groups;
          const float* from =
              static_cast<const float*>(x.data) + image * image_distance(x) + group * columns * pixels;
          float* to = static_cast<float*>(y.data) + image * image_distance(y) + group * columns;
          if (columns == 1)
            *to = static_cast<float>(loops().reduce(kind, from, pixels));
          else
            loops().reduce_columns(kind, from, pixels, columns, to, columns);
          for (int64_t c = 0; c < columns; ++c) to[c] *= scale;
        }
      });
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : preferred_layouts())
    if (layout == Layout::plain || inputs[0].shape.size() == 4)
      all.push_back({.inputs = {layout}, .outputs = {layout}});
  return all;
}

}  // namespace

const Kernel& global_pool_cpu() {
  static const CpuKernel kernel("global_pool.cpu", GlobalPool::name, check, compute, layouts);
  return kernel;
}

}  // namespace hone
