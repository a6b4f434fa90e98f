#include "import/onnx/onnx_node.h"

#include <fmt/format.h>

#include "base/float16.h"
#include "import/onnx/graph_reader.h"
#include "import/onnx/onnx.pb.h"
#include "ir/infer.h"
#include "ir/output_types.h"

namespace hone {
namespace {

// AttributeProto.AttributeType
constexpr int kFloat = 1, kInt = 2, kString = 3, kTensor = 4, kGraph = 5, kFloats = 6, kInts = 7;

// Old writers leave the type out; then the field that is set says it.
int type_of(const onnx_proto::Attribute& attribute) {
  if (attribute.type() != 0) return attribute.type();
  if (attribute.has_f()) return kFloat;
  if (attribute.has_i()) return kInt;
  if (attribute.has_s()) return kString;
  if (attribute.has_t()) return kTensor;
  if (attribute.has_g()) return kGraph;
  if (attribute.floats_size() > 0) return kFloats;
  return kInts;
}

std::string name_of(const onnx_proto::Node& proto) {
  if (!proto.name().empty()) return proto.name();
  for (const auto& output : proto.output())
    if (!output.empty()) return output;
  return proto.op_type();
}

template <class T>
ConstantPtr scalar_of(DType type, T value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  return Constant::of(TensorDesc(type, {}), Bytes::of(std::vector<std::byte>(raw.begin(), raw.end())));
}

}  // namespace

OnnxNode::OnnxNode(GraphReader& reader, const onnx_proto::Node& proto, int64_t opset)
    : reader_(reader), proto_(proto), opset_(opset), name_(name_of(proto)) {}

const std::string& OnnxNode::op_type() const { return proto_.op_type(); }
Graph& OnnxNode::graph() const { return reader_.graph(); }
size_t OnnxNode::input_count() const { return static_cast<size_t>(proto_.input_size()); }
size_t OnnxNode::output_count() const { return static_cast<size_t>(proto_.output_size()); }

ValueId OnnxNode::in(size_t index) const {
  return index < input_count() ? reader_.resolve(proto_.input(static_cast<int>(index))) : kNoValue;
}

std::vector<ValueId> OnnxNode::ins() const {
  std::vector<ValueId> ids;
  for (size_t i = 0; i < input_count(); ++i) ids.push_back(in(i));
  while (!ids.empty() && ids.back() == kNoValue) ids.pop_back();
  return ids;
}

bool OnnxNode::wants_out(size_t index) const {
  return index < output_count() && !proto_.output(static_cast<int>(index)).empty();
}

const TensorDesc* OnnxNode::desc(ValueId id) const {
  return id != kNoValue && graph().desc(id).has_shape ? &graph().desc(id) : nullptr;
}

DType OnnxNode::type(ValueId id) const { return id == kNoValue ? DType::f32 : graph().desc(id).type; }

std::optional<size_t> OnnxNode::rank(ValueId id) const {
  const TensorDesc* known = desc(id);
  return known ? std::optional(known->shape.size()) : std::nullopt;
}

ConstantPtr OnnxNode::constant(ValueId id) const {
  return id == kNoValue ? nullptr : graph().value(id).constant;
}

std::optional<Ints> OnnxNode::const_ints(size_t index) const {
  const ConstantPtr held = constant(in(index));
  if (!held) return std::nullopt;
  auto values = held->to_ints();
  return values ? std::optional(std::move(*values)) : std::nullopt;
}

std::optional<std::vector<float>> OnnxNode::const_floats(size_t index) const {
  const ConstantPtr held = constant(in(index));
  if (!held || held->size_bytes() > (1 << 20)) return std::nullopt;
  auto values = held->to_floats();
  return values ? std::optional(std::move(*values)) : std::nullopt;
}

const onnx_proto::Attribute* OnnxNode::find(const char* attribute, int type, const char* wanted) {
  for (const auto& a : proto_.attribute()) {
    if (a.name() != attribute) continue;
    if (!a.ref_attr_name().empty()) {
      fail(fmt::format("its attribute '{}' refers to a function's attribute outside of a function",
                       attribute));
      return nullptr;
    }
    if (type_of(a) == type) return &a;
    fail(fmt::format("its attribute '{}' is of attribute type {}, but {} is wanted", attribute, type_of(a),
                     wanted));
    return nullptr;
  }
  return nullptr;
}

bool OnnxNode::has(const char* attribute) const {
  for (const auto& a : proto_.attribute())
    if (a.name() == attribute) return true;
  return false;
}

int64_t OnnxNode::integer(const char* attribute, int64_t otherwise) {
  const auto* found = find(attribute, kInt, "an integer");
  return found ? found->i() : otherwise;
}

float OnnxNode::real(const char* attribute, float otherwise) {
  const auto* found = find(attribute, kFloat, "a number");
  return found ? found->f() : otherwise;
}

std::string OnnxNode::text(const char* attribute, const char* otherwise) {
  const auto* found = find(attribute, kString, "a text");
  return found ? found->s() : otherwise;
}

Ints OnnxNode::integers(const char* attribute) {
  const auto* found = find(attribute, kInts, "a list of integers");
  return found ? Ints(found->ints().begin(), found->ints().end()) : Ints();
}

std::vector<float> OnnxNode::reals(const char* attribute) {
  const auto* found = find(attribute, kFloats, "a list of numbers");
  return found ? std::vector<float>(found->floats().begin(), found->floats().end()) : std::vector<float>();
}

ConstantPtr OnnxNode::tensor(const char* attribute) {
  const auto* found = find(attribute, kTensor, "a tensor");
  if (!found) return nullptr;
  auto constant = reader_.model().tensors->read(found->t());
  if (constant) return *constant;
  if (constant.error().code == StatusCode::unsupported)
    unsupported(fmt::format("'{}', of which {}", attribute, constant.error().message));
  else
    fail(fmt::format("its attribute '{}': {}", attribute, constant.error().message));
  return nullptr;
}

std::shared_ptr<Graph> OnnxNode::subgraph(const char* attribute) {
  const auto* found = find(attribute, kGraph, "a graph");
  if (!found) {
    fail(fmt::format("it lacks the subgraph '{}'", attribute));
    return nullptr;
  }
  if (failed_) return nullptr;
  auto graph = reader_.read_subgraph(found->g());
  if (graph) return *graph;
  fail("in its subgraph: " + graph.error().message);
  mistake_->code = graph.error().code;
  return nullptr;
}

void OnnxNode::append(std::string node_name, Op op, std::vector<ValueId> inputs,
                      std::vector<ValueId> outputs) {
  while (!inputs.empty() && inputs.back() == kNoValue) inputs.pop_back();
  Graph& g = graph();
  // Extents are known as far as they do not hang on what a caller chooses; some old forms can be read only
  // with them.
  std::vector<TensorDesc> descs;
  std::vector<ConstantPtr> constants;
  std::vector<DType> types;
  bool all_known = true;
  for (ValueId id : inputs) {
    types.push_back(id == kNoValue ? DType::f32 : g.desc(id).type);
    descs.push_back(id == kNoValue ? TensorDesc() : g.desc(id));
    constants.push_back(constant(id));
    all_known = all_known && (id == kNoValue || g.desc(id).concrete());
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] != kNoValue)
      g.value(outputs[i]).desc.type = output_type(op, types, i).value_or(g.desc(outputs[i]).type);
  if (all_known && !std::holds_alternative<If>(op) && !std::holds_alternative<Loop>(op)) {
    if (const auto found = infer(op, descs, constants, outputs.size());
        found && found->size() == outputs.size())
      for (size_t i = 0; i < outputs.size(); ++i)
        if (outputs[i] != kNoValue && (*found)[i].concrete()) {
          auto quantization = std::move(g.value(outputs[i]).desc.quantization);
          g.value(outputs[i]).desc = (*found)[i];
          if (quantization) g.value(outputs[i]).desc.quantization = std::move(quantization);
        }
  }
  const size_t index = g.add_node(std::move(node_name), std::move(op), std::move(inputs), 0);
  g.nodes[index].outputs = std::move(outputs);
}

