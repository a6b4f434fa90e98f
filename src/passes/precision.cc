#include "passes/precision.h"

#include <cstring>

#include "base/float16.h"
#include "base/hash.h"

namespace hone {
namespace {

// Scalars and bounds are read by passes: they are widened at once.
constexpr size_t kEagerBytes = 1024;

bool is_convertible(DType type) {
  return type == DType::f64 || type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

Result<Bytes> convert(const Constant& constant, DType type) {
  HONE_ASSIGN(const Bytes held, constant.bytes());
  std::vector<float> wide;
  if (constant.desc().type == DType::f16) {
    wide.resize(held.view().size() / 2);
    f16_to_f32(held.as<uint16_t>(), wide.data());
  } else {
    HONE_ASSIGN(wide, constant.to_floats());
  }
  if (type == DType::f32) {
    // The vector is kept as it is: weights are large.
    auto owner = std::make_shared<const std::vector<float>>(std::move(wide));
    const auto view = std::as_bytes(std::span(*owner));
    return Bytes(view, std::move(owner));
  }
  auto owner = std::make_shared<std::vector<uint16_t>>(wide.size());
  if (type == DType::f16) {
    f32_to_f16(wide, owner->data());
  } else {
    for (size_t i = 0; i < wide.size(); ++i) (*owner)[i] = f32_to_bf16(wide[i]);
  }
  const auto view = std::as_bytes(std::span(*owner));
  return Bytes(view, std::move(owner));
}

}  // namespace

ConstantPtr converted(const ConstantPtr& constant, DType type) {
  if (constant->desc().type == type || !is_convertible(constant->desc().type)) return constant;
  TensorDesc desc = constant->desc();
  desc.type = type;
  const uint64_t key = hash_combine(hash_text("converted", static_cast<uint64_t>(type)), constant->key());
  if (constant->size_bytes() <= kEagerBytes)
    if (auto bytes = convert(*constant, type)) return Constant::of(desc, std::move(*bytes), key);
  return Constant::lazy(desc, key, [constant, type] { return convert(*constant, type); });
}

void rename_type(Op& op, DType from, DType to) {
  const auto rename = [&](DType& type) {
    if (type == from) type = to;
  };
  if (auto* cast = std::get_if<Cast>(&op)) rename(cast->to);
  if (auto* fill = std::get_if<ConstantOfShape>(&op)) rename(fill->type);
  if (auto* letterbox = std::get_if<Letterbox>(&op)) rename(letterbox->to);
}

void cast_input(Graph& graph, ValueId input, DType outside, DType inside) {
  TensorDesc desc = graph.desc(input);
  desc.type = inside;
  const ValueId cast = graph.add_value(graph.value(input).name + "_cast", std::move(desc));
  graph.replace_uses(input, cast);
  graph.value(input).desc.type = outside;
  graph.nodes.insert(graph.nodes.begin(),
                     Node{graph.value(cast).name, Cast{inside}, {input}, {cast}, graph.next_node_id()});
}

void cast_output(Graph& graph, size_t index, DType type) {
  const ValueId inner = graph.outputs[index];
  std::string name = graph.value(inner).name;
  const bool is_free = graph.producers()[static_cast<size_t>(inner)] >= 0;
  if (is_free) graph.rename(inner, name + "_inner");
  TensorDesc desc = graph.desc(inner);
  desc.type = type;
  const ValueId cast = graph.add_value(name, std::move(desc));
  if (is_free) {
    graph.value(cast).name = std::move(name);  // the index of names still holds the old owner
    graph.value(cast).dim_names = graph.value(inner).dim_names;
  }
  const int64_t id = graph.next_node_id();
  graph.nodes.push_back(Node{graph.value(cast).name + "_cast", Cast{type}, {inner}, {cast}, id});
  graph.outputs[index] = cast;
}

}  // namespace hone
