// How long a plan for the Hopper kernel should take.
#pragma once

#include "kernels/conv/cuda/sm90_plan.h"

namespace hone {

// Microseconds in a chain of dependent layers with warm weights. Fitted to an H200.
double sm90_cost_us(const Sm90Variant& variant, const CudaConv& conv, const GpuTraits& gpu,
                    const Sm90Plan& plan);

}  // namespace hone
