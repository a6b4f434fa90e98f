#include "import/onnx/graph_reader.h"

#include <fmt/format.h>

#include "import/onnx/model_file.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"
#include "import/onnx/type_map.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

std::unexpected<Status> damaged(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

}  // namespace

Result<DeclaredValue> read_value_info(const onnx_proto::ValueInfo& info) {
  DeclaredValue declared;
  if (!info.has_type()) return declared;
  const auto& type_info = info.type();
  if (type_info.has_sequence_type() || type_info.has_map_type() || type_info.has_sparse_tensor_type() ||
      type_info.has_optional_type())
    return error(StatusCode::unsupported,
                 fmt::format("'{}' is a sequence, a map, a sparse tensor or an optional value; only dense "
                             "tensors are supported",
                             info.name()));
  if (!type_info.has_tensor_type() || type_info.tensor_type().elem_type() == 0) return declared;
  const auto& tensor = type_info.tensor_type();
  const auto type = dtype_of_onnx(tensor.elem_type());
  if (!type) return error_in("'" + info.name() + "'", type);
  declared.desc.type = *type;
  declared.desc.has_shape = tensor.has_shape();
  bool has_names = false;
  for (const auto& dim : tensor.shape().dim()) {
    if (dim.has_dim_value() && dim.dim_value() < 0 && dim.dim_value() != kUnknownDim)
      return damaged(fmt::format("'{}' has the extent {}", info.name(), dim.dim_value()));
    declared.desc.shape.push_back(dim.has_dim_value() ? dim.dim_value() : kUnknownDim);
    declared.dim_names.push_back(dim.has_dim_value() ? std::string() : dim.dim_param());
    has_names = has_names || !declared.dim_names.back().empty();
  }
  if (!has_names) declared.dim_names.clear();
  return declared;
}

Result<ValueId> GraphReader::declare(const std::string& name, const char* what) {
  if (name.empty()) return damaged(fmt::format("{} has no name", what));
  if (names_.contains(name)) return damaged(fmt::format("two values are called '{}'", name));
  const ValueId id = graph_.add_value(name);
  names_.emplace(name, id);
  return id;
}

Result<> GraphReader::read_initializers(const onnx_proto::Graph& proto,
                                        const std::vector<StoredTensor>& initializers) {
  if (proto.sparse_initializer_size() > 0)
    return error(StatusCode::unsupported, fmt::format("the weight '{}' is sparse, which is not supported",
                                                      proto.sparse_initializer(0).values().name()));
  const auto keep = [&](const onnx_proto::Tensor& tensor, auto raw) -> Result<> {
    const auto constant = model_.tensors->read(tensor, raw);
    if (!constant) return error_in("weight '" + tensor.name() + "'", constant);
    HONE_ASSIGN(const ValueId id, declare(tensor.name(), "a weight"));
    graph_.value(id).desc = (*constant)->desc();
    graph_.value(id).constant = *constant;
    return {};
  };
  for (const StoredTensor& stored : initializers) HONE_TRY(keep(*stored.header, stored.raw));
  for (const auto& tensor : proto.initializer())
    HONE_TRY(keep(tensor, std::optional<std::span<const std::byte>>()));
  return {};
}

Result<> GraphReader::read_inputs(const onnx_proto::Graph& proto) {
  for (const auto& info : proto.input()) {
    // Old files list their weights among the inputs; a default value for an input is taken as fixed, too.
    if (const auto known = names_.find(info.name());
        known != names_.end() && graph_.is_constant(known->second))
      continue;
    HONE_ASSIGN(DeclaredValue declared, read_value_info(info));
    HONE_ASSIGN(const ValueId id, declare(info.name(), "a graph input"));
    graph_.value(id).desc = std::move(declared.desc);
    graph_.value(id).dim_names = std::move(declared.dim_names);
    graph_.inputs.push_back(id);
  }
  return {};
}

