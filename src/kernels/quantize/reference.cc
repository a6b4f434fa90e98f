// ONNX QuantizeLinear and DequantizeLinear, one scale a tensor or one an index of `axis`.
#include <cmath>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

std::string check(const Problem& p, int64_t axis) {
  if (std::string why = check_arity(p, 2, 3); !why.empty()) return why;
  if (std::string why = check_floating(p, 1); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &scale = p.inputs[1].shape;
  if (in != p.outputs[0].shape) return "changes the shape";
  if (is_present(p, 2) && product(p.inputs[2].shape) != product(scale))
    return "has more or fewer zero points than scales";
  if (product(scale) == 1) return {};
  const size_t place = normal_axis(axis, in.size());
  if (scale.size() != 1 || place == in.size() || scale[0] != in[place])
    return "has scales that are not one an index";
  return {};
}

// Calls f(element, scale, zero point).
template <class F>
void each_element(const RunArgs& args, int64_t axis, F&& f) {
  const std::span shape(args.inputs[0].desc->shape);
  const int64_t scales = product(args.inputs[1].desc->shape), count = product(shape);
  const size_t place = normal_axis(axis, shape.size());
  const int64_t inner = scales == 1 ? std::max<int64_t>(count, 1) : product(shape.subspan(place + 1));
  const ReadReal read_scale = real_reader(args.inputs[1].desc->type);
  const bool shifted = args.inputs.size() > 2 && args.inputs[2].data;
  const ReadReal read_zero = shifted ? real_reader(args.inputs[2].desc->type) : nullptr;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t k = i / inner % scales;
    f(i, read_scale(args.inputs[1].data, k), shifted ? read_zero(args.inputs[2].data, k) : 0.0);
  }
}

std::string check_quantize(const Problem& p) {
  if (std::string why = check(p, std::get<QuantizeLinear>(p.op).axis); !why.empty()) return why;
  if (is_present(p, 2) && p.inputs[2].type != p.outputs[0].type)
    return "has a zero point of another type than its result";
  return check_floating(p, 0);
}

// The quotient is rounded as f32 first: every runtime does so, and halves fall to the same side.
void compute_quantize(const Op& op, const RunArgs& args) {
  const DType to = args.outputs[0].desc->type;
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(to);
  each_element(args, std::get<QuantizeLinear>(op).axis, [&](int64_t i, double scale, double zero) {
    const float quotient = static_cast<float>(read(args.inputs[0].data, i)) / static_cast<float>(scale);
    write(args.outputs[0].data, i,
          is_floating(to) ? static_cast<double>(quotient) + zero
                          : static_cast<double>(std::nearbyint(quotient)) + zero);
  });
}

std::string check_dequantize(const Problem& p) {
  if (p.outputs.size() == 1 && !is_floating(p.outputs[0].type)) return "gives no floating type";
  return check(p, std::get<DequantizeLinear>(p.op).axis);
}

void compute_dequantize(const Op& op, const RunArgs& args) {
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(args.outputs[0].desc->type);
  each_element(args, std::get<DequantizeLinear>(op).axis, [&](int64_t i, double scale, double zero) {
    write(args.outputs[0].data, i, (read(args.inputs[0].data, i) - zero) * scale);
  });
}

}  // namespace

const Kernel& quantize_linear_reference() {
  static const ReferenceKernel kernel("quantize_linear.reference", QuantizeLinear::name, check_quantize,
                                      compute_quantize);
  return kernel;
}
const Kernel& dequantize_linear_reference() {
  static const ReferenceKernel kernel("dequantize_linear.reference", DequantizeLinear::name, check_dequantize,
                                      compute_dequantize);
  return kernel;
}

}  // namespace hone
