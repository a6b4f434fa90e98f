// Conv (with its activation), then an addition of another value of the same shape: Conv::has_residual. The
// convolution moves down to where the addition stood, so that both operands are there; nobody else reads its
// result.
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {

bool fuse_residual(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (!is_binary(&node, BinaryKind::add)) continue;
    const TensorDesc sum = graph.desc(node.outputs[0]);
    if (!sum.concrete()) continue;
    for (size_t side : {1u, 0u}) {
      const ValueId x = node.inputs[side], other = node.inputs[1 - side];
      Node* conv = rewriter.producer_as<Conv>(x);
      if (!conv || std::get<Conv>(conv->op).has_residual || !rewriter.single_use(x)) continue;
      if (graph.desc(x) != sum || graph.desc(other) != sum) continue;
      Node fused = *conv;
      std::get<Conv>(fused.op).has_residual = true;
      fused.inputs.push_back(other);
      fused.outputs = node.outputs;
      rewriter.erase(*conv);
      node = std::move(fused);
      rewriter.changed(node);
      break;
    }
  }
  return rewriter.finish();
}

}  // namespace hone
