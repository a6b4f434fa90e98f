#include "passes/rewrite.h"

#include <algorithm>

#include "ir/subgraphs.h"

namespace hone {

Rewriter::Rewriter(Graph& graph)
    : graph_(graph),
      made_by_(graph.producers()),
      uses_(graph.values.size(), 0),
      is_output_(graph.values.size(), 0),
      is_captured_(graph.values.size(), 0),
      erased_(graph.nodes.size(), 0),
      stands_for_(graph.values.size()) {
  for (size_t i = 0; i < stands_for_.size(); ++i) stands_for_[i] = static_cast<ValueId>(i);
  const CaptureFinder captured(graph);
  for (const Node& n : graph.nodes) {
    for (ValueId id : n.inputs)
      if (id != kNoValue) ++uses_[static_cast<size_t>(id)];
    for (ValueId id : captured.of(n.op)) is_captured_[static_cast<size_t>(id)] = 1;
  }
  for (ValueId id : graph.outputs) is_output_[static_cast<size_t>(id)] = 1;
}

ValueId Rewriter::now(ValueId id) const {
  // Values added since the start stand for themselves.
  while (id != kNoValue && static_cast<size_t>(id) < stands_for_.size() &&
         stands_for_[static_cast<size_t>(id)] != id)
    id = stands_for_[static_cast<size_t>(id)];
  return id;
}

Node* Rewriter::producer(ValueId id) const {
  id = now(id);
  if (id == kNoValue || static_cast<size_t>(id) >= made_by_.size()) return nullptr;
  const int32_t index = made_by_[static_cast<size_t>(id)];
  return index < 0 || erased_[static_cast<size_t>(index)] ? nullptr
                                                          : &graph_.nodes[static_cast<size_t>(index)];
}

bool Rewriter::single_use(ValueId id) const {
  const auto i = static_cast<size_t>(now(id));
  return i < uses_.size() && uses_[i] == 1 && !is_output_[i] && !is_captured_[i];
}

bool Rewriter::replace(ValueId from, ValueId to) {
  from = now(from);
  to = now(to);
  if (from == to) return true;
  const auto f = static_cast<size_t>(from), t = static_cast<size_t>(to);
  if (t >= uses_.size()) return false;  // a value of this pass: who reads it is not known
  if (is_output_[f]) {
    if (is_output_[t] || made_by_[t] < 0 || is_captured_[f] || is_captured_[t]) return false;
    std::swap(graph_.values[f].name, graph_.values[t].name);
    graph_.values[t].dim_names = graph_.values[f].dim_names;
    is_output_[t] = 1;
    is_output_[f] = 0;
  }
  is_captured_[t] = is_captured_[t] || is_captured_[f];
  uses_[t] += uses_[f];
  uses_[f] = 0;
  stands_for_[f] = to;
  replaced_ = true;
  return true;
}

void Rewriter::erase(Node& node) {
  for (ValueId id : node.inputs)
    if (id = now(id); id != kNoValue && static_cast<size_t>(id) < uses_.size())
      --uses_[static_cast<size_t>(id)];
  erased_[index_of(node)] = 1;
  changed_ = true;
}

void Rewriter::changed(Node& node) {
  changed_ = true;
  for (ValueId id : node.outputs)
    if (id != kNoValue && static_cast<size_t>(id) < made_by_.size())
      made_by_[static_cast<size_t>(id)] = static_cast<int32_t>(index_of(node));
}

bool Rewriter::finish() {
  if (!changed_ && !replaced_) return false;
  std::map<std::string, std::string> new_names;
  for (size_t i = 0; i < stands_for_.size(); ++i)
    if (stands_for_[i] != static_cast<ValueId>(i) && is_captured_[i])
      new_names[graph_.values[i].name] = graph_.value(now(static_cast<ValueId>(i))).name;
  for (ValueId& id : graph_.outputs) id = now(id);
  size_t kept = 0;
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    if (n < erased_.size() && erased_[n]) continue;
    Node& node = graph_.nodes[n];
    for (ValueId& id : node.inputs) id = now(id);
    if (!new_names.empty() && has_subgraphs(node.op)) rename_captures(node.op, new_names);
    if (kept != n) graph_.nodes[kept] = std::move(node);
    ++kept;
  }
  graph_.nodes.resize(kept);
  return true;
}

std::optional<float> scalar_of(const Graph& graph, ValueId id) {
  if (!graph.is_constant(id)) return std::nullopt;
  const Constant& constant = *graph.value(id).constant;
  const TensorDesc& desc = constant.desc();
  if (!is_floating(desc.type) || desc.shape.size() > 1 || element_count(desc.shape).value_or(0) != 1)
    return std::nullopt;
  const auto values = constant.to_floats();
  return values ? std::optional((*values)[0]) : std::nullopt;
}

std::optional<std::vector<int64_t>> ints_of(const Graph& graph, ValueId id) {
  if (!graph.is_constant(id) || graph.desc(id).shape.size() > 1 || is_floating(graph.desc(id).type))
    return std::nullopt;
  auto values = graph.value(id).constant->to_ints();
  return values ? std::optional(std::move(*values)) : std::nullopt;
}

}  // namespace hone
