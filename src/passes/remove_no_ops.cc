// Nodes that the concrete shapes show to do nothing.
#include <algorithm>

#include "ir/axes.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

bool takes_everything(const Graph& graph, const Node& node) {
  const auto starts = ints_of(graph, node.inputs[1]), ends = ints_of(graph, node.inputs[2]);
  if (!starts || !ends) return false;
  std::vector<int64_t> axes, steps;
  if (input_of(node, 3) != kNoValue) {
    const auto given = ints_of(graph, node.inputs[3]);
    if (!given) return false;
    axes = *given;
  }
  if (input_of(node, 4) != kNoValue) {
    const auto given = ints_of(graph, node.inputs[4]);
    if (!given) return false;
    steps = *given;
  }
  const Shape& shape = graph.desc(node.inputs[0]).shape;
  const auto slices = resolve_slices(shape, *starts, *ends, axes, steps);
  if (!slices) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!(*slices)[i].whole(shape[i])) return false;
  return true;
}

// A scale of 1.01 may keep the extent and still move the samples.
bool keeps_samples(const Graph& graph, const Node& node) {
  const ValueId scales = input_of(node, 2);
  if (scales == kNoValue || graph.desc(scales).shape == Shape{0}) return true;
  if (!graph.is_constant(scales)) return false;
  const auto values = graph.value(scales).constant->to_floats();
  return values && std::all_of(values->begin(), values->end(), [](float v) { return v == 1; });
}

bool is_all(const Graph& graph, ValueId id, float wanted) {
  if (!graph.is_constant(id) || !is_floating(graph.desc(id).type)) return false;
  const Constant& constant = *graph.value(id).constant;
  if (constant.size_bytes() > 4096) return false;
  const auto values = constant.to_floats();
  return values && std::all_of(values->begin(), values->end(), [&](float v) { return v == wanted; });
}

// Which input the output equals, or nothing.
std::optional<size_t> same_input(const Graph& graph, const Node& node) {
  const TensorDesc& out = graph.desc(node.outputs[0]);
  const auto keeps = [&](size_t i) {
    const TensorDesc& in = graph.desc(node.inputs[i]);
    return in.type == out.type && in.shape == out.shape;
  };
  if (const auto* binary = std::get_if<Binary>(&node.op)) {
    const bool scales = binary->kind == BinaryKind::mul, adds = binary->kind == BinaryKind::add;
    for (size_t i : {0u, 1u})
      if ((scales || adds) && keeps(i) && is_all(graph, node.inputs[1 - i], scales ? 1.0f : 0.0f)) return i;
    if (binary->kind == BinaryKind::div && keeps(0) && is_all(graph, node.inputs[1], 1)) return 0;
    if (binary->kind == BinaryKind::sub && keeps(0) && is_all(graph, node.inputs[1], 0)) return 0;
    return std::nullopt;
  }
  if (!keeps(0)) return std::nullopt;
  const bool same = std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Flatten>(node.op) ||
                    std::holds_alternative<Squeeze>(node.op) || std::holds_alternative<Unsqueeze>(node.op) ||
                    std::holds_alternative<Expand>(node.op) || std::holds_alternative<Tile>(node.op) ||
                    (std::holds_alternative<Slice>(node.op) && takes_everything(graph, node)) ||
                    (std::holds_alternative<Resize>(node.op) && keeps_samples(graph, node));
  return same ? std::optional<size_t>(0) : std::nullopt;
}

}  // namespace

bool remove_no_ops(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (node.outputs[0] == kNoValue || !graph.desc(node.outputs[0]).concrete()) continue;
    const auto kept = same_input(graph, node);
    if (kept && rewriter.replace(node.outputs[0], node.inputs[*kept])) rewriter.erase(node);
  }
  return rewriter.finish();
}

}  // namespace hone
