// What the convolution families for GPUs share: a row is a variant, and a problem gets the variant's best
// plan.
#pragma once

#include <fmt/format.h>

#include "kernels/conv/cuda/cuda_conv.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {

// Plan: with `estimated_us`.
template <class Plan>
class PlannedConv : public Kernel {
 public:
  explicit PlannedConv(std::string name) : name_(std::move(name)) {}
  std::string_view name() const final { return name_; }
  std::string_view op() const final { return Conv::name; }
  DeviceKind device() const final { return DeviceKind::cuda; }
  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc> outputs) const final {
    return nhwc_signatures(inputs, outputs);
  }

  Verdict may_i(const Problem& problem) const final {
    CudaConv conv;
    Plan plan;
    if (std::string why = settle(problem, conv, plan); !why.empty()) return Verdict::no(std::move(why));
    Verdict yes{.legal = true, .workspace_bytes = workspace_bytes(plan)};
    yes.estimated_ms = plan.estimated_us * 1e-3;
    yes.image_stride = true, yes.slice_alignment = 16;
    return yes;
  }

  std::vector<size_t> packed_inputs(const Problem& problem) const final {
    return conv_packed_inputs(problem);
  }

  Result<std::vector<cuda::Program>> programs(const Problem& problem) const final {
    CudaConv conv;
    Plan plan;
    if (std::string why = settle(problem, conv, plan); !why.empty())
      return error(StatusCode::invalid_argument, fmt::format("{}: {}", name_, why));
    return std::vector{program(conv, plan)};
  }

  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const final {
    CudaConv conv;
    Plan plan;
    if (std::string why = settle(problem, conv, plan); !why.empty())
      return error(StatusCode::invalid_argument, fmt::format("{}: {}", name_, why));
    return runner(static_cast<CudaDevice&>(*problem.device), conv, plan, packed);
  }

 private:
  // The variant's best plan for this chip, or in `why` what stands against all of them.
  virtual void choose(const CudaConv& conv, const GpuTraits& gpu, Plan& plan, std::string& why) const = 0;
  // The best of those whose program the device may load; false where there is none. For families with
  // several programs a variant.
  virtual bool choose_carried(const CudaConv&, const CudaDevice&, Plan&) const { return false; }
  virtual size_t workspace_bytes(const Plan&) const { return 0; }
  virtual cuda::Program program(const CudaConv& conv, const Plan& plan) const = 0;
  virtual Result<std::unique_ptr<Runner>> runner(CudaDevice& device, const CudaConv& conv, const Plan& plan,
                                                 std::span<const std::byte> packed) const = 0;

  std::string settle(const Problem& problem, CudaConv& conv, Plan& plan) const {
    if (problem.device == nullptr || problem.device->gpu() == nullptr) return "needs a GPU";
    if (std::string why = read_cuda_conv(problem, conv); !why.empty()) return why;
    std::string why;
    choose(conv, *problem.device->gpu(), plan, why);
    const auto& gpu = static_cast<const CudaDevice&>(*problem.device);
    if (why.empty() && gpu.carried() != nullptr && !gpu.may_load(program(conv, plan).key()) &&
        !choose_carried(conv, gpu, plan))
      why = cuda::kNotCarried;
    return why;
  }

  std::string name_;
};

// Pointers to the rows, as the table of kernels wants them.
template <class Row>
std::vector<const Kernel*> pointers_to(const std::vector<Row>& rows) {
  std::vector<const Kernel*> pointers;
  for (const Row& row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace hone
