// Conv, then a constant added to, taken from or multiplied with each channel: it goes into bias and weight.
#include "base/hash.h"
#include "passes/channel_affine.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

// One value a channel of a constant that broadcasts along all other axes: [C, 1, 1], [1, C, 1, 1], [1] or a
// scalar.
std::optional<std::vector<float>> by_channel(const Graph& graph, ValueId id, const Node& conv) {
  if (!graph.is_constant(id)) return std::nullopt;
  const Constant& constant = *graph.value(id).constant;
  const Shape& shape = constant.desc().shape;
  const size_t rank = graph.desc(conv.inputs[1]).shape.size();
  const int64_t channels = output_channels(graph, conv);
  if (constant.desc().type != graph.desc(conv.inputs[1]).type || shape.size() > rank) return std::nullopt;
  bool is_uniform = true;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (rank - shape.size() + i != 1 || shape[i] != channels) return std::nullopt;
    is_uniform = false;
  }
  auto values = constant.to_floats();
  if (!values || values->empty()) return std::nullopt;
  if (is_uniform) values->assign(static_cast<size_t>(channels), values->front());
  return std::move(*values);
}

std::optional<ChannelAffine> affine_of(BinaryKind kind, std::vector<float> values, uint64_t key) {
  ChannelAffine affine;
  affine.key = hash_combine(hash_text(binary_name(kind)), key);
  switch (kind) {
    case BinaryKind::add:
      affine.shift = std::move(values);
      return affine;
    case BinaryKind::mul:
      affine.factor = std::move(values);
      return affine;
    case BinaryKind::sub:
      for (float& v : values) v = -v;
      affine.shift = std::move(values);
      return affine;
    case BinaryKind::div:
      for (float& v : values) {
        if (v == 0) return std::nullopt;
        v = 1 / v;
      }
      affine.factor = std::move(values);
      return affine;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool fuse_bias_add(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    const auto* binary = std::get_if<Binary>(&node.op);
    if (!binary) continue;
    const bool commutes = binary->kind == BinaryKind::add || binary->kind == BinaryKind::mul;
    for (size_t side = 0; side < (commutes ? 2u : 1u); ++side) {
      const ValueId x = node.inputs[side], other = node.inputs[1 - side];
      Node* conv = rewriter.producer(x);
      if (!conv || !rewriter.single_use(x) || !takes_affine(graph, *conv)) continue;
      auto values = by_channel(graph, rewriter.now(other), *conv);
      if (!values) continue;
      auto affine =
          affine_of(binary->kind, std::move(*values), graph.value(rewriter.now(other)).constant->key());
      if (!affine || !absorb(graph, *conv, std::move(*affine))) continue;
      conv->outputs[0] = node.outputs[0];
      rewriter.erase(node);
      rewriter.changed(*conv);
      break;
    }
  }
  return rewriter.finish();
}

}  // namespace hone
