// A Transpose of a Transpose is one, or none.
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

Ints full_perm(const Transpose& transpose, size_t rank) {
  if (!transpose.perm.empty()) return transpose.perm;
  Ints reversed;
  for (size_t i = rank; i-- > 0;) reversed.push_back(static_cast<int64_t>(i));
  return reversed;
}

}  // namespace

bool merge_transposes(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    auto* second = std::get_if<Transpose>(&node.op);
    if (!second || !graph.desc(node.inputs[0]).concrete()) continue;
    const Node* before = rewriter.producer_as<Transpose>(node.inputs[0]);
    if (!before) continue;
    const size_t rank = graph.desc(node.inputs[0]).shape.size();
    const Ints outer = full_perm(*second, rank), inner = full_perm(std::get<Transpose>(before->op), rank);
    if (outer.size() != rank || inner.size() != rank) continue;
    Ints perm;
    bool same = true;
    for (size_t i = 0; i < rank; ++i) {
      perm.push_back(inner[static_cast<size_t>(outer[i])]);
      same = same && perm[i] == static_cast<int64_t>(i);
    }
    const ValueId source = before->inputs[0];
    if (same && rewriter.replace(node.outputs[0], source)) {
      rewriter.erase(node);
      continue;
    }
    second->perm = std::move(perm);
    node.inputs[0] = rewriter.now(source);
    rewriter.changed(node);
  }
  return rewriter.finish();
}

}  // namespace hone
