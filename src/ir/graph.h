// The network: values and nodes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/constant.h"
#include "ir/op.h"
#include "ir/tensor_desc.h"

namespace hone {

using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;  // an optional input that is absent

struct Value {
  std::string name;  // unique in its graph, never empty
  TensorDesc desc;
  ConstantPtr constant;  // set for weights and folded values
  std::vector<std::string>
      dim_names;  // graph inputs and outputs: "batch", "height", …; empty where the extent is fixed
};

struct Node {
  std::string name;  // for people; "/model.0/conv/Conv"
  Op op;
  std::vector<ValueId> inputs;   // kNoValue where an optional one is absent
  std::vector<ValueId> outputs;  // kNoValue where one is unused
  int64_t id = -1;               // stable through passes: a fused node keeps the id of its main op
};

// Plain data with helpers that keep it consistent. Nodes stand in topological order. Copies share constants.
class Graph {
 public:
  std::string name;
  std::vector<Value> values;
  std::vector<Node> nodes;
  std::vector<ValueId> inputs, outputs;
  std::vector<std::string> captures;  // subgraphs: names of outer values they read, one input value each
  std::map<std::string, std::string>
      metadata;  // Ultralytics' keys, values as Python str() text, and hone's own

  Value& value(ValueId id) { return values[static_cast<size_t>(id)]; }
  const Value& value(ValueId id) const { return values[static_cast<size_t>(id)]; }
  const TensorDesc& desc(ValueId id) const { return value(id).desc; }
  bool is_constant(ValueId id) const { return id != kNoValue && value(id).constant != nullptr; }

  // Names that are taken get a suffix. Adding n values costs O(n): names are kept in an index, so give values
  // their names through these and rename().
  ValueId add_value(std::string wanted_name, TensorDesc desc = {});
  ValueId add_input(std::string wanted_name, TensorDesc desc, std::vector<std::string> dim_names = {});
  ValueId add_constant(std::string wanted_name, ConstantPtr constant);
  // Appends a node with `output_count` new values named after it; returns the node's index. Ids are given in
  // order.
  size_t add_node(std::string node_name, Op op, std::vector<ValueId> node_inputs, size_t output_count = 1);
  // The same for the usual case of one output: returns its value.
  ValueId add(std::string node_name, Op op, std::vector<ValueId> node_inputs);
  void rename(ValueId id, std::string wanted_name);
  std::optional<ValueId> find(std::string_view value_name) const;
  // Every use of `from` (inputs of nodes and graph outputs) becomes `to`.
  void replace_uses(ValueId from, ValueId to);
  // Index of the node that makes each value, -1 for inputs, constants and unused values.
  std::vector<int32_t> producers() const;
  // Node indices that read each value, ascending, a node once for each use; graph outputs are not counted.
  std::vector<std::vector<int32_t>> consumers() const;
  bool is_output(ValueId id) const;
  // Drops nodes and values that no graph output needs, renumbers values. Graph inputs stay.
  void remove_dead();
  int64_t next_node_id() const;

 private:
  // Hashes of the names in use, and the last suffix tried for each. A copy of a graph starts without one.
  struct NameIndex {
    std::unordered_map<size_t, int64_t> last_suffix;
    size_t value_count = 0;
    NameIndex() = default;
    NameIndex(const NameIndex&) {}
    NameIndex& operator=(const NameIndex&) {
      last_suffix.clear();
      value_count = 0;
      return *this;
    }
  };
  std::string unique_name(std::string wanted);
  NameIndex names_;
  int64_t next_id_ = 0;  // no node that add_node() made has it or a larger one
  size_t nodes_after_add_ = 0;
};

// One sentence about the first thing that is wrong: an input nobody makes, an order that is not topological,
// a value made twice, a duplicate name, an arity that the op does not have.
Result<> verify(const Graph& graph);
// One line a node, then inputs, outputs and totals.
std::string print(const Graph& graph);

}  // namespace hone
