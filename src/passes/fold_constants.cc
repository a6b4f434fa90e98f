// Nodes that need no input of the network. Large results are computed when somebody packs them.
#include "ir/fold.h"
#include "ir/subgraphs.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {

bool fold_constants(Graph& graph, const PassContext& context) {
  const InferOptions options;
  const Folder folder{context.evaluate, options};
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (has_subgraphs(node.op)) continue;
    std::vector<TensorDesc> descs;
    std::vector<ConstantPtr> constants;
    bool all = true;
    for (ValueId id : node.inputs) {
      all = all && (id == kNoValue || graph.is_constant(id));
      if (!all) break;
      constants.push_back(id == kNoValue ? nullptr : graph.value(id).constant);
      descs.push_back(id == kNoValue ? TensorDesc{} : graph.desc(id));
    }
    if (!all) continue;
    // What cannot be folded stays, and is reported where shapes are bound.
    const auto outputs = infer(node.op, descs, constants, node.outputs.size());
    if (!outputs) continue;
    const auto folded = folder.fold(node, descs, constants, *outputs);
    if (!folded || folded->empty()) continue;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      Value& value = graph.value(node.outputs[i]);
      value.constant = (*folded)[i];
      value.desc = (*folded)[i]->desc();
    }
    rewriter.erase(node);
  }
  return rewriter.finish();
}

}  // namespace hone