void OnnxNode::emit(Op op, std::vector<ValueId> inputs, size_t made) {
  if (failed_) return;
  for (size_t i = made; i < output_count(); ++i)
    if (wants_out(i)) return unsupported(fmt::format("its output {} in use", i));
  std::vector<ValueId> outputs;
  for (size_t i = 0; i < made; ++i)
    outputs.push_back(wants_out(i) ? reader_.resolve(proto_.output(static_cast<int>(i))) : kNoValue);
  append(name_, std::move(op), std::move(inputs), std::move(outputs));
}

void OnnxNode::emit_constant(ConstantPtr constant, size_t index) {
  if (failed_ || !wants_out(index)) return;
  Value& value = graph().value(reader_.resolve(proto_.output(static_cast<int>(index))));
  value.desc = constant->desc();
  value.constant = std::move(constant);
}

ValueId OnnxNode::add(const char* suffix, Op op, std::vector<ValueId> inputs) {
  if (failed_) return kNoValue;
  std::string step_name = name_ + "/" + suffix;
  const ValueId made = graph().add_value(step_name + "_output");
  append(std::move(step_name), std::move(op), std::move(inputs), {made});
  return made;
}

void OnnxNode::emit_at(size_t index, const char* suffix, Op op, std::vector<ValueId> inputs) {
  if (failed_ || !wants_out(index)) return;
  append(name_ + "/" + suffix, std::move(op), std::move(inputs),
         {reader_.resolve(proto_.output(static_cast<int>(index)))});
}

