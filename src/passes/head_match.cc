#include "passes/head_match.h"

#include "ir/axes.h"

namespace hone {
namespace {

const Graph& graph_of(const Rewriter& rewriter) { return rewriter.graph(); }
const Shape& shape_of(const Rewriter& rewriter, ValueId id) {
  return graph_of(rewriter).desc(rewriter.now(id)).shape;
}

bool is_axis(int64_t axis, size_t wanted, size_t rank) {
  const auto resolved = resolve_axis(axis, rank);
  return resolved && *resolved == wanted;
}

std::optional<std::vector<float>> floats_of(const Rewriter& rewriter, ValueId id, int64_t count) {
  const Graph& graph = graph_of(rewriter);
  id = rewriter.now(id);
  if (!graph.is_constant(id) || graph.desc(id).type != DType::f32) return std::nullopt;
  if (element_count(graph.desc(id).shape).value_or(-1) != count) return std::nullopt;
  auto values = graph.value(id).constant->to_floats();
  return values ? std::optional(std::move(*values)) : std::nullopt;
}

// The other operand of `node` when one of them is a constant of `count` elements.
std::optional<std::vector<float>> constant_operand(const Rewriter& rewriter, const Node& node, int64_t count,
                                                   ValueId& other) {
  for (size_t i : {0u, 1u})
    if (auto values = floats_of(rewriter, node.inputs[i], count)) {
      other = node.inputs[1 - i];
      return values;
    }
  return std::nullopt;
}

bool is_half_of(const Rewriter& rewriter, const Node* node, ValueId& whole) {
  if (!node) return false;
  const Graph& graph = graph_of(rewriter);
  const auto scalar = [&](size_t i) { return scalar_of(graph, rewriter.now(node->inputs[i])); };
  whole = node->inputs[0];
  if (is_binary(node, BinaryKind::div)) return scalar(1) == 2.0f;
  if (!is_binary(node, BinaryKind::mul)) return false;
  if (scalar(1) == 0.5f) return true;
  whole = node->inputs[1];
  return scalar(0) == 0.5f;
}

bool same(const Rewriter& rewriter, ValueId a, ValueId b) { return rewriter.now(a) == rewriter.now(b); }

// anchors - left/top and anchors + right/bottom, both of the same anchors.
bool match_corners(const Rewriter& rewriter, ValueId top_left, ValueId bottom_right, int64_t count,
                   BoxChain& chain) {
  const Node *minus = rewriter.producer(top_left), *plus = rewriter.producer(bottom_right);
  if (!is_binary(minus, BinaryKind::sub) || !is_binary(plus, BinaryKind::add)) return false;
  const auto anchors = floats_of(rewriter, minus->inputs[0], 2 * count);
  ValueId right_bottom = kNoValue;
  const auto again = constant_operand(rewriter, *plus, 2 * count, right_bottom);
  if (!anchors || !again || *anchors != *again) return false;
  const auto first = part_along(rewriter, minus->inputs[1], 1),
             second = part_along(rewriter, right_bottom, 1);
  if (!first || !second || !same(rewriter, first->source, second->source)) return false;
  if (first->start != 0 || first->count != 2 || second->start != 2 || second->count != 2) return false;
  const Shape& distances = shape_of(rewriter, first->source);
  if (distances.size() != 3 || distances[1] != 4 || distances[2] != count) return false;
  chain.distances = rewriter.now(first->source);
  chain.anchors = *anchors;
  return true;
}

}  // namespace

std::optional<Part> part_along(const Rewriter& rewriter, ValueId id, size_t axis) {
  const Graph& graph = graph_of(rewriter);
  const Node* node = rewriter.producer(id);
  if (!node) return std::nullopt;
  const Shape& whole = shape_of(rewriter, node->inputs[0]);
  if (axis >= whole.size()) return std::nullopt;
  if (const auto* split = std::get_if<Split>(&node->op)) {
    if (!is_axis(split->axis, axis, whole.size())) return std::nullopt;
    Part part{node->inputs[0], 0, 0};
    for (ValueId output : node->outputs) {
      if (output == kNoValue) return std::nullopt;
      part.count = graph.desc(output).shape[axis];
      if (rewriter.now(output) == rewriter.now(id)) return part;
      part.start += part.count;
    }
    return std::nullopt;
  }
  if (!std::holds_alternative<Slice>(node->op)) return std::nullopt;
  std::vector<int64_t> lists[4];
  for (size_t i = 0; i < 4; ++i) {
    const ValueId input = input_of(*node, i + 1);
    if (input == kNoValue) continue;
    auto values = ints_of(graph, rewriter.now(input));
    if (!values) return std::nullopt;
    lists[i] = std::move(*values);
  }
  const auto slices = resolve_slices(whole, lists[0], lists[1], lists[2], lists[3]);
  if (!slices) return std::nullopt;
  for (size_t i = 0; i < whole.size(); ++i)
    if (i == axis ? (*slices)[i].step != 1 : !(*slices)[i].whole(whole[i])) return std::nullopt;
  return Part{node->inputs[0], (*slices)[axis].start, (*slices)[axis].count};
}

std::vector<ValueId> joined_along(const Rewriter& rewriter, ValueId id, size_t axis) {
  const Node* node = rewriter.producer_as<Concat>(id);
  if (node && is_axis(std::get<Concat>(node->op).axis, axis, shape_of(rewriter, id).size()))
    return node->inputs;
  return {id};
}

std::optional<BoxChain> match_boxes(const Rewriter& rewriter, ValueId boxes) {
  const Shape& shape = shape_of(rewriter, boxes);
  if (shape.size() != 3 || shape[1] != 4) return std::nullopt;
  const int64_t count = shape[2];
  const Node* scaled = rewriter.producer(boxes);
  if (!is_binary(scaled, BinaryKind::mul)) return std::nullopt;
  BoxChain chain;
  ValueId grid = kNoValue;
  auto strides = constant_operand(rewriter, *scaled, count, grid);
  if (!strides || shape_of(rewriter, grid) != shape) return std::nullopt;
  chain.strides = std::move(*strides);
  const auto pair = joined_along(rewriter, grid, 1);
  if (pair.size() != 2) return std::nullopt;
  if (match_corners(rewriter, pair[0], pair[1], count, chain)) {
    chain.xyxy = true;
    return chain;
  }
  // Centre (p + q) / 2 and size q - p of the corners p and q.
  ValueId sum = kNoValue;
  if (!is_half_of(rewriter, rewriter.producer(pair[0]), sum)) return std::nullopt;
  const Node *plus = rewriter.producer(sum), *minus = rewriter.producer(pair[1]);
  if (!is_binary(plus, BinaryKind::add) || !is_binary(minus, BinaryKind::sub)) return std::nullopt;
  const ValueId p = minus->inputs[1], q = minus->inputs[0];
  const bool fits = (same(rewriter, plus->inputs[0], p) && same(rewriter, plus->inputs[1], q)) ||
                    (same(rewriter, plus->inputs[0], q) && same(rewriter, plus->inputs[1], p));
  if (!fits || !match_corners(rewriter, p, q, count, chain)) return std::nullopt;
  return chain;
}

Expectation match_expectation(const Rewriter& rewriter, ValueId distances) {
  const Expectation none{rewriter.now(distances), 1};
  const Shape& flat = shape_of(rewriter, distances);
  const Node* reshape = rewriter.producer_as<Reshape>(distances);
  const Node* conv = reshape ? rewriter.producer_as<Conv>(reshape->inputs[0]) : nullptr;
  const Node* softmax = conv ? rewriter.producer_as<Softmax>(conv->inputs[0]) : nullptr;
  const Node* transpose = softmax ? rewriter.producer_as<Transpose>(softmax->inputs[0]) : nullptr;
  const Node* unfold = transpose ? rewriter.producer_as<Reshape>(transpose->inputs[0]) : nullptr;
  if (!unfold) return none;
  const auto& op = std::get<Conv>(conv->op);
  const auto& exponent = std::get<Softmax>(softmax->op);
  const Shape& weight = shape_of(rewriter, conv->inputs[1]);
  if (weight.size() != 4 || weight[0] != 1 || weight[2] != 1 || weight[3] != 1) return none;
  const int64_t bins = weight[1];
  const auto values = floats_of(rewriter, conv->inputs[1], bins);
  bool fits = values && !op.has_bias && !op.has_residual && op.activation.is_identity() && op.group == 1;
  for (int64_t i = 0; fits && i < bins; ++i)
    fits = (*values)[static_cast<size_t>(i)] == static_cast<float>(i);
  for (int64_t s : op.strides) fits = fits && s == 1;
  for (int64_t p : op.pads) fits = fits && p == 0;
  fits = fits && !exponent.log && is_axis(exponent.axis, 1, 4);
  fits = fits && std::get<Transpose>(transpose->op).perm == Ints{0, 2, 1, 3};
  const Shape unfolded = {flat[0], 4, bins, flat[2]}, folded = {flat[0], 4 * bins, flat[2]};
  fits = fits && shape_of(rewriter, transpose->inputs[0]) == unfolded &&
         shape_of(rewriter, unfold->inputs[0]) == folded;
  if (!fits) return none;
  return {rewriter.now(unfold->inputs[0]), bins};
}

namespace {

// The map [N, C, h, w] that was flattened to [N, C, h*w].
std::optional<ValueId> flattened_map(const Rewriter& rewriter, ValueId flat) {
  const Node* node = rewriter.producer(flat);
  if (!node || (!std::holds_alternative<Reshape>(node->op) && !std::holds_alternative<Flatten>(node->op)))
    return std::nullopt;
  const Shape &from = shape_of(rewriter, node->inputs[0]), &to = shape_of(rewriter, flat);
  if (from.size() != 4 || to != Shape{from[0], from[1], from[2] * from[3]}) return std::nullopt;
  return rewriter.now(node->inputs[0]);
}

std::optional<std::vector<ValueId>> flattened_maps(const Rewriter& rewriter, ValueId flat) {
  std::vector<ValueId> maps;
  for (ValueId part : joined_along(rewriter, flat, 2)) {
    const auto map = flattened_map(rewriter, part);
    if (!map) return std::nullopt;
    maps.push_back(*map);
  }
  return maps;
}

}  // namespace

std::optional<Levels> match_levels(const Rewriter& rewriter, ValueId boxes, ValueId classes) {
  // Of 8.4: boxes and classes are flattened and joined separately.
  auto box_maps = flattened_maps(rewriter, boxes), class_maps = flattened_maps(rewriter, classes);
  if (box_maps && class_maps) {
    if (box_maps->size() != class_maps->size()) return std::nullopt;
    return Levels{std::move(*box_maps), std::move(*class_maps)};
  }
  // Of 8.3: each level's maps are joined first, and taken apart after all levels are.
  const auto first = part_along(rewriter, boxes, 1), second = part_along(rewriter, classes, 1);
  if (!first || !second || !same(rewriter, first->source, second->source)) return std::nullopt;
  const int64_t all = shape_of(rewriter, first->source)[1];
  if (first->start != 0 || second->start != first->count || second->start + second->count != all)
    return std::nullopt;
  const auto maps = flattened_maps(rewriter, first->source);
  if (!maps) return std::nullopt;
  Levels levels;
  for (ValueId map : *maps) {
    const auto pair = joined_along(rewriter, map, 1);
    if (pair.size() != 2 || shape_of(rewriter, pair[0])[1] != first->count) return std::nullopt;
    levels.boxes.push_back(rewriter.now(pair[0]));
    levels.classes.push_back(rewriter.now(pair[1]));
  }
  return levels;
}

}  // namespace hone
