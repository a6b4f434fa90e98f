// Problems in another floating type.
#pragma once

#include <optional>

#include "kernels/problems.h"

namespace hone {

// The problem with every f32 operand in `type`, or nothing where the operator's reference does not take it
// so. Settings that have to stay f32 (scales of a Resize) do.
std::optional<OwnedProblem> in_type(const OwnedProblem& problem, DType type);

// What GPU rows are tested on: the parity problems as they are and in f16, and decoding from f16 to f32 as
// detectors do.
std::vector<OwnedProblem> gpu_problems(std::string_view op);

}  // namespace hone
