// Nodes whose output is their input, whatever the shapes are.
#include <algorithm>

#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

bool is_identity_permutation(const Ints& perm) {
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] != static_cast<int64_t>(i)) return false;
  return !perm.empty();
}

bool does_nothing(const Graph& graph, const Node& node) {
  if (const Activation* function = activation_of(&node)) return function->is_identity();
  if (const auto* transpose = std::get_if<Transpose>(&node.op))
    return is_identity_permutation(transpose->perm);
  if (const auto* cast = std::get_if<Cast>(&node.op)) return graph.desc(node.inputs[0]).type == cast->to;
  if (std::holds_alternative<Concat>(node.op)) return node.inputs.size() == 1;
  if (std::holds_alternative<Split>(node.op)) return node.outputs.size() == 1;
  if (std::holds_alternative<Pad>(node.op)) {
    const auto pads = ints_of(graph, node.inputs[1]);
    return pads && std::all_of(pads->begin(), pads->end(), [](int64_t p) { return p == 0; });
  }
  return false;
}

}  // namespace

bool remove_identity(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes)
    if (does_nothing(graph, node) && node.outputs[0] != kNoValue &&
        rewriter.replace(node.outputs[0], node.inputs[0]))
      rewriter.erase(node);
  return rewriter.finish();
}

}  // namespace hone
