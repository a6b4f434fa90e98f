// Small ONNX models built in tests.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "import/onnx/onnx.pb.h"
#include "import/onnx/onnx_import.h"
#include "import/onnx/type_map.h"

namespace hone {

class TestNode {
 public:
  explicit TestNode(onnx_proto::Node& node) : node_(node) {}
  TestNode& set(const char* name, int64_t value) {
    attribute(name, 2).set_i(value);
    return *this;
  }
  TestNode& set_float(const char* name, float value) {
    attribute(name, 1).set_f(value);
    return *this;
  }
  TestNode& set(const char* name, const char* value) {
    attribute(name, 3).set_s(value);
    return *this;
  }
  TestNode& set(const char* name, const std::vector<int64_t>& values) {
    auto& list = attribute(name, 7);
    for (int64_t v : values) list.add_ints(v);
    return *this;
  }
  TestNode& set_floats(const char* name, const std::vector<float>& values) {
    auto& list = attribute(name, 6);
    for (float v : values) list.add_floats(v);
    return *this;
  }
  onnx_proto::Graph& graph(const char* name) { return *attribute(name, 5).mutable_g(); }
  onnx_proto::Tensor& tensor(const char* name) { return *attribute(name, 4).mutable_t(); }

 private:
  onnx_proto::Attribute& attribute(const char* name, int type) {
    auto& a = *node_.add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  }
  onnx_proto::Node& node_;
};

inline TestNode add_node(onnx_proto::Graph& graph, const char* op_type,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  auto& node = *graph.add_node();
  node.set_op_type(op_type);
  node.set_name(std::string("/") + op_type);
  for (const auto& input : inputs) node.add_input(input);
  for (const auto& output : outputs) node.add_output(output);
  return TestNode(node);
}

// Extents: a number, or a name where the number is -1.
inline void describe_value(onnx_proto::ValueInfo& info, const std::string& name,
                           const std::vector<int64_t>& shape, DType type,
                           const std::vector<std::string>& dim_names = {}) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx_of_dtype(type));
  auto& dims = *tensor.mutable_shape();
  for (size_t i = 0; i < shape.size(); ++i) {
    auto& dim = *dims.add_dim();
    if (shape[i] >= 0)
      dim.set_dim_value(shape[i]);
    else if (i < dim_names.size())
      dim.set_dim_param(dim_names[i]);
  }
}

template <class T>
void fill_raw(onnx_proto::Tensor& tensor, DType type, const std::vector<int64_t>& dims,
              const std::vector<T>& values) {
  tensor.set_data_type(onnx_of_dtype(type));
  for (int64_t d : dims) tensor.add_dims(d);
  tensor.set_raw_data(values.data(), values.size() * sizeof(T));
}

class TestModel {
 public:
  explicit TestModel(int64_t opset) {
    model_.set_ir_version(8);
    auto& set = *model_.add_opset_import();
    set.set_version(opset);
  }
  onnx_proto::Model& proto() { return model_; }
  onnx_proto::Graph& graph() { return *model_.mutable_graph(); }
  void input(const std::string& name, const std::vector<int64_t>& shape, DType type = DType::f32,
             const std::vector<std::string>& dim_names = {}) {
    describe_value(*graph().add_input(), name, shape, type, dim_names);
  }
  void output(const std::string& name) { graph().add_output()->set_name(name); }
  TestNode node(const char* op_type, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs) {
    return add_node(graph(), op_type, inputs, outputs);
  }
  template <class T>
  void weight(const std::string& name, DType type, const std::vector<int64_t>& dims,
              const std::vector<T>& values) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    fill_raw(tensor, type, dims, values);
  }
  void floats(const std::string& name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
    weight(name, DType::f32, dims, values);
  }
  void ints(const std::string& name, const std::vector<int64_t>& values) {
    weight(name, DType::i64, {static_cast<int64_t>(values.size())}, values);
  }
  std::string bytes() const { return model_.SerializeAsString(); }
  Result<Graph> import(const std::filesystem::path& folder = {}) const {
    const auto held = std::make_shared<const std::string>(bytes());
    return import_onnx(std::as_bytes(std::span(*held)), held, folder);
  }

 private:
  onnx_proto::Model model_;
};

// One line a node: "Slice(x, /Slice/starts=[0], …) -> y", constants of up to 8 integers with their values.
inline std::string shown(const Graph& graph, ValueId id) {
  if (id == kNoValue) return "-";
  const Value& value = graph.value(id);
  if (!value.constant) return value.name;
  if (value.constant->size_bytes() <= 64) {
    std::string text = "[";
    if (const auto ints = value.constant->to_ints()) {
      for (int64_t v : *ints) text += (text.size() > 1 ? "," : "") + std::to_string(v);
      return text + "]";
    }
    if (const auto floats = value.constant->to_floats()) {
      for (float v : *floats) {
        std::string number = std::to_string(v);
        number.erase(number.find_last_not_of('0') + 1);
        text += (text.size() > 1 ? "," : "") + number;
      }
      return text + "]";
    }
  }
  return desc_text(value.desc);
}

inline std::string shown(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
    text += op_text(node.op) + ":";
    for (ValueId id : node.inputs) text += " " + shown(graph, id);
    text += " ->";
    for (ValueId id : node.outputs) text += " " + shown(graph, id);
    text += "\n";
  }
  return text;
}

}  // namespace hone
