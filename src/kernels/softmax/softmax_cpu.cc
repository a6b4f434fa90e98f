// Softmax of plain f32 along any axis: a row at a time along the last, neighbouring columns together along
// another.
#include "kernels/cpu_kernel.h"
#include "kernels/simd/loops.h"

namespace hone {
namespace {

constexpr int64_t kGrain = 4 << 10;  // elements that are worth a thread
constexpr int64_t kColumns = 256;    // neighbours that one call takes

Verdict check(const Problem& p) {
  if (p.inputs.size() != 1 || p.outputs.size() != 1) return Verdict::no("takes one input");
  if (!is_f32(p) || !all_plain(p)) return Verdict::no("takes plain f32");
  if (p.inputs[0].shape != p.outputs[0].shape) return Verdict::no("changes the shape");
  const auto& softmax = std::get<Softmax>(p.op);
  if (softmax.log) return Verdict::no("has no logarithmic form");
  const size_t axis = normal_axis(softmax.axis, p.inputs[0].shape.size());
  if (axis == p.inputs[0].shape.size()) return Verdict::no("has no such axis");
  return yes_to(p, {.in_place = true, .image_stride = axis > 0});
}

void compute(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const std::span shape(x.desc->shape);
  const size_t axis = normal_axis(std::get<Softmax>(op).axis, shape.size());
  const int64_t length = shape[axis], inner = product(shape.subspan(axis + 1));
  // Rows (or groups of columns) of one image; with axis 0 everything is one image.
  const int64_t images = axis == 0 ? 1 : shape[0],
                outer = axis == 0 ? 1 : product(shape.subspan(1, axis - 1));
  const int64_t groups = (inner + kColumns - 1) / kColumns;
  if (length == 0) return;
  parallel_ranges(*args.threads, images * outer * groups, kGrain / (length * std::min(inner, kColumns)) + 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      const int64_t column = i % groups * kColumns, row = i / groups % outer,
                                    image = i / groups / outer;
                      const int64_t place = row * length * inner + column;
                      loops().softmax(static_cast<const float*>(x.data) + image * x.image_stride + place,
                                      static_cast<float*>(y.data) + image * y.image_stride + place, length,
                                      inner, std::min(kColumns, inner - column));
                    }
                  });
}

}  // namespace

const Kernel& softmax_cpu() {
  static const CpuKernel kernel("softmax.cpu", Softmax::name, check, compute);
  return kernel;
}

}  // namespace hone