ValueId GraphReader::resolve(const std::string& name) {
  if (name.empty()) return kNoValue;
  if (const auto known = names_.find(name); known != names_.end()) return known->second;
  if (!outer_) return kNoValue;
  const ValueId outside = outer_->resolve(name);
  if (outside == kNoValue) return kNoValue;
  const Value& value = outer_->graph_.value(outside);
  const ValueId id = graph_.add_value(name, value.desc);
  names_.emplace(name, id);
  if (value.constant) {
    graph_.value(id).constant = value.constant;  // shared; nothing to capture
  } else {
    captured_.push_back(id);
    graph_.captures.push_back(value.name);
  }
  return id;
}

Result<std::shared_ptr<Graph>> GraphReader::read_subgraph(const onnx_proto::Graph& proto) {
  int depth = 1;
  for (const GraphReader* reader = outer_; reader; reader = reader->outer_) ++depth;
  if (depth > kMaxSubgraphDepth)
    return damaged(fmt::format("subgraphs are nested deeper than {}", kMaxSubgraphDepth));
  GraphReader reader(model_, this);
  HONE_ASSIGN(Graph graph, reader.read(proto, {}));
  return std::make_shared<Graph>(std::move(graph));
}

Result<> GraphReader::read_node(const onnx_proto::Node& proto) {
  const std::string domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  const auto version = model_.opsets.find(domain);
  const int64_t opset = version == model_.opsets.end() ? 1 : version->second;
  OnnxNode node(*this, proto, opset);
  const OperatorRow* row = find_operator(domain, proto.op_type(), opset);
  if (!row) {
    model_.report.add(domain.empty() ? proto.op_type() : domain + "." + proto.op_type(), opset, node.name());
    return {};
  }
  for (const auto& input : proto.input())
    if (!input.empty() && resolve(input) == kNoValue)
      return damaged(fmt::format("node '{}' ({}) reads '{}', which is no value of the graph", node.name(),
                                 proto.op_type(), input));
  row->read(node);
  if (node.mistake())
    return error(node.mistake()->code, fmt::format("node '{}' ({}, opset {}): {}", node.name(),
                                                   proto.op_type(), opset, node.mistake()->message));
  if (node.unsupported_reason())
    model_.report.add(proto.op_type() + " with " + *node.unsupported_reason(), opset, node.name());
  return {};
}

Result<> GraphReader::read_nodes(const onnx_proto::Graph& proto) {
  HONE_ASSIGN(const std::vector<int> order, topological_order(proto));
  // All names first, so that steps which hone adds take none of them.
  for (const auto& node : proto.node())
    for (const auto& output : node.output())
      if (!output.empty()) HONE_TRY(declare(output, "a value"));
  for (int n : order) HONE_TRY(read_node(proto.node(n)));
  return {};
}

Result<> GraphReader::read_outputs(const onnx_proto::Graph& proto) {
  for (const auto& info : proto.output()) {
    HONE_ASSIGN(DeclaredValue declared, read_value_info(info));
    const ValueId id = resolve(info.name());
    if (id == kNoValue)
      return damaged(fmt::format("the graph output '{}' is no value of the graph", info.name()));
    Value& value = graph_.value(id);
    if (!value.constant && !value.desc.concrete()) value.desc = std::move(declared.desc);
    if (value.dim_names.empty()) value.dim_names = std::move(declared.dim_names);
    graph_.outputs.push_back(id);
  }
  return {};
}

Result<Graph> GraphReader::read(const onnx_proto::Graph& proto,
                                const std::vector<StoredTensor>& initializers) {
  graph_.name = proto.name();
  HONE_TRY(read_initializers(proto, initializers));
  HONE_TRY(read_inputs(proto));
  HONE_TRY(read_nodes(proto));
  HONE_TRY(read_outputs(proto));
  graph_.inputs.insert(graph_.inputs.end(), captured_.begin(), captured_.end());
  return std::move(graph_);
}

}  // namespace hone
