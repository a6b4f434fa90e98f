// What all reference kernels share: plain tensors in, plain tensors out, a function that says what is
// computed.
#pragma once

#include <string>

#include "kernels/kernel.h"

namespace hone {

inline constexpr size_t kMaxRank = 16;

class ReferenceKernel final : public Kernel {
 public:
  // Why the problem cannot be computed, or nothing. Descs are concrete, plain, of rank <= kMaxRank and of
  // whole bytes when this is asked.
  using Check = std::string (*)(const Problem& problem);
  using Compute = void (*)(const Op& op, const RunArgs& args);
  using Workspace = size_t (*)(const Problem& problem);

  ReferenceKernel(const char* name, const char* op, Check check, Compute compute, bool in_place = false,
                  Workspace workspace = nullptr)
      : name_(name), op_(op), check_(check), compute_(compute), in_place_(in_place), workspace_(workspace) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return op_; }
  bool is_reference() const override { return true; }
  Verdict may_i(const Problem& problem) const override;
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const override;

 private:
  const char *name_, *op_;
  Check check_;
  Compute compute_;
  bool in_place_;
  Workspace workspace_;
};

// Checks that several operators share. Each returns the empty string when all is well.
std::string check_arity(const Problem& problem, size_t least_inputs, size_t most_inputs, size_t outputs = 1);
// The given inputs are there (have shapes).
std::string check_present(const Problem& problem, size_t inputs);
// Input i's type is floating (f32, f64, f16, bf16), or absent.
std::string check_floating(const Problem& problem, size_t input);
std::string check_same_type(const TensorDesc& a, const TensorDesc& b);
bool is_present(const Problem& problem, size_t input);

}  // namespace hone
