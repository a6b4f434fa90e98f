// The parts of the rows for sm_80 and newer, for those who compare plans.
#pragma once

#include <memory>

#include "kernels/conv/cuda/mma_plan.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {

cuda::Program mma_program(const MmaVariant& variant, const CudaConv& conv, const MmaPlan& plan);
// Runs one plan. `packed` is what the variant's row packs, on the device, and outlives the runner.
Result<std::unique_ptr<Runner>> prepare_mma(CudaDevice& device, const MmaVariant& variant,
                                            const CudaConv& conv, const MmaPlan& plan,
                                            std::span<const std::byte> packed);

}  // namespace hone
