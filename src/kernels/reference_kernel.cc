#include "kernels/reference_kernel.h"

namespace hone {
namespace {

class ReferenceRunner final : public Runner {
 public:
  ReferenceRunner(const Op& op, ReferenceKernel::Compute compute) : op_(op), compute_(compute) {}
  void run(const RunArgs& args) noexcept override { compute_(op_, args); }

 private:
  Op op_;
  ReferenceKernel::Compute compute_;
};

std::string check_desc(const TensorDesc& desc, const char* what, size_t index) {
  const std::string which = std::string(what) + " " + std::to_string(index);
  if (!is_concrete(desc.shape))
    return which + " has the shape " + shape_text(desc.shape) + ", which is not concrete";
  if (desc.shape.size() > kMaxRank) return which + " has more than 16 axes";
  if (desc.layout != Layout::plain) return which + " is not plain";
  if (dtype_bits(desc.type) == 0) return which + " holds strings";
  if (!element_count(desc.shape)) return which + " is too large";
  return {};
}

}  // namespace

Verdict ReferenceKernel::may_i(const Problem& problem) const {
  for (size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].has_shape)
      if (std::string why = check_desc(problem.inputs[i], "input", i); !why.empty()) return Verdict::no(why);
  for (size_t i = 0; i < problem.outputs.size(); ++i) {
    if (!problem.outputs[i].has_shape) return Verdict::no("output " + std::to_string(i) + " has no shape");
    if (std::string why = check_desc(problem.outputs[i], "output", i); !why.empty()) return Verdict::no(why);
  }
  if (std::string why = check_(problem); !why.empty()) return Verdict::no(why);
  Verdict yes;
  yes.legal = true;
  yes.in_place = in_place_;
  if (workspace_) yes.workspace_bytes = workspace_(problem);
  return yes;
}

Result<std::unique_ptr<Runner>> ReferenceKernel::prepare(const Problem& problem,
                                                         std::span<const std::byte>) const {
  return std::make_unique<ReferenceRunner>(problem.op, compute_);
}

std::string check_arity(const Problem& problem, size_t least_inputs, size_t most_inputs, size_t outputs) {
  if (problem.inputs.size() < least_inputs || problem.inputs.size() > most_inputs)
    return "has " + std::to_string(problem.inputs.size()) + " inputs, takes " + std::to_string(least_inputs) +
           " to " + std::to_string(most_inputs);
  if (problem.outputs.size() != outputs)
    return "has " + std::to_string(problem.outputs.size()) + " outputs, gives " + std::to_string(outputs);
  return check_present(problem, least_inputs);
}

std::string check_present(const Problem& problem, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i)
    if (!is_present(problem, i)) return "input " + std::to_string(i) + " is absent";
  return {};
}

bool is_present(const Problem& problem, size_t input) {
  return input < problem.inputs.size() && problem.inputs[input].has_shape;
}

std::string check_floating(const Problem& problem, size_t input) {
  if (!is_present(problem, input)) return {};
  const DType type = problem.inputs[input].type;
  if (type == DType::f32 || type == DType::f64 || type == DType::f16 || type == DType::bf16) return {};
  return "input " + std::to_string(input) + " is " + std::string(dtype_name(type)) +
         ", wants f32, f64, f16 or bf16";
}

std::string check_same_type(const TensorDesc& a, const TensorDesc& b) {
  if (a.type == b.type) return {};
  return "mixes " + std::string(dtype_name(a.type)) + " and " + std::string(dtype_name(b.type));
}

}  // namespace hone
