// Layer normalisation of plain f32, a row at a time.
#include <cmath>

#include "kernels/cpu_kernel.h"
#include "kernels/simd/loops.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (p.inputs.size() < 2 || p.inputs.size() > 3 || p.outputs.size() != 1 || !p.inputs[0].has_shape ||
      !p.inputs[1].has_shape)
    return Verdict::no("takes an input, a scale and a bias");
  if (!is_f32(p) || !all_plain(p)) return Verdict::no("takes plain f32");
  const Shape& shape = p.inputs[0].shape;
  const size_t axis = normal_axis(std::get<LayerNorm>(p.op).axis, shape.size());
  if (axis == shape.size()) return Verdict::no("has no such axis");
  const int64_t length = product(std::span(shape).subspan(axis));
  if (length == 0 || shape != p.outputs[0].shape) return Verdict::no("changes the shape");
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.inputs[i].has_shape && product(p.inputs[i].shape) != length)
      return Verdict::no("has a scale or bias of another size");
  return yes_to(p, {.in_place = true, .image_stride = false});
}

void compute(const Op& op, const RunArgs& args) {
  const auto& norm = std::get<LayerNorm>(op);
  const std::span shape(args.inputs[0].desc->shape);
  const int64_t length = product(shape.subspan(normal_axis(norm.axis, shape.size())));
  const auto* x = static_cast<const float*>(args.inputs[0].data);
  auto* y = static_cast<float*>(args.outputs[0].data);
  const auto* scale = static_cast<const float*>(args.inputs[1].data);
  const auto* bias = args.inputs.size() > 2 ? static_cast<const float*>(args.inputs[2].data) : nullptr;
  parallel_ranges(*args.threads, product(shape) / length, (4 << 10) / length + 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t row = begin; row < end; ++row) {
                      const float* from = x + row * length;
                      const auto n = static_cast<double>(length);
                      const double mean = loops().reduce(ReduceKind::sum, from, length) / n;
                      // Two passes: squares of the numbers themselves would lose digits to a large mean.
                      double squares = 0;
                      for (int64_t i = 0; i < length; ++i) {
                        const double d = static_cast<double>(from[i]) - mean;
                        squares += d * d;
                      }
                      const double inverse = 1 / std::sqrt(squares / n + static_cast<double>(norm.epsilon));
                      loops().normalise(from, y + row * length, length, static_cast<float>(mean),
                                        static_cast<float>(inverse), scale, bias);
                    }
                  });
}

}  // namespace

const Kernel& layer_norm_cpu() {
  static const CpuKernel kernel("layer_norm.cpu", LayerNorm::name, check, compute);
  return kernel;
}

}  // namespace hone
