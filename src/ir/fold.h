// Nodes whose outputs can be known before the network runs.
#pragma once

#include <span>
#include <vector>

#include "ir/infer.h"

namespace hone {

struct Folder {
  const Evaluator& evaluate;
  const InferOptions& options;

  // The node's outputs as constants, one an output, or nothing when it has to stay. Small ones are computed
  // now, large ones when somebody asks for their bytes.
  Result<std::vector<ConstantPtr>> fold(const Node& node, std::span<const TensorDesc> inputs,
                                        std::span<const ConstantPtr> constants,
                                        std::span<const TensorDesc> outputs) const;
};

// The key of output `index` of an op computed from constants with these keys.
uint64_t folded_key(const Op& op, std::span<const ConstantPtr> inputs, size_t index);

}  // namespace hone
