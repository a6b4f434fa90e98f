#include "tactics/data_movement.h"

#include <algorithm>
#include <array>
#include <limits>

#include "ir/infer.h"

namespace hone {
namespace {

using Kind = Movement::Kind;

size_t normal_axis(int64_t axis, size_t rank) {
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis);
}

// A transpose that moves only extents of 1 leaves memory as it is.
bool keeps_memory_order(const Transpose& op, const Shape& shape) {
  const size_t rank = shape.size();
  int64_t last = -1;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t from = op.perm.empty() ? static_cast<int64_t>(rank - 1 - i) : op.perm[i];
    if (from < 0 || from >= static_cast<int64_t>(rank)) return false;
    if (shape[static_cast<size_t>(from)] == 1) continue;
    if (from < last) return false;
    last = from;
  }
  return true;
}

std::optional<std::vector<int64_t>> constant_ints(const Graph& graph, const Node& node, size_t input) {
  if (input >= node.inputs.size() || node.inputs[input] == kNoValue) return std::vector<int64_t>{};
  const Value& value = graph.value(node.inputs[input]);
  if (value.constant == nullptr) return std::nullopt;
  auto ints = value.constant->to_ints();
  if (!ints) return std::nullopt;
  return std::move(*ints);
}

// Slices of one axis with step 1 are ranges; others are not.
Movement slice_movement(const Graph& graph, const Node& node, const TensorDesc& x, const TensorDesc& y) {
  const auto starts = constant_ints(graph, node, 1), axes = constant_ints(graph, node, 3),
             steps = constant_ints(graph, node, 4);
  if (!starts || !axes || !steps) return {};
  if (!steps->empty() && std::ranges::any_of(*steps, [](int64_t s) { return s != 1; })) return {};
  if (x.shape.size() != y.shape.size()) return {};
  Movement movement{.kind = Kind::whole, .axis = 0, .begins = {}};
  for (size_t i = 0; i < starts->size(); ++i) {
    if (!axes->empty() && i >= axes->size()) return {};
    const size_t axis = normal_axis(axes->empty() ? static_cast<int64_t>(i) : (*axes)[i], x.shape.size());
    if (axis >= x.shape.size()) return {};
    const int64_t extent = x.shape[axis];
    if (y.shape[axis] == extent) continue;
    if (movement.kind == Kind::split) return {};
    int64_t begin = (*starts)[i];
    if (begin < 0) begin += extent;
    begin = std::clamp<int64_t>(begin, 0, extent);
    if (y.shape[axis] <= 0 || y.shape[axis] > extent - begin) return {};
    movement = {.kind = Kind::split, .axis = axis, .begins = {begin}};
  }
  return movement;
}

template <class Descs>
std::vector<int64_t> running_sum(const Descs& descs, size_t axis) {
  std::vector<int64_t> begins;
  int64_t at = 0;
  for (const TensorDesc& desc : descs) {
    begins.push_back(at);
    at += desc.shape[axis];
  }
  return begins;
}

Movement split_movement(const Graph& graph, const Node& node, const TensorDesc& x) {
  const auto outputs = output_descs(graph, node);
  const size_t axis = normal_axis(std::get<Split>(node.op).axis, x.shape.size());
  if (outputs.size() != node.outputs.size() || axis >= x.shape.size()) return {};
  for (const TensorDesc& desc : outputs)
    if (desc.shape.size() != x.shape.size()) return {};
  return {.kind = Kind::split, .axis = axis, .begins = running_sum(outputs, axis)};
}

Movement concat_movement(const Graph& graph, const Node& node, const TensorDesc& y) {
  const size_t axis = normal_axis(std::get<Concat>(node.op).axis, y.shape.size());
  if (axis >= y.shape.size()) return {};
  std::vector<TensorDesc> inputs;
  for (const ValueId id : node.inputs) {
    if (id == kNoValue || graph.desc(id).type != y.type || graph.desc(id).shape.size() != y.shape.size())
      return {};
    inputs.push_back(graph.desc(id));
  }
  return {.kind = Kind::concat, .axis = axis, .begins = running_sum(inputs, axis)};
}

}  // namespace

