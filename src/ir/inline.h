// If and Loop whose way is known become plain nodes.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace hone {

// Loops of more trips stay loops.
inline constexpr int64_t kMaxUnrolled = 64;

// The outer values behind a subgraph's captures, which are its last inputs.
Result<std::vector<ValueId>> captured_values(const Graph& outer, const Graph& subgraph);

// The nodes that do what an If with a constant condition, or a Loop with a constant trip count, does; nothing
// when the way is not known. Values are added to `outer`; the last nodes make the node's own outputs.
Result<std::vector<Node>> inline_control_flow(Graph& outer, const Node& node);

}  // namespace hone
