// ONNX Resize: nearest, linear and cubic, separable over every axis. Sums are f64.
#include <cmath>

#include "kernels/movement/strided.h"
#include "kernels/resize/taps.h"

namespace hone {
namespace {

std::string check(const Problem& p) {
  if (std::string why = check_arity(p, 1, 4); !why.empty()) return why;
  if (p.inputs[0].type != p.outputs[0].type || p.inputs[0].shape.size() != p.outputs[0].shape.size())
    return "changes its operand's type or rank";
  if (dtype_bits(p.inputs[0].type) < 8) return "does not take elements of four bits";
  if (is_present(p, 2) && p.inputs[2].type != DType::f32) return "has scales that are no f32";
  return product(p.inputs[0].shape) == 0 && product(p.outputs[0].shape) != 0 ? "has nothing to resize" : "";
}

void compute(const Op& op, const RunArgs& args) {
  const auto& resize = std::get<Resize>(op);
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  const Dims strides = dense_strides(in);
  const ReadReal read = real_reader(x.desc->type);
  const WriteReal write = real_writer(y.desc->type);
  std::array<double, kMaxRank> scales;
  for (size_t i = 0; i < in.size(); ++i) scales[i] = resize_scale(resize, args.inputs, i, out[i]);
  int64_t at_output = 0;
  walk<0>(out, {}, [&](const Dims& at, const auto&) {
    std::array<ResizeTaps, kMaxRank> taps;
    Dims counts{};
    for (size_t i = 0; i < in.size(); ++i) {
      taps[i] = resize_taps(resize, at[i], in[i], out[i], scales[i]);
      counts[i] = taps[i].count;
    }
    double sum = 0;
    walk<0>(std::span(counts).first(in.size()), {}, [&](const Dims& tap, const auto&) {
      double weight = 1;
      int64_t offset = 0;
      for (size_t i = 0; i < in.size(); ++i) {
        weight *= taps[i].weight[static_cast<size_t>(tap[i])];
        offset += taps[i].index[static_cast<size_t>(tap[i])] * strides[i];
      }
      sum += weight == 1 ? read(x.data, offset) : weight * read(x.data, offset);
    });
    write(y.data, at_output++, sum);
  });
}

}  // namespace

const Kernel& resize_reference() {
  static const ReferenceKernel kernel("resize.reference", Resize::name, check, compute);
  return kernel;
}

}  // namespace hone
