// How long a plan for the kernel of sm_80 and newer should take.
#pragma once

#include "kernels/conv/cuda/mma_plan.h"

namespace hone {

// Microseconds in a chain of dependent layers with warm weights. Fitted to an H200 held to sm_86's limits.
double mma_cost_us(const MmaVariant& variant, const CudaConv& conv, const GpuTraits& gpu,
                   const MmaPlan& plan);

}  // namespace hone
