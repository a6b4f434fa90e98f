// GraphProto → Graph, for the model's graph and for the subgraphs of If and Loop.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "import/onnx/tensor_reader.h"
#include "ir/graph.h"

namespace hone {

namespace onnx_proto {
class Graph;
class Node;
class ValueInfo;
}  // namespace onnx_proto
struct StoredTensor;

// What hone has no code for, gathered over the whole model so that one message names it all.
class UnsupportedReport {
 public:
  // `what`: "Einsum", or "Resize with antialias".
  void add(const std::string& what, int64_t opset, const std::string& node_name);
  bool empty() const { return found_.empty(); }
  std::string text() const;

 private:
  std::map<std::pair<std::string, int64_t>, std::vector<std::string>> found_;
};

// What all graphs of a model share.
struct ModelScope {
  TensorReader* tensors;
  std::map<std::string, int64_t> opsets;  // by domain; the default one is ""
  UnsupportedReport report;
};

class GraphReader {
 public:
  GraphReader(ModelScope& model, GraphReader* outer) : model_(model), outer_(outer) {}

  // `initializers`: the weights that were taken out of `proto`. Once.
  Result<Graph> read(const onnx_proto::Graph& proto, const std::vector<StoredTensor>& initializers);

  Graph& graph() { return graph_; }
  // The value of that name here, or one captured from the graphs around; kNoValue if there is none.
  ValueId resolve(const std::string& name);
  // A subgraph of one of this graph's nodes.
  Result<std::shared_ptr<Graph>> read_subgraph(const onnx_proto::Graph& proto);
  ModelScope& model() { return model_; }

 private:
  Result<ValueId> declare(const std::string& name, const char* what);
  Result<> read_initializers(const onnx_proto::Graph& proto, const std::vector<StoredTensor>& initializers);
  Result<> read_inputs(const onnx_proto::Graph& proto);
  Result<> read_nodes(const onnx_proto::Graph& proto);
  Result<> read_node(const onnx_proto::Node& proto);
  Result<> read_outputs(const onnx_proto::Graph& proto);

  ModelScope& model_;
  GraphReader* outer_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> names_;
  std::vector<ValueId> captured_;
};

// Indices of the nodes so that each stands after those whose values it (or a subgraph of it) reads; the
// file's own order where that is one. An error names a node of a cycle, or a value that two nodes make.
Result<std::vector<int>> topological_order(const onnx_proto::Graph& proto);

// Type, extents and their names as a graph's input or output declares them.
struct DeclaredValue {
  TensorDesc desc;
  std::vector<std::string> dim_names;
};
Result<DeclaredValue> read_value_info(const onnx_proto::ValueInfo& info);

}  // namespace hone
