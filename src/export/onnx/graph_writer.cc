#include "export/onnx/graph_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

// AttributeProto.AttributeType
constexpr int kFloat = 1, kInt = 2, kString = 3, kTensor = 4, kGraph = 5, kInts = 7;

void describe(const Value& value, bool with_names, onnx_proto::ValueInfo& info) {
  info.set_name(value.name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx_of_dtype(value.desc.type));
  if (!value.desc.has_shape) return;
  auto& shape = *tensor.mutable_shape();
  for (size_t i = 0; i < value.desc.shape.size(); ++i) {
    auto& dim = *shape.add_dim();
    if (value.desc.shape[i] >= 0)
      dim.set_dim_value(value.desc.shape[i]);
    else if (with_names && i < value.dim_names.size() && !value.dim_names[i].empty())
      dim.set_dim_param(value.dim_names[i]);
  }
}

template <class T>
ConstantPtr scalar_of(DType type, T value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  return Constant::of(TensorDesc(type, {}), Bytes::of(std::vector<std::byte>(raw.begin(), raw.end())));
}

ConstantPtr scalar_constant(DType type, double value) {
  switch (type) {
    case DType::f16:
      return scalar_of(type, f32_to_f16(static_cast<float>(value)));
    case DType::bf16:
      return scalar_of(type, f32_to_bf16(static_cast<float>(value)));
    case DType::f64:
      return scalar_of(type, value);
    case DType::i64:
    case DType::u64:
      return scalar_of(type, static_cast<int64_t>(value));
    case DType::i32:
    case DType::u32:
      return scalar_of(type, static_cast<int32_t>(value));
    case DType::i16:
    case DType::u16:
      return scalar_of(type, static_cast<int16_t>(value));
    case DType::i8:
      return scalar_of(type, static_cast<int8_t>(value));
    case DType::u8:
    case DType::boolean:
      return scalar_of(type, static_cast<uint8_t>(value));
    default:
      return scalar_of(DType::f32, static_cast<float>(value));
  }
}

onnx_proto::Attribute& attribute_of(onnx_proto::Node& node, const char* name, int type) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

}  // namespace

GraphWriter::GraphWriter(const Graph& graph, int opset, onnx_proto::Graph& proto)
    : graph_(graph), opset_(opset), proto_(proto), noted_(graph.values.size(), 0) {
  for (const Value& value : graph.values) taken_.insert(value.name);
}

std::string GraphWriter::unique(const std::string& wanted_name) {
  std::string name = wanted_name;
  for (int i = 1; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted_name, i);
  return name;
}

// A module that is called again gets a number, as in PyTorch's scopes: /model.9/m/MaxPool,
// /model.9/m_1/MaxPool.
std::string GraphWriter::unique_node_name(const std::string& wanted_name) {
  const size_t slash = std::min(wanted_name.rfind('/'), wanted_name.size());
  std::string name = wanted_name;
  for (int i = 1; !node_names_.insert(name).second; ++i)
    name = fmt::format("{}_{}{}", wanted_name.substr(0, slash), i, wanted_name.substr(slash));
  return name;
}

std::string GraphWriter::name(ValueId id) {
  if (id == kNoValue) return {};
  const Value& value = graph_.value(id);
  if (value.constant && !noted_[static_cast<size_t>(id)]) {
    noted_[static_cast<size_t>(id)] = 1;
    constants_.push_back({value.name, value.constant});
  }
  return value.name;
}

std::string GraphWriter::constant(const std::string& wanted_name, ConstantPtr value) {
  std::string name = unique(wanted_name);
  constants_.push_back({name, std::move(value)});
  return name;
}

std::string GraphWriter::ints(const std::string& wanted_name, std::span<const int64_t> values) {
  return constant(wanted_name, Constant::ints(values));
}

std::string GraphWriter::scalar(const std::string& wanted_name, double value, ValueId like) {
  return constant(wanted_name,
                  scalar_constant(like == kNoValue ? DType::f32 : graph_.desc(like).type, value));
}

Result<Ints> GraphWriter::const_ints(ValueId id, const char* what) const {
  if (!graph_.is_constant(id))
    return error(StatusCode::unsupported,
                 fmt::format("opset {} wants its {} as an attribute, but they are computed", opset_, what));
  return graph_.value(id).constant->to_ints();
}

onnx_proto::Node& GraphWriter::add(const std::string& node_name, const char* op_type,
                                   std::vector<std::string> inputs, std::vector<std::string> outputs) {
  auto& node = *proto_.add_node();
  node.set_name(unique_node_name(node_name));
  node.set_op_type(op_type);
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  while (!outputs.empty() && outputs.back().empty()) outputs.pop_back();
  for (std::string& input : inputs) node.add_input(std::move(input));
  for (std::string& output : outputs) node.add_output(std::move(output));
  return node;
}

