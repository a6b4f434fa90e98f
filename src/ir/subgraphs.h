// What If and Loop see of the graph they stand in.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace hone {

// Subgraphs nested deeper than this are refused, so that walking them needs no care for the stack.
inline constexpr int kMaxSubgraphDepth = 16;

bool has_subgraphs(const Op& op);
// The branches of an If or the body of a Loop; none for other ops. Never null pointers.
std::vector<std::shared_ptr<Graph>> subgraphs_of(const Op& op);
// Captured names change; subgraphs are copied first, since copies of a graph share them.
void rename_captures(Op& op, const std::map<std::string, std::string>& new_names);

// Finds the outer values that a node's subgraphs capture. Costs nothing for graphs without subgraphs.
class CaptureFinder {
 public:
  explicit CaptureFinder(const Graph& graph);
  // Names that are not in the graph are left out.
  std::vector<ValueId> of(const Op& op) const;

 private:
  std::unordered_map<std::string, ValueId> by_name_;
};

}  // namespace hone