ValueId OnnxNode::add_constant(const char* suffix, ConstantPtr constant) {
  return failed_ ? kNoValue : graph().add_constant(name_ + "/" + suffix, std::move(constant));
}

ValueId OnnxNode::add_ints(const char* suffix, const Ints& values) {
  return add_constant(suffix, Constant::ints(values));
}

ValueId OnnxNode::add_scalar(const char* suffix, double value, ValueId like) {
  switch (const DType type = this->type(like)) {
    case DType::f16:
      return add_constant(suffix, scalar_of(DType::f16, f32_to_f16(static_cast<float>(value))));
    case DType::bf16:
      return add_constant(suffix, scalar_of(DType::bf16, f32_to_bf16(static_cast<float>(value))));
    case DType::f64:
      return add_constant(suffix, scalar_of(DType::f64, value));
    case DType::i32:
      return add_constant(suffix, scalar_of(DType::i32, static_cast<int32_t>(value)));
    case DType::i64:
      return add_constant(suffix, scalar_of(DType::i64, static_cast<int64_t>(value)));
    case DType::u8:
      return add_constant(suffix, scalar_of(DType::u8, static_cast<uint8_t>(value)));
    case DType::i8:
      return add_constant(suffix, scalar_of(DType::i8, static_cast<int8_t>(value)));
    case DType::f32:
      return add_constant(suffix, scalar_of(DType::f32, static_cast<float>(value)));
    default:
      unsupported(fmt::format("elements of type {}", dtype_name(type)));
      return kNoValue;
  }
}

void OnnxNode::set_quantization(ValueId id, Quantization quantization) {
  if (!failed_ && id != kNoValue) graph().value(id).desc.quantization = std::move(quantization);
}

void OnnxNode::quantize_output(Quantization quantization) {
  if (wants_out(0)) set_quantization(reader_.resolve(proto_.output(0)), std::move(quantization));
}

void OnnxNode::fail(std::string message) {
  if (!failed_) mistake_ = Status{StatusCode::invalid_file, std::move(message)};
  failed_ = true;
}

void OnnxNode::unsupported(std::string reason) {
  if (!failed_) unsupported_ = std::move(reason);
  failed_ = true;
}

}  // namespace hone
