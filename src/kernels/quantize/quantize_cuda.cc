// QuantizeLinear and DequantizeLinear on a GPU: expressions of the element, its scale and its zero point.
#include "kernels/elementwise/pointwise.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p);
}
std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return cuda_shared_layouts(inputs, outputs);
}

bool has_zero(const Problem& p) { return p.inputs.size() > 2 && p.inputs[2].has_shape; }
cuda::Program program(const Problem& p, const std::string& expression) {
  std::vector<std::string> types = {cuda_element(p.outputs[0].type), cuda_element(p.inputs[0].type),
                                    cuda_element(p.inputs[1].type)};
  if (has_zero(p)) types.emplace_back(cuda_element(p.inputs[2].type));
  return pointwise_program({.types = types, .compute = "double", .expression = expression});
}
// The quotient is rounded as f32 first: every runtime does so, and halves fall to the same side.
std::vector<cuda::Program> quantize_programs(const Problem& p) {
  return {program(p, std::string("rint(double(__fdiv_rn(float(a),float(b))))") + (has_zero(p) ? "+c" : ""))};
}
std::vector<cuda::Program> dequantize_programs(const Problem& p) {
  return {program(p, has_zero(p) ? "(a-c)*b" : "a*b")};
}

template <class Quantization>
void enqueue(const CudaCall& call) {
  const Shape& shape = output(call).desc->shape;
  PointwiseOperand operands[4] = {pointwise_operand(output(call), cuda_strides(output(call))),
                                  pointwise_operand(input(call, 0), cuda_strides(input(call, 0)))};
  Dims along{};
  if (product(input(call, 1).desc->shape) > 1)
    along[normal_axis(std::get<Quantization>(call.op).axis, shape.size())] = 1;
  const size_t inputs = has_input(call, 2) ? 3 : 2;
  for (size_t i = 1; i < inputs; ++i) operands[1 + i] = pointwise_operand(input(call, i), along);
  run_pointwise(call, 0, shape, std::span(operands).first(1 + inputs));
}

}  // namespace

const Kernel& quantize_linear_cuda() {
  static const CudaKernel kernel("quantize_linear.cuda", QuantizeLinear::name, check, quantize_programs,
                                 enqueue<QuantizeLinear>, layouts);
  return kernel;
}
const Kernel& dequantize_linear_cuda() {
  static const CudaKernel kernel("dequantize_linear.cuda", DequantizeLinear::name, check, dequantize_programs,
                                 enqueue<DequantizeLinear>, layouts);
  return kernel;
}

}  // namespace hone
