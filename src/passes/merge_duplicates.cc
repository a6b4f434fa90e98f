// Nodes that compute the same from the same, and constants with the same content.
#include <unordered_map>

#include "base/hash.h"
#include "ir/subgraphs.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {

bool merge_duplicates(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  std::unordered_map<uint64_t, ValueId> constant_by_key;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const ConstantPtr& constant = graph.values[i].constant;
    if (!constant) continue;
    const auto id = static_cast<ValueId>(i);
    const auto [first, is_new] = constant_by_key.try_emplace(constant->key(), id);
    if (!is_new && graph.desc(first->second) == graph.desc(id)) rewriter.replace(id, first->second);
  }
  std::unordered_multimap<uint64_t, size_t> node_by_hash;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    Node& node = graph.nodes[n];
    if (has_subgraphs(node.op)) continue;
    std::vector<ValueId> inputs = node.inputs;
    for (ValueId& id : inputs) id = rewriter.now(id);
    const uint64_t hash = hash_combine(op_hash(node.op), hash_bytes(std::as_bytes(std::span(inputs))));
    bool merged = false;
    const auto [begin, end] = node_by_hash.equal_range(hash);
    for (auto it = begin; it != end && !merged; ++it) {
      const Node& first = graph.nodes[it->second];
      if (first.outputs.size() != node.outputs.size() || first.inputs.size() != inputs.size()) continue;
      bool same = op_equal(first.op, node.op);
      for (size_t i = 0; same && i < inputs.size(); ++i) same = rewriter.now(first.inputs[i]) == inputs[i];
      for (size_t i = 0; same && i < node.outputs.size(); ++i)
        same = (first.outputs[i] == kNoValue) == (node.outputs[i] == kNoValue) &&
               !graph.is_output(rewriter.now(node.outputs[i]));
      if (!same) continue;
      for (size_t i = 0; i < node.outputs.size(); ++i)
        if (node.outputs[i] != kNoValue) rewriter.replace(node.outputs[i], first.outputs[i]);
      rewriter.erase(node);
      merged = true;
    }
    if (!merged) node_by_hash.emplace(hash, n);
  }
  return rewriter.finish();
}

}  // namespace hone
