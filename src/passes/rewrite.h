// What passes share: who makes and reads a value, and replacements that are applied all at once, so that a
// pass costs O(nodes) however much it finds.
#pragma once

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace hone {

// Indices of nodes stay valid until finish(). After finish() the rewriter is used up.
class Rewriter {
 public:
  explicit Rewriter(Graph& graph);

  Graph& graph() { return graph_; }
  const Graph& graph() const { return graph_; }
  Node& node(int32_t index) { return graph_.nodes[static_cast<size_t>(index)]; }
  // The value that stands for `id` after the replacements so far.
  ValueId now(ValueId id) const;
  // Node that makes the value, or null.
  Node* producer(ValueId id) const;
  template <class T>
  Node* producer_as(ValueId id) const {
    Node* made_by = producer(id);
    return made_by && std::holds_alternative<T>(made_by->op) ? made_by : nullptr;
  }
  // Read once, by a node, and seen by nobody else (graph outputs, subgraphs).
  bool single_use(ValueId id) const;

  // Every use of `from` becomes `to`. A graph output keeps its name: `to` takes it over, where that is
  // possible (it is not when `to` is a graph input, a constant or an output itself); else nothing happens and
  // the answer is false.
  bool replace(ValueId from, ValueId to);
  // The node goes away at finish(); its outputs must have no use left, or be made by another node from now
  // on.
  void erase(Node& node);
  // Says that a node was changed in place, its inputs and outputs too.
  void changed(Node& node);
  bool finish();

 private:
  size_t index_of(const Node& node) const { return static_cast<size_t>(&node - graph_.nodes.data()); }

  Graph& graph_;
  std::vector<int32_t> made_by_;
  std::vector<int32_t> uses_;  // by nodes; graph outputs and captures count as two
  std::vector<char> is_output_, is_captured_;
  std::vector<char> erased_;
  std::vector<ValueId> stands_for_;
  bool changed_ = false, replaced_ = false;
};

// The one value of a floating constant with one element, of rank 0 or 1.
std::optional<float> scalar_of(const Graph& graph, ValueId id);
// The integers of a constant list.
std::optional<std::vector<int64_t>> ints_of(const Graph& graph, ValueId id);
// Input i, kNoValue when the node has none.
inline ValueId input_of(const Node& node, size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : kNoValue;
}
// A Unary or null.
inline const Activation* activation_of(const Node* node) {
  const auto* unary = node ? std::get_if<Unary>(&node->op) : nullptr;
  return unary ? &unary->function : nullptr;
}
inline bool is_binary(const Node* node, BinaryKind kind) {
  const auto* binary = node ? std::get_if<Binary>(&node->op) : nullptr;
  return binary && binary->kind == kind;
}

}  // namespace hone
