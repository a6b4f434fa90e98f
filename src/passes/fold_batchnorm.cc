// Conv, then BatchNorm: the norm goes into weight and bias. In f32 as Ultralytics folds it
// (detection_math.md, section 2): w * g / sqrt(v + eps) and beta - mean * g / sqrt(v + eps), the quotient
// taken first for the weight.
#include <bit>
#include <cmath>

#include "base/hash.h"
#include "passes/channel_affine.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

std::optional<ChannelAffine> affine_of(const Graph& graph, const Node& node, size_t channels) {
  const float epsilon = std::get<BatchNorm>(node.op).epsilon;
  std::vector<float> values[4];  // scale, bias, mean, variance
  ChannelAffine affine;
  affine.key = hash_combine(hash_text("batch norm"), std::bit_cast<uint32_t>(epsilon));
  for (size_t i = 0; i < 4; ++i) {
    const ValueId id = node.inputs[i + 1];
    if (!graph.is_constant(id)) return std::nullopt;
    auto read = graph.value(id).constant->to_floats();
    if (!read || read->size() != channels) return std::nullopt;
    values[i] = std::move(*read);
    affine.key = hash_combine(affine.key, graph.value(id).constant->key());
  }
  for (size_t c = 0; c < channels; ++c) {
    const float deviation = std::sqrt(values[3][c] + epsilon);
    affine.factor.push_back(values[0][c] / deviation);
    affine.shift.push_back(values[1][c] - values[0][c] * values[2][c] / deviation);
  }
  return affine;
}

}  // namespace

bool fold_batchnorm(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (!std::holds_alternative<BatchNorm>(node.op)) continue;
    Node* conv = rewriter.producer(node.inputs[0]);
    if (!conv || !rewriter.single_use(node.inputs[0]) || !takes_affine(graph, *conv)) continue;
    auto affine = affine_of(graph, node, static_cast<size_t>(output_channels(graph, *conv)));
    if (!affine || !absorb(graph, *conv, std::move(*affine))) continue;
    conv->outputs[0] = node.outputs[0];
    rewriter.erase(node);
    rewriter.changed(*conv);
  }
  return rewriter.finish();
}

}  // namespace hone
