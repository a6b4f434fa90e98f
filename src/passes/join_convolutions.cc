// Convolutions of one value that differ in nothing but their weights become one with all their output
// channels, and a Split: one launch, and its input read once. In `nhwc` the Split is a view. The first
// convolutions of a detection head's box and class branches are such.
#include <algorithm>
#include <map>

#include "base/hash.h"
#include "passes/passes.h"

namespace hone {
namespace {

// More than this fills a GPU by itself.
constexpr int64_t kMostChannels = 512;
// Parts begin at whole vectors of 16-bit elements.
constexpr int64_t kVector = 8;

bool may_join(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv>(&node.op);
  if (conv == nullptr || conv->group != 1 || conv->has_residual || !graph.is_constant(node.inputs[1]))
    return false;
  if (conv->has_bias && !graph.is_constant(node.inputs[2])) return false;
  const Shape& filter = graph.desc(node.inputs[1]).shape;
  return filter.size() == 4 && filter[0] % kVector == 0 && graph.desc(node.outputs[0]).concrete();
}

bool alike(const Graph& graph, const Node& a, const Node& b) {
  const Shape &x = graph.desc(a.inputs[1]).shape, &y = graph.desc(b.inputs[1]).shape;
  return a.inputs[0] == b.inputs[0] && op_equal(a.op, b.op) &&
         std::equal(x.begin() + 1, x.end(), y.begin() + 1, y.end()) &&
         graph.desc(a.inputs[1]).type == graph.desc(b.inputs[1]).type &&
         graph.desc(a.outputs[0]).type == graph.desc(b.outputs[0]).type;
}

// One behind the other along axis 0.
ConstantPtr stacked(const std::vector<ConstantPtr>& parts) {
  TensorDesc desc = parts[0]->desc();
  uint64_t key = hash_text("stacked");
  desc.shape[0] = 0;
  for (const ConstantPtr& part : parts) {
    desc.shape[0] += part->desc().shape[0];
    key = hash_combine(key, part->key());
  }
  return Constant::lazy(desc, key, [parts]() -> Result<Bytes> {
    std::vector<std::byte> all;
    for (const ConstantPtr& part : parts) {
      HONE_ASSIGN(const Bytes bytes, part->bytes());
      all.insert(all.end(), bytes.view().begin(), bytes.view().end());
    }
    return Bytes::of(std::move(all));
  });
}

struct Group {
  std::vector<size_t> nodes;
  int64_t channels = 0;
};

std::vector<Group> groups_of(const Graph& graph) {
  std::vector<Group> groups;
  std::multimap<ValueId, size_t> by_input;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!may_join(graph, node)) continue;
    const int64_t channels = graph.desc(node.inputs[1]).shape[0];
    const auto [first, last] = by_input.equal_range(node.inputs[0]);
    const auto fits = [&](const auto& entry) {
      const Group& group = groups[entry.second];
      return group.channels + channels <= kMostChannels && alike(graph, graph.nodes[group.nodes[0]], node);
    };
    if (const auto found = std::find_if(first, last, fits); found != last) {
      groups[found->second].nodes.push_back(n);
      groups[found->second].channels += channels;
    } else {
      by_input.emplace(node.inputs[0], groups.size());
      groups.push_back({.nodes = {n}, .channels = channels});
    }
  }
  std::erase_if(groups, [](const Group& group) { return group.nodes.size() < 2; });
  return groups;
}

}  // namespace

bool join_convolutions(Graph& graph) {
  const std::vector<Group> groups = groups_of(graph);
  if (groups.empty()) return false;
  int64_t next_id = graph.next_node_id();
  std::vector<std::vector<Node>> instead(graph.nodes.size());
  std::vector<bool> gone(graph.nodes.size(), false);
  for (const Group& group : groups) {
    Node conv = graph.nodes[group.nodes[0]];
    const bool has_bias = std::get<Conv>(conv.op).has_bias;
    std::vector<ConstantPtr> weights, biases;
    std::vector<int64_t> sizes;
    std::vector<ValueId> outputs;
    for (const size_t n : group.nodes) {
      const Node& part = graph.nodes[n];
      weights.push_back(graph.value(part.inputs[1]).constant);
      if (has_bias) biases.push_back(graph.value(part.inputs[2]).constant);
      sizes.push_back(graph.desc(part.outputs[0]).shape[1]);
      outputs.push_back(part.outputs[0]);
      if (n != group.nodes[0]) conv.name += "+" + part.name;
      gone[n] = true;
    }
    TensorDesc desc = graph.desc(outputs[0]);
    desc.shape[1] = group.channels;
    conv.inputs[1] = graph.add_constant(conv.name + ".weight", stacked(weights));
    if (has_bias) conv.inputs[2] = graph.add_constant(conv.name + ".bias", stacked(biases));
    const ValueId all = graph.add_value(conv.name, std::move(desc));
    conv.outputs = {all};
    const ValueId parts = graph.add_constant(conv.name + ".parts", Constant::ints(sizes));
    Node split{conv.name + ".split", Split{.axis = 1}, {all, parts}, outputs, next_id++};
    instead[group.nodes[0]] = {std::move(conv), std::move(split)};
  }
  std::vector<Node> nodes;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!gone[n]) nodes.push_back(std::move(graph.nodes[n]));
    for (Node& node : instead[n]) nodes.push_back(std::move(node));
  }
  graph.nodes = std::move(nodes);
  graph.remove_dead();
  return true;
}

}  // namespace hone
