#include "tactics/slices.h"

#include <algorithm>

#include "base/hash.h"
#include "tactics/data_movement.h"

namespace hone {

uint64_t Slices::hash() const {
  uint64_t hash = 0;
  for (const auto* strides : {&inputs, &outputs})
    for (const int64_t stride : *strides) hash = hash_combine(hash, static_cast<uint64_t>(stride));
  return hash;
}

SliceMap::SliceMap(const Graph& graph) : channels_(graph.values.size(), 0), graph_(graph) {
  for (size_t i = 0; i < channels_.size(); ++i) {
    const TensorDesc& desc = graph.desc(static_cast<ValueId>(i));
    if (desc.concrete() && desc.shape.size() == 4 && !graph.is_constant(static_cast<ValueId>(i)))
      channels_[i] = desc.shape[1];
  }
  const auto widen = [&](ValueId id, int64_t channels) {
    if (id == kNoValue || channels_[static_cast<size_t>(id)] == 0) return;
    int64_t& own = channels_[static_cast<size_t>(id)];
    own = std::max(own, channels);
  };
  const auto widest = [&](const std::vector<ValueId>& ids) {
    int64_t channels = 0;
    for (const ValueId id : ids)
      if (id != kNoValue) channels = std::max(channels, channels_[static_cast<size_t>(id)]);
    return channels;
  };
  std::vector<std::pair<const Node*, Movement::Kind>> movements;
  for (const Node& node : graph.nodes)
    if (const Movement movement = movement_of(graph, node);
        movement.kind != Movement::Kind::none &&
        (movement.kind == Movement::Kind::whole || movement.axis == 1))
      movements.emplace_back(&node, movement.kind);
  // A Concat's buffer is that of its parts, also through Splits before it.
  for (auto at = movements.rbegin(); at != movements.rend(); ++at)
    for (const ValueId id : at->first->inputs) widen(id, widest(at->first->outputs));
  for (const auto& [node, kind] : movements)
    if (kind != Movement::Kind::concat)
      for (const ValueId id : node->outputs) widen(id, widest(node->inputs));
}

std::vector<int64_t> SliceMap::stride(std::span<const ValueId> ids) const {
  std::vector<int64_t> strides;
  for (const ValueId id : ids) {
    const int64_t channels = id == kNoValue ? 0 : channels_[static_cast<size_t>(id)];
    strides.push_back(channels > 0 && channels != graph_.desc(id).shape[1] ? channels : 0);
  }
  return strides;
}

Slices SliceMap::of(const Node& node) const { return {stride(node.inputs), stride(node.outputs)}; }

}  // namespace hone
