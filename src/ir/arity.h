// How many inputs and outputs an operator takes.
#pragma once

#include <cstddef>

#include "ir/graph.h"

namespace hone {

inline constexpr size_t kAnyCount = static_cast<size_t>(-1);

struct Arity {
  size_t required_inputs = 1;  // these must be present
  size_t max_inputs = 1;       // the others may be absent: missing at the end, or kNoValue
  size_t min_outputs = 1, max_outputs = 1;
};
Arity arity_of(const Op& op);

// An error in words when a node has inputs or outputs that its op does not take.
Result<> check_arity(const Op& op, std::span<const ValueId> inputs, size_t output_count);

}  // namespace hone
