// Conv, then a function of its result alone: Conv::activation.
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

// Functions that make sense in the epilogue of a convolution.
bool can_be_fused(UnaryKind kind) { return kind >= UnaryKind::relu && kind <= UnaryKind::clip; }

Activation* free_activation(Node* node) {
  if (!node) return nullptr;
  if (auto* conv = std::get_if<Conv>(&node->op))
    return conv->activation.is_identity() && !conv->has_residual ? &conv->activation : nullptr;
  if (auto* conv = std::get_if<ConvTranspose>(&node->op))
    return conv->activation.is_identity() ? &conv->activation : nullptr;
  return nullptr;
}

}  // namespace

bool fuse_activation(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    const Activation* function = activation_of(&node);
    if (!function || !can_be_fused(function->kind)) continue;
    Node* conv = rewriter.producer(node.inputs[0]);
    Activation* place = free_activation(conv);
    if (!place || !rewriter.single_use(node.inputs[0])) continue;
    *place = *function;
    conv->outputs[0] = node.outputs[0];
    rewriter.erase(node);
    rewriter.changed(*conv);
  }
  return rewriter.finish();
}

}  // namespace hone
