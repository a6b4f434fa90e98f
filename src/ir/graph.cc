#include "ir/graph.h"

#include <algorithm>

#include "ir/subgraphs.h"

namespace hone {

std::string Graph::unique_name(std::string wanted) {
  const std::hash<std::string> hash;
  if (names_.value_count != values.size()) {
    names_.last_suffix.clear();
    for (const Value& v : values) names_.last_suffix.try_emplace(hash(v.name), 0);
  }
  names_.value_count = values.size() + 1;
  if (wanted.empty()) wanted = "value";
  const auto [taken, is_new] = names_.last_suffix.try_emplace(hash(wanted), 0);
  if (is_new) return wanted;
  int64_t suffix = taken->second;
  std::string candidate;
  do {
    candidate = wanted + "_" + std::to_string(++suffix);
  } while (!names_.last_suffix.try_emplace(hash(candidate), 0).second);
  names_.last_suffix[hash(wanted)] = suffix;
  return candidate;
}

ValueId Graph::add_value(std::string wanted_name, TensorDesc desc) {
  Value value;
  value.name = unique_name(std::move(wanted_name));
  value.desc = std::move(desc);
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_input(std::string wanted_name, TensorDesc desc, std::vector<std::string> dim_names) {
  const ValueId id = add_value(std::move(wanted_name), std::move(desc));
  value(id).dim_names = std::move(dim_names);
  inputs.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string wanted_name, ConstantPtr constant) {
  const ValueId id = add_value(std::move(wanted_name), constant->desc());
  value(id).constant = std::move(constant);
  return id;
}

size_t Graph::add_node(std::string node_name, Op op, std::vector<ValueId> node_inputs, size_t output_count) {
  Node node;
  // Without a look at all nodes when nobody else added or removed one.
  node.id = nodes.size() == nodes_after_add_ ? next_id_ : next_node_id();
  next_id_ = node.id + 1;
  node.name = std::move(node_name);
  node.op = std::move(op);
  node.inputs = std::move(node_inputs);
  for (size_t i = 0; i < output_count; ++i)
    node.outputs.push_back(add_value(node.name + (i == 0 ? "_output" : "_output_" + std::to_string(i))));
  nodes.push_back(std::move(node));
  nodes_after_add_ = nodes.size();
  return nodes.size() - 1;
}

ValueId Graph::add(std::string node_name, Op op, std::vector<ValueId> node_inputs) {
  return nodes[add_node(std::move(node_name), std::move(op), std::move(node_inputs))].outputs[0];
}

void Graph::rename(ValueId id, std::string wanted_name) {
  if (value(id).name == wanted_name) return;
  value(id).name = unique_name(std::move(wanted_name));
  names_.value_count = values.size();
}

std::optional<ValueId> Graph::find(std::string_view value_name) const {
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].name == value_name) return static_cast<ValueId>(i);
  return std::nullopt;
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes) {
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
    if (has_subgraphs(node.op)) rename_captures(node.op, {{value(from).name, value(to).name}});
  }
  std::replace(outputs.begin(), outputs.end(), from, to);
}

std::vector<int32_t> Graph::producers() const {
  std::vector<int32_t> made_by(values.size(), -1);
  for (size_t n = 0; n < nodes.size(); ++n)
    for (ValueId id : nodes[n].outputs)
      if (id != kNoValue) made_by[static_cast<size_t>(id)] = static_cast<int32_t>(n);
  return made_by;
}

std::vector<std::vector<int32_t>> Graph::consumers() const {
  std::vector<std::vector<int32_t>> read_by(values.size());
  const CaptureFinder captured(*this);
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (ValueId id : nodes[n].inputs)
      if (id != kNoValue) read_by[static_cast<size_t>(id)].push_back(static_cast<int32_t>(n));
    for (ValueId id : captured.of(nodes[n].op))
      read_by[static_cast<size_t>(id)].push_back(static_cast<int32_t>(n));
  }
  return read_by;
}

bool Graph::is_output(ValueId id) const {
  return std::find(outputs.begin(), outputs.end(), id) != outputs.end();
}

void Graph::remove_dead() {
  const CaptureFinder captured(*this);
  std::vector<char> needed(values.size(), 0);
  const auto need = [&](ValueId id) {
    if (id != kNoValue) needed[static_cast<size_t>(id)] = 1;
  };
  for (ValueId id : outputs) need(id);
  std::vector<char> node_lives(nodes.size(), 0);
  for (size_t n = nodes.size(); n-- > 0;) {
    const Node& node = nodes[n];
    for (ValueId id : node.outputs)
      if (id != kNoValue && needed[static_cast<size_t>(id)]) node_lives[n] = 1;
    if (!node_lives[n]) continue;
    for (ValueId id : node.inputs) need(id);
    for (ValueId id : node.outputs) need(id);
    for (ValueId id : captured.of(node.op)) need(id);
  }
  for (ValueId id : inputs) need(id);

  const int64_t id_bound = next_node_id();  // ids of removed nodes are not given again
  std::vector<ValueId> renumbered(values.size(), kNoValue);
  size_t kept = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!needed[i]) continue;
    renumbered[i] = static_cast<ValueId>(kept);
    if (kept != i) values[kept] = std::move(values[i]);
    ++kept;
  }
  if (kept != values.size()) names_ = {};
  values.resize(kept);
  kept = 0;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (!node_lives[n]) continue;
    if (kept != n) nodes[kept] = std::move(nodes[n]);
    ++kept;
  }
  nodes.resize(kept);
  next_id_ = id_bound;
  const auto renumber = [&](std::vector<ValueId>& ids) {
    for (ValueId& id : ids)
      if (id != kNoValue) id = renumbered[static_cast<size_t>(id)];
  };
  for (Node& node : nodes) renumber(node.inputs), renumber(node.outputs);
  renumber(inputs);
  renumber(outputs);
}

int64_t Graph::next_node_id() const {
  int64_t next = next_id_;
  for (const Node& node : nodes) next = std::max(next, node.id + 1);
  return next;
}

}  // namespace hone