std::string GraphWriter::step(const std::string& node_name, const char* op_type,
                              std::vector<std::string> inputs) {
  std::string made = unique(node_name + "_output_0");
  add(node_name, op_type, std::move(inputs), {made});
  return made;
}

void GraphWriter::set(onnx_proto::Node& node, const char* attribute, int64_t value) {
  attribute_of(node, attribute, kInt).set_i(value);
}
void GraphWriter::set_float(onnx_proto::Node& node, const char* attribute, float value) {
  attribute_of(node, attribute, kFloat).set_f(value);
}
void GraphWriter::set_text(onnx_proto::Node& node, const char* attribute, const char* value) {
  attribute_of(node, attribute, kString).set_s(value);
}
void GraphWriter::set_ints(onnx_proto::Node& node, const char* attribute, const Ints& values) {
  auto& list = attribute_of(node, attribute, kInts);
  for (int64_t value : values) list.add_ints(value);
}

void GraphWriter::set_tensor(onnx_proto::Node& node, const char* attribute, DType type, double value) {
  const ConstantPtr constant = scalar_constant(type, value);
  auto& tensor = *attribute_of(node, attribute, kTensor).mutable_t();
  tensor.add_dims(1);
  tensor.set_data_type(onnx_of_dtype(constant->desc().type));
  const auto bytes = constant->bytes();
  if (bytes) tensor.set_raw_data(bytes->view().data(), bytes->view().size());
}

Result<> GraphWriter::set_graph(onnx_proto::Node& node, const char* attribute, const Graph& subgraph) {
  auto& proto = *attribute_of(node, attribute, kGraph).mutable_g();
  for (const std::string& captured : subgraph.captures)
    if (const auto outer = graph_.find(captured)) name(*outer);  // a constant must be written here
  GraphWriter inner(subgraph, opset_, proto);
  inner.taken_.insert(taken_.begin(), taken_.end());  // names of the graph around cannot be given again
  HONE_TRY(inner.write());
  proto.set_name(subgraph.name.empty() ? attribute : subgraph.name);
  for (const NamedConstant& constant : inner.constants()) {
    HONE_ASSIGN(const Bytes bytes, constant.constant->bytes());
    auto& tensor = *proto.add_initializer();
    tensor.set_name(constant.name);
    tensor.set_data_type(onnx_of_dtype(constant.constant->desc().type));
    for (int64_t extent : constant.constant->desc().shape) tensor.add_dims(extent);
    tensor.set_raw_data(bytes.view().data(), bytes.view().size());
  }
  return {};
}

// An output that no node makes (a constant, an input, one value twice) gets an Identity: not every reader
// takes it bare.
Result<> GraphWriter::write_outputs() {
  const std::vector<int32_t> made_by = graph_.producers();
  std::unordered_set<ValueId> seen;
  for (ValueId id : graph_.outputs) {
    Value value = graph_.value(id);
    if (made_by[static_cast<size_t>(id)] < 0 || !seen.insert(id).second) {
      value.name = unique(value.name + "_output");
      add(value.name + "/Identity", "Identity", {name(id)}, {value.name});
    }
    describe(value, true, *proto_.add_output());
  }
  return {};
}

Result<> GraphWriter::write() {
  proto_.set_name(graph_.name.empty() ? "main_graph" : graph_.name);
  const size_t formal_inputs = graph_.inputs.size() - std::min(graph_.captures.size(), graph_.inputs.size());
  for (size_t i = 0; i < formal_inputs; ++i)
    describe(graph_.value(graph_.inputs[i]), true, *proto_.add_input());
  if (!graph_.captures.empty())
    for (size_t i = formal_inputs; i < graph_.inputs.size(); ++i) {
      // A captured value is read under its outer name.
      const Value& inner = graph_.value(graph_.inputs[i]);
      if (inner.name != graph_.captures[i - formal_inputs])
        add(inner.name + "/Identity", "Identity", {graph_.captures[i - formal_inputs]}, {inner.name});
    }
  for (const Node& node : graph_.nodes)
    if (const auto written = write_node(*this, node); !written)
      return error_in(fmt::format("node '{}' ({})", node.name, op_name(node.op)), written);
  HONE_TRY(write_outputs());
  const std::vector<int32_t> made_by = graph_.producers();
  for (size_t i = 0; i < graph_.values.size(); ++i) {
    const Value& value = graph_.values[i];
    if (made_by[i] >= 0 && value.desc.concrete() && !graph_.is_output(static_cast<ValueId>(i)))
      describe(value, false, *proto_.add_value_info());
  }
  return {};
}

}  // namespace hone
