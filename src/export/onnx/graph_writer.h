// Graph → GraphProto, in the forms of one opset.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "ir/graph.h"

namespace hone {

namespace onnx_proto {
class Graph;
class Node;
}  // namespace onnx_proto

struct NamedConstant {
  std::string name;
  ConstantPtr constant;
};

// What the writers of operators work with: they append nodes and say which constants those read.
class GraphWriter {
 public:
  GraphWriter(const Graph& graph, int opset, onnx_proto::Graph& proto);

  // Nodes, inputs, outputs and value_info; weights are left to the caller.
  Result<> write();
  // The constants that the nodes read, in the order of their first use.
  const std::vector<NamedConstant>& constants() const { return constants_; }

  int opset() const { return opset_; }
  const Graph& graph() const { return graph_; }
  // A value's name, "" for kNoValue. A constant is noted as read.
  std::string name(ValueId id);
  // A constant that the graph does not have; its name.
  std::string constant(const std::string& wanted_name, ConstantPtr value);
  std::string ints(const std::string& wanted_name, std::span<const int64_t> values);
  // A scalar of the type that `like` has.
  std::string scalar(const std::string& wanted_name, double value, ValueId like);
  // The elements of a constant input; an error in words when it is computed.
  Result<Ints> const_ints(ValueId id, const char* what) const;
  std::string unique(const std::string& wanted_name);

  onnx_proto::Node& add(const std::string& node_name, const char* op_type, std::vector<std::string> inputs,
                        std::vector<std::string> outputs);
  // One step on the way; the name of what it makes.
  std::string step(const std::string& node_name, const char* op_type, std::vector<std::string> inputs);

  static void set(onnx_proto::Node& node, const char* attribute, int64_t value);
  static void set_float(onnx_proto::Node& node, const char* attribute, float value);
  static void set_text(onnx_proto::Node& node, const char* attribute, const char* value);
  static void set_ints(onnx_proto::Node& node, const char* attribute, const Ints& values);
  Result<> set_graph(onnx_proto::Node& node, const char* attribute, const Graph& subgraph);
  static void set_tensor(onnx_proto::Node& node, const char* attribute, DType type, double value);

 private:
  Result<> write_outputs();
  std::string unique_node_name(const std::string& wanted_name);

  const Graph& graph_;
  int opset_;
  onnx_proto::Graph& proto_;
  std::vector<NamedConstant> constants_;
  std::vector<char> noted_;
  std::unordered_set<std::string> taken_, node_names_;
};

// Appends `node` in the form that the writer's opset has.
Result<> write_node(GraphWriter& w, const Node& node);
// y = function(x) as nodes behind `scope` (the name of the node it belongs to), making the value `y`.
Result<> write_activation(GraphWriter& w, const Activation& function, const std::string& scope,
                          const std::string& x, const std::string& y, ValueId like);
// "opset 9 has no Range, which came with opset 11"
std::unexpected<Status> too_old(const GraphWriter& w, const std::string& what, int since);

// One family each; they hold one function for every op.
Result<> write_op(GraphWriter& w, const Node& n, const Conv& op);
Result<> write_op(GraphWriter& w, const Node& n, const ConvTranspose& op);
Result<> write_op(GraphWriter& w, const Node& n, const Pool& op);
Result<> write_op(GraphWriter& w, const Node& n, const GlobalPool& op);
Result<> write_op(GraphWriter& w, const Node& n, const MatMul& op);
Result<> write_op(GraphWriter& w, const Node& n, const Gemm& op);
Result<> write_op(GraphWriter& w, const Node& n, const Unary& op);
Result<> write_op(GraphWriter& w, const Node& n, const Binary& op);
Result<> write_op(GraphWriter& w, const Node& n, const Where& op);
Result<> write_op(GraphWriter& w, const Node& n, const Cast& op);
Result<> write_op(GraphWriter& w, const Node& n, const Softmax& op);
Result<> write_op(GraphWriter& w, const Node& n, const LayerNorm& op);
Result<> write_op(GraphWriter& w, const Node& n, const BatchNorm& op);
Result<> write_op(GraphWriter& w, const Node& n, const InstanceNorm& op);
Result<> write_op(GraphWriter& w, const Node& n, const Reduce& op);
Result<> write_op(GraphWriter& w, const Node& n, const ArgReduce& op);
Result<> write_op(GraphWriter& w, const Node& n, const TopK& op);
Result<> write_op(GraphWriter& w, const Node& n, const Concat& op);
Result<> write_op(GraphWriter& w, const Node& n, const Split& op);
Result<> write_op(GraphWriter& w, const Node& n, const Slice& op);
Result<> write_op(GraphWriter& w, const Node& n, const Reshape& op);
Result<> write_op(GraphWriter& w, const Node& n, const Flatten& op);
Result<> write_op(GraphWriter& w, const Node& n, const Squeeze& op);
Result<> write_op(GraphWriter& w, const Node& n, const Unsqueeze& op);
Result<> write_op(GraphWriter& w, const Node& n, const Transpose& op);
Result<> write_op(GraphWriter& w, const Node& n, const Expand& op);
Result<> write_op(GraphWriter& w, const Node& n, const Tile& op);
Result<> write_op(GraphWriter& w, const Node& n, const Pad& op);
Result<> write_op(GraphWriter& w, const Node& n, const Gather& op);
Result<> write_op(GraphWriter& w, const Node& n, const GatherElements& op);
Result<> write_op(GraphWriter& w, const Node& n, const GatherNd& op);
Result<> write_op(GraphWriter& w, const Node& n, const ScatterNd& op);
Result<> write_op(GraphWriter& w, const Node& n, const ShapeOf& op);
Result<> write_op(GraphWriter& w, const Node& n, const Range& op);
Result<> write_op(GraphWriter& w, const Node& n, const ConstantOfShape& op);
Result<> write_op(GraphWriter& w, const Node& n, const NonZero& op);
Result<> write_op(GraphWriter& w, const Node& n, const Resize& op);
Result<> write_op(GraphWriter& w, const Node& n, const QuantizeLinear& op);
Result<> write_op(GraphWriter& w, const Node& n, const DequantizeLinear& op);
Result<> write_op(GraphWriter& w, const Node& n, const NonMaxSuppression& op);
Result<> write_op(GraphWriter& w, const Node& n, const If& op);
Result<> write_op(GraphWriter& w, const Node& n, const Loop& op);

}  // namespace hone