std::vector<TensorDesc> output_descs(const Graph& graph, const Node& node) {
  std::vector<TensorDesc> descs;
  for (const ValueId id : node.outputs)
    if (id != kNoValue) descs.push_back(graph.desc(id));
  if (descs.size() == node.outputs.size()) return descs;
  std::vector<TensorDesc> inputs;
  std::vector<ConstantPtr> constants;
  for (const ValueId id : node.inputs) {
    inputs.push_back(id == kNoValue ? TensorDesc{} : graph.desc(id));
    constants.push_back(id == kNoValue ? nullptr : graph.value(id).constant);
  }
  auto inferred = infer(node.op, inputs, constants, node.outputs.size());
  return inferred ? std::move(*inferred) : std::vector<TensorDesc>{};
}

Movement movement_of(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.outputs.empty() || node.inputs[0] == kNoValue) return {};
  const TensorDesc& x = graph.desc(node.inputs[0]);
  if (std::holds_alternative<Split>(node.op)) return split_movement(graph, node, x);
  if (node.outputs.size() != 1 || node.outputs[0] == kNoValue) return {};
  const TensorDesc& y = graph.desc(node.outputs[0]);
  if (std::holds_alternative<Concat>(node.op)) return concat_movement(graph, node, y);
  if (x.type != y.type) return {};
  const Movement whole{.kind = Kind::whole, .axis = 0, .begins = {}};
  if (std::holds_alternative<Slice>(node.op)) return slice_movement(graph, node, x, y);
  if (std::holds_alternative<Reshape>(node.op) || std::holds_alternative<Flatten>(node.op) ||
      std::holds_alternative<Squeeze>(node.op) || std::holds_alternative<Unsqueeze>(node.op) ||
      std::holds_alternative<Cast>(node.op))
    return whole;
  if (std::holds_alternative<Expand>(node.op)) return x.shape == y.shape ? whole : Movement{};
  if (const auto* unary = std::get_if<Unary>(&node.op))
    return unary->function.is_identity() ? whole : Movement{};
  if (const auto* transpose = std::get_if<Transpose>(&node.op))
    return keeps_memory_order(*transpose, x.shape) ? whole : Movement{};
  return {};
}

std::optional<int64_t> run_offset(const TensorDesc& whole, size_t axis, int64_t begin, int64_t extent) {
  const Shape& shape = whole.shape;
  const size_t rank = shape.size();
  if (axis >= rank || begin < 0 || extent < 0 || begin + extent > shape[axis]) return std::nullopt;
  if (whole.layout != Layout::plain && rank != 4) return std::nullopt;
  if (whole.layout == Layout::nhwc) {  // the unit that repeats is the pixel
    if (axis == 0) return begin * shape[2] * shape[3];
    return axis == 1 ? std::optional(begin) : std::nullopt;
  }
  if (axis == 0) return begin;
  const int64_t block = channel_block(whole.layout);
  if (block > 1 && axis == 1 && (begin % block != 0 || (extent % block != 0 && begin + extent != shape[1])))
    return std::nullopt;
  int64_t inner = block;
  bool behind = false;
  for (size_t dim = 1; dim < rank; ++dim) {
    if (dim == axis) {
      behind = true;
      continue;
    }
    const int64_t count = block > 1 && dim == 1 ? (shape[1] + block - 1) / block : shape[dim];
    if (behind)
      inner *= count;
    else if (count != 1)
      return std::nullopt;
  }
  return block > 1 && axis == 1 ? begin / block * inner : begin * inner;
}

bool is_view_in(const Graph& graph, const Node& node, const Movement& movement, Layout layout) {
  switch (movement.kind) {
    case Kind::none:
      return false;
    case Kind::whole: {
      const TensorDesc &x = graph.desc(node.inputs[0]), &y = graph.desc(node.outputs[0]);
      if (layout == Layout::plain) return true;
      return x.shape == y.shape && x.shape.size() == 4 && !std::holds_alternative<Transpose>(node.op);
    }
    case Kind::split: {
      TensorDesc whole = graph.desc(node.inputs[0]);
      if (layout != Layout::plain && whole.shape.size() != 4) return false;
      whole.layout = layout;
      const auto parts = output_descs(graph, node);
      for (size_t i = 0; i < parts.size(); ++i)
        if (!run_offset(whole, movement.axis, movement.begins[i], parts[i].shape[movement.axis]))
          return false;
      return !parts.empty();
    }
    case Kind::concat: {
      TensorDesc whole = graph.desc(node.outputs[0]);
      if (layout != Layout::plain && whole.shape.size() != 4) return false;
      whole.layout = layout;
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (!run_offset(whole, movement.axis, movement.begins[i],
                        graph.desc(node.inputs[i]).shape[movement.axis]))
          return false;
      return true;
    }
  }
  return false;
}

}  // namespace hone
