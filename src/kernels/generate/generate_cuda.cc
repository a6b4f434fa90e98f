// Tensors out of little on a GPU: ShapeOf, Range, ConstantOfShape.
#include <algorithm>

#include "kernels/elementwise/pointwise.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.image_stride = false});
}

std::vector<cuda::Program> shape_programs(const Problem&) {
  return {pointwise_program({.types = {"i64"}, .compute = "i64", .expression = "p.integer"})};
}
// A launch an extent: shapes are short, and nearly always folded away.
void enqueue_shape(const CudaCall& call) {
  const Shape& in = input(call, 0).desc->shape;
  const auto rank = static_cast<int64_t>(in.size());
  const int64_t wanted = std::get<ShapeOf>(call.op).start;
  const int64_t start = std::clamp<int64_t>(wanted < 0 ? wanted + rank : wanted, 0, rank);
  const int64_t count = std::min(product(output(call).desc->shape), rank - start), one[] = {1};
  for (int64_t i = 0; i < count; ++i) {
    const PointwiseOperand operands[] = {pointwise_operand(output(call), {1}, i)};
    run_pointwise(call, 0, one, operands, {.integer = in[static_cast<size_t>(start + i)]});
  }
}

// start + i * delta
std::vector<cuda::Program> range_programs(const Problem& p) {
  const DType type = p.outputs[0].type;
  const std::string compute = is_floating(type) ? "double" : "i64", element = cuda_element(type);
  return {pointwise_program({.types = {element, element, element},
                             .compute = compute,
                             .expression = "a+" + compute + "(index)*b"})};
}
void enqueue_range(const CudaCall& call) {
  const int64_t count[] = {product(output(call).desc->shape)};
  const PointwiseOperand operands[] = {pointwise_operand(output(call), {1}),
                                       pointwise_operand(input(call, 0), {}),
                                       pointwise_operand(input(call, 2), {})};
  run_pointwise(call, 0, count, operands);
}

std::vector<cuda::Program> constant_programs(const Problem& p) {
  return {pointwise_program(
      {.types = {cuda_element(p.outputs[0].type)}, .compute = "double", .expression = "p.alpha"})};
}
void enqueue_constant(const CudaCall& call) {
  const int64_t count[] = {product(output(call).desc->shape)};
  const PointwiseOperand operands[] = {pointwise_operand(output(call), {1})};
  run_pointwise(call, 0, count, operands, {.alpha = std::get<ConstantOfShape>(call.op).value});
}

}  // namespace

const Kernel& shape_of_cuda() {
  static const CudaKernel kernel("shape_of.cuda", ShapeOf::name, check, shape_programs, enqueue_shape);
  return kernel;
}
const Kernel& range_cuda() {
  static const CudaKernel kernel("range.cuda", Range::name, check, range_programs, enqueue_range);
  return kernel;
}
const Kernel& constant_of_shape_cuda() {
  static const CudaKernel kernel("constant_of_shape.cuda", ConstantOfShape::name, check, constant_programs,
                                 enqueue_constant);
  return kernel;
}

}  // namespace hone
