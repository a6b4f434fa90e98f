// The element type of an op's output, which follows from its inputs' types alone.
#pragma once

#include <optional>
#include <span>

#include "ir/op.h"

namespace hone {

// Absent inputs may have any type. Nothing for control flow, whose subgraphs would have to be asked.
std::optional<DType> output_type(const Op& op, std::span<const DType> inputs, size_t output);

}  // namespace hone
