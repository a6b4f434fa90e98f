// Unary, Binary, Where and Cast on a GPU, in any layout, on slices.
#include "ir/op.h"
#include "kernels/elementwise/pointwise.h"

namespace hone {
namespace {

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return cuda_shared_layouts(inputs, outputs);
}

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  const bool same_place = p.inputs[0].type == p.outputs[0].type && p.inputs[0].shape == p.outputs[0].shape &&
                          p.inputs[0].layout == p.outputs[0].layout;
  return cuda_yes(p, {.in_place = p.inputs.size() == 1 && same_place});
}

// --- Unary ---

// Identity between layouts is a reorder; Cast may change the layout on its way.
std::vector<LayoutSignature> reordering_layouts(std::span<const TensorDesc> inputs,
                                                std::span<const TensorDesc> outputs) {
  std::vector<LayoutSignature> all = cuda_shared_layouts(inputs, outputs);
  if (all.size() > 1) {
    all.push_back({.inputs = {Layout::plain}, .outputs = {Layout::nhwc}});
    all.push_back({.inputs = {Layout::nhwc}, .outputs = {Layout::plain}});
  }
  return all;
}
std::vector<LayoutSignature> unary_layouts(const Op& op, std::span<const TensorDesc> inputs,
                                           std::span<const TensorDesc> outputs) {
  return std::get<Unary>(op).function.is_identity() ? reordering_layouts(inputs, outputs)
                                                    : cuda_shared_layouts(inputs, outputs);
}
std::vector<LayoutSignature> cast_layouts(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc> outputs) {
  return reordering_layouts(inputs, outputs);
}
std::vector<cuda::Program> unary_programs(const Problem& p) {
  const UnaryKind kind = std::get<Unary>(p.op).function.kind;
  if (kind == UnaryKind::identity) return {copy_program(p.inputs[0].type)};
  const std::string compute = cuda_compute(p.inputs[0].type);
  return {pointwise_program({.types = {cuda_element(p.outputs[0].type), cuda_element(p.inputs[0].type)},
                             .compute = compute,
                             .expression = "f_" + std::string(unary_name(kind)) + "<" + compute + ">(a," +
                                           compute + "(p.alpha)," + compute + "(p.beta))"})};
}
void enqueue_unary(const CudaCall& call) {
  const auto* unary = std::get_if<Unary>(&call.op);  // else a Cast
  const Activation f = unary ? unary->function : Activation{};
  const PointwiseOperand operands[] = {pointwise_operand(output(call), cuda_strides(output(call))),
                                       pointwise_operand(input(call, 0), cuda_strides(input(call, 0)))};
  run_pointwise(call, 0, output(call).desc->shape, operands,
                {.alpha = static_cast<double>(f.alpha), .beta = static_cast<double>(f.beta)});
}

// --- Binary and Where ---

void enqueue_broadcast(const CudaCall& call) {
  const Shape& shape = output(call).desc->shape;
  PointwiseOperand operands[4] = {pointwise_operand(output(call), cuda_strides(output(call)))};
  const size_t inputs = call.args.inputs.size();
  for (size_t i = 0; i < inputs; ++i)
    operands[1 + i] = pointwise_operand(input(call, i), cuda_broadcast(input(call, i), shape));
  run_pointwise(call, 0, shape, std::span(operands).first(1 + inputs));
}
std::vector<cuda::Program> binary_programs(const Problem& p) {
  const BinaryKind kind = std::get<Binary>(p.op).kind;
  const DType left = p.inputs[0].type, right = p.inputs[1].type;
  const bool real = is_floating(left) || is_floating(right);
  std::string compute = cuda_compute(left);
  if (real) {
    const auto wide = [](DType type) { return type == DType::f64 || dtype_bits(type) > 16; };
    const bool mixed = left != right && (wide(left) && wide(right));
    compute = left == DType::f64 || right == DType::f64 || mixed ? "double" : "float";
  }
  return {
      pointwise_program({.types = {cuda_element(p.outputs[0].type), cuda_element(left), cuda_element(right)},
                         .compute = compute,
                         .expression = "f_" + std::string(binary_name(kind)) + "<" + compute + ">(a,b)"})};
}
std::vector<cuda::Program> where_programs(const Problem& p) {
  const std::string mover = cuda_mover(p.outputs[0].type);
  return {pointwise_program(
      {.types = {mover, "bool_t", mover, mover}, .compute = mover, .expression = "(a?b:c)"})};
}
Verdict check_where(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p);
}

// --- Cast ---

std::vector<cuda::Program> cast_programs(const Problem& p) {
  const DType from = p.inputs[0].type, to = p.outputs[0].type;
  if (from == to) return {copy_program(from)};
  std::string compute;
  if (!is_floating(from) && !is_floating(to))
    compute = from == DType::u64 ? "u64" : "i64";
  else
    compute = dtype_bits(from) + dtype_bits(to) > 48 ? "double" : "float";
  return {pointwise_program(
      {.types = {cuda_element(to), cuda_element(from)}, .compute = compute, .expression = "a"})};
}
Verdict check_cast(const Problem& p) {
  Verdict verdict = check(p);
  if (verdict.legal && p.inputs[0].shape != p.outputs[0].shape) return Verdict::no("changes the shape");
  verdict.in_place = false;
  return verdict;
}

}  // namespace

const Kernel& unary_cuda() {
  static const CudaKernel kernel("unary.cuda", Unary::name, check, unary_programs, enqueue_unary,
                                 unary_layouts);
  return kernel;
}
const Kernel& binary_cuda() {
  static const CudaKernel kernel("binary.cuda", Binary::name, check, binary_programs, enqueue_broadcast,
                                 layouts);
  return kernel;
}
const Kernel& where_cuda() {
  static const CudaKernel kernel("where.cuda", Where::name, check_where, where_programs, enqueue_broadcast,
                                 layouts);
  return kernel;
}
const Kernel& cast_cuda() {
  static const CudaKernel kernel("cast.cuda", Cast::name, check_cast, cast_programs, enqueue_unary,
                                 cast_layouts);
  return kernel;
}

}  // namespace hone
