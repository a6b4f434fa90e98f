// Whatever only renames extents (Reshape, Flatten, Squeeze, Unsqueeze, a Transpose that moves extents of 1
// alone) becomes a Reshape, and one that follows another reads the first one's input.
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

// The axes longer than 1 stand in the same order before and after.
bool moves_nothing(const Transpose& transpose, const Shape& shape) {
  int64_t last = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t axis =
        transpose.perm.empty() ? static_cast<int64_t>(shape.size() - 1 - i) : transpose.perm[i];
    if (shape[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

bool renames_extents(const Graph& graph, const Node& node) {
  if (std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Flatten>(node.op) ||
      std::holds_alternative<Squeeze>(node.op) || std::holds_alternative<Unsqueeze>(node.op))
    return true;
  const auto* transpose = std::get_if<Transpose>(&node.op);
  if (!transpose) return false;
  const TensorDesc& desc = graph.desc(node.inputs[0]);
  for (int64_t axis : transpose->perm)
    if (axis < 0) return false;
  return desc.concrete() && (transpose->perm.empty() || transpose->perm.size() == desc.shape.size()) &&
         moves_nothing(*transpose, desc.shape);
}

}  // namespace

bool merge_reshapes(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (!graph.desc(node.outputs[0]).concrete() || !renames_extents(graph, node)) continue;
    const bool is_reshape = std::holds_alternative<Reshape>(node.op);
    const Node* before = rewriter.producer_as<Reshape>(node.inputs[0]);
    if (is_reshape && !before) continue;
    const ValueId source = rewriter.now(before ? before->inputs[0] : node.inputs[0]);
    const Shape wanted = graph.desc(node.outputs[0]).shape;
    if (graph.desc(source).shape == wanted && rewriter.replace(node.outputs[0], source)) {
      rewriter.erase(node);
      continue;
    }
    node.op = Reshape{.allow_zero = true};
    node.inputs = {source, graph.add_constant(node.name + ".shape", Constant::ints(wanted))};
    rewriter.changed(node);
  }
  return rewriter.finish();
}

}  // namespace hone
