// The box decode that an exporter wrote out in thirty primitives becomes one DecodeBoxes. Anchors and strides
// in the graph must be exactly those that DecodeBoxes computes from the shapes of its maps; else nothing is
// touched.
#include <algorithm>

#include "ir/axes.h"
#include "passes/head_match.h"
#include "passes/pass_list.h"

namespace hone {
namespace {

// One stride a level, or nothing when anchors or strides are not the usual grid: row by row, centres at +
// 0.5.
std::optional<std::vector<float>> level_strides(const Graph& graph, const BoxChain& chain,
                                                const Levels& levels) {
  std::vector<float> strides;
  const size_t count = chain.strides.size();
  size_t at = 0;
  for (ValueId map : levels.boxes) {
    const Shape& shape = graph.desc(map).shape;
    if (shape.size() != 4 || at >= count) return std::nullopt;
    strides.push_back(chain.strides[at]);
    for (int64_t y = 0; y < shape[2]; ++y)
      for (int64_t x = 0; x < shape[3]; ++x, ++at) {
        if (at >= count || chain.strides[at] != strides.back()) return std::nullopt;
        if (chain.anchors[at] != static_cast<float>(x) + 0.5f ||
            chain.anchors[count + at] != static_cast<float>(y) + 0.5f)
          return std::nullopt;
      }
  }
  if (at != count) return std::nullopt;
  return strides;
}

struct Head {
  DecodeBoxes op;
  std::vector<ValueId> inputs;
};

std::optional<Head> match_head(const Rewriter& rewriter, const Node& concat) {
  const Graph& graph = rewriter.graph();
  const TensorDesc& out = graph.desc(concat.outputs[0]);
  if (concat.inputs.size() < 2 || out.type != DType::f32 || !out.concrete() || out.shape.size() != 3)
    return std::nullopt;
  const auto axis = resolve_axis(std::get<Concat>(concat.op).axis, 3);
  if (!axis || *axis != 1) return std::nullopt;
  const Node* scores = rewriter.producer(concat.inputs[1]);
  const Activation* function = activation_of(scores);
  if (!function || function->kind != UnaryKind::sigmoid) return std::nullopt;
  const auto chain = match_boxes(rewriter, concat.inputs[0]);
  if (!chain) return std::nullopt;
  const Expectation expectation = match_expectation(rewriter, chain->distances);
  const auto levels = match_levels(rewriter, expectation.source, scores->inputs[0]);
  if (!levels) return std::nullopt;
  const auto strides = level_strides(graph, *chain, *levels);
  if (!strides) return std::nullopt;
  Head head;
  head.op.levels = static_cast<int64_t>(levels->boxes.size());
  head.op.reg_max = expectation.bins;
  head.op.strides = *strides;
  head.op.xyxy = chain->xyxy;
  head.inputs = levels->boxes;
  head.inputs.insert(head.inputs.end(), levels->classes.begin(), levels->classes.end());
  // The rules of DecodeBoxes itself have the last word.
  std::vector<TensorDesc> descs;
  for (ValueId id : head.inputs) descs.push_back(graph.desc(id));
  const auto inferred = infer(head.op, descs, {}, 1);
  if (!inferred || inferred->front().shape[2] != out.shape[2]) return std::nullopt;
  return head;
}

}  // namespace

bool recognise_decode_boxes(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  for (Node& node : graph.nodes) {
    if (!std::holds_alternative<Concat>(node.op)) continue;
    auto head = match_head(rewriter, node);
    if (!head) continue;
    if (node.inputs.size() == 2) {
      node.op = std::move(head->op);
      node.inputs = std::move(head->inputs);
      rewriter.changed(node);
      continue;
    }
    // More rows follow (masks, keypoints). The decode takes the place of the later one of the two nodes that
    // made boxes and scores: there all maps exist.
    Node *boxes = rewriter.producer(node.inputs[0]), *scores = rewriter.producer(node.inputs[1]);
    if (!rewriter.single_use(node.inputs[0]) || !rewriter.single_use(node.inputs[1])) continue;
    Node& place = std::max(boxes, scores) == boxes ? *boxes : *scores;
    Node& other = &place == boxes ? *scores : *boxes;
    std::vector<TensorDesc> descs;
    for (ValueId id : head->inputs) descs.push_back(graph.desc(id));
    const auto inferred = infer(head->op, descs, {}, 1);
    if (!inferred) continue;
    const ValueId decoded = graph.add_value(node.name + "_decoded", inferred->front());
    rewriter.erase(other);
    place.op = std::move(head->op);
    place.inputs = std::move(head->inputs);
    place.outputs = {decoded};
    rewriter.changed(place);
    node.inputs.erase(node.inputs.begin());
    node.inputs[0] = decoded;
    rewriter.changed(node);
  }
  if (!rewriter.finish()) return false;
  graph.remove_dead();  // so that the primitives hold no value that a later pass wants for itself
  return true;
}

}  // namespace hone
