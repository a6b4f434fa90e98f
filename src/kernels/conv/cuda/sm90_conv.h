// The Hopper rows' parts for those who compare plans.
#pragma once

#include <memory>

#include "kernels/conv/cuda/sm90_plan.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {

cuda::Program sm90_program(const Sm90Variant& variant, const CudaConv& conv, const Sm90Plan& plan);
// Runs one plan. `packed` is what the variant's row packs, on the device, and outlives the runner.
Result<std::unique_ptr<Runner>> prepare_sm90(CudaDevice& device, const Sm90Variant& variant,
                                             const CudaConv& conv, const Sm90Plan& plan,
                                             std::span<const std::byte> packed);

}  // namespace hone
