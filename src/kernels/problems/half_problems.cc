#include "kernels/problems/half_problems.h"

#include "ir/infer.h"
#include "kernels/element.h"

namespace hone {
namespace {

Bytes converted(const Bytes& from, const TensorDesc& desc, DType type) {
  const auto count = element_count(desc.shape).value_or(0);
  std::vector<std::byte> bytes(byte_count(type, desc.shape).value_or(0));
  const ReadReal read = real_reader(desc.type);
  const WriteReal write = real_writer(type);
  for (int64_t i = 0; i < count; ++i) write(bytes.data(), i, read(from.view().data(), i));
  return Bytes::of(std::move(bytes));
}

bool stays_f32(const Op& op, size_t input) { return std::holds_alternative<Resize>(op) && input > 0; }

}  // namespace

std::optional<OwnedProblem> in_type(const OwnedProblem& problem, DType type) {
  OwnedProblem other = problem;
  bool changed = false;
  for (size_t i = 0; i < other.inputs.size(); ++i) {
    TensorDesc& desc = other.inputs[i];
    if (!desc.has_shape || desc.type != DType::f32 || stays_f32(other.op, i)) continue;
    other.data[i] = converted(problem.data[i], desc, type);
    desc.type = type;
    if (other.constants[i]) other.constants[i] = Constant::of(desc, other.data[i]);
    changed = true;
  }
  if (!changed) return {};
  auto outputs = infer(other.op, other.inputs, other.constants, other.outputs.size());
  if (!outputs) return {};
  other.outputs = std::move(*outputs);
  other.text += " as " + std::string(dtype_name(type));
  for (const Kernel* kernel : kernels_for(op_name(other.op), DeviceKind::cpu))
    if (kernel->is_reference() && !kernel->may_i(other.view()).legal) return {};
  return other;
}

std::vector<OwnedProblem> gpu_problems(std::string_view op) {
  std::vector<OwnedProblem> all;
  for (OwnedProblem& problem : problems_for(op, ProblemSet::parity)) {
    if (auto half = in_type(problem, DType::f16)) {
      all.push_back(*half);
      if (std::holds_alternative<DecodeBoxes>(half->op)) {
        half->outputs[0].type = DType::f32;
        half->text += " to f32";
        all.push_back(std::move(*half));
      }
    }
    all.push_back(std::move(problem));
  }
  return all;
}

}  // namespace hone
