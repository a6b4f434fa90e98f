#include "passes/channel_affine.h"

#include <cstring>

#include "base/float16.h"
#include "base/hash.h"

namespace hone {
namespace {

struct Parts {
  int64_t group;
  bool* has_bias;
  bool transposed;
};
Parts parts_of(Node& conv) {
  if (auto* op = std::get_if<Conv>(&conv.op)) return {op->group, &op->has_bias, false};
  auto& op = std::get<ConvTranspose>(conv.op);
  return {op.group, &op.has_bias, true};
}

Bytes narrow(DType type, const std::vector<float>& values) {
  if (type == DType::f32) {
    const auto raw = std::as_bytes(std::span(values));
    return Bytes::of(std::vector<std::byte>(raw.begin(), raw.end()));
  }
  std::vector<std::byte> bytes(values.size() * 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half = type == DType::f16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    std::memcpy(bytes.data() + 2 * i, &half, 2);
  }
  return Bytes::of(std::move(bytes));
}

// Conv's weight is [M, C/group, …], ConvTranspose's [C, M/group, …]: the output channel of row r and column c
// is r, and r / (C/group) * (M/group) + c.
void scale_rows(std::vector<float>& weight, const Shape& shape, const std::vector<float>& factor,
                int64_t group, bool transposed) {
  const auto rows = static_cast<size_t>(shape[0]), columns = static_cast<size_t>(shape[1]);
  const size_t filter = rows * columns == 0 ? 0 : weight.size() / (rows * columns);
  const size_t rows_a_group = rows / static_cast<size_t>(group);
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      const float f = factor[transposed ? r / rows_a_group * columns + c : r];
      float* at = weight.data() + (r * columns + c) * filter;
      for (size_t i = 0; i < filter; ++i) at[i] *= f;
    }
}

ConstantPtr scaled(const ConstantPtr& weight, const ChannelAffine& affine, int64_t group, bool transposed) {
  const uint64_t key =
      hash_combine(hash_text(transposed ? "scaled columns" : "scaled rows", static_cast<uint64_t>(group)),
                   hash_combine(weight->key(), affine.key));
  return Constant::lazy(weight->desc(), key,
                        [weight, factor = affine.factor, group, transposed]() -> Result<Bytes> {
                          HONE_ASSIGN(auto values, weight->to_floats());
                          scale_rows(values, weight->desc().shape, factor, group, transposed);
                          return narrow(weight->desc().type, values);
                        });
}

}  // namespace

bool takes_affine(const Graph& graph, const Node& node) {
  bool has_bias = false;
  int64_t group = 1;
  if (const auto* conv = std::get_if<Conv>(&node.op)) {
    if (!conv->activation.is_identity() || conv->has_residual) return false;
    has_bias = conv->has_bias, group = conv->group;
  } else if (const auto* transposed = std::get_if<ConvTranspose>(&node.op)) {
    if (!transposed->activation.is_identity()) return false;
    has_bias = transposed->has_bias, group = transposed->group;
  } else {
    return false;
  }
  if (!graph.is_constant(node.inputs[1]) || (has_bias && !graph.is_constant(node.inputs[2]))) return false;
  const TensorDesc& weight = graph.desc(node.inputs[1]);
  if (weight.type != DType::f32 && weight.type != DType::f16 && weight.type != DType::bf16) return false;
  if (weight.shape.size() < 3 || group < 1 || weight.shape[0] < 1 || weight.shape[0] % group != 0)
    return false;
  return !has_bias || graph.desc(node.inputs[2]).shape == Shape{output_channels(graph, node)};
}

int64_t output_channels(const Graph& graph, const Node& conv) {
  const Shape& weight = graph.desc(conv.inputs[1]).shape;
  if (const auto* transposed = std::get_if<ConvTranspose>(&conv.op)) return weight[1] * transposed->group;
  return weight[0];
}

// What the checkpoint calls the weight: "model.0.conv.weight", also behind the Cast that widens it.
std::string weight_name(const Graph& graph, const Node& conv) {
  constexpr std::string_view kWidened = "/Cast_output";
  std::string name = graph.value(conv.inputs[1]).name;
  if (name.ends_with(kWidened)) name.resize(name.size() - kWidened.size());
  return name.ends_with(".weight") ? name : conv.name + ".weight";
}

// The folded weight takes over the name, as in PyTorch's own exports.
ValueId add_named(Graph& graph, const std::string& name, ConstantPtr constant) {
  const auto taken = graph.find(name);
  const ValueId id = graph.add_constant(name, std::move(constant));
  if (taken) std::swap(graph.value(*taken).name, graph.value(id).name);
  return id;
}

bool absorb(Graph& graph, Node& conv, ChannelAffine affine) {
  const Parts parts = parts_of(conv);
  const ConstantPtr weight = graph.value(conv.inputs[1]).constant;
  const DType type = weight->desc().type;
  const auto channels = static_cast<size_t>(output_channels(graph, conv));
  if (!affine.factor.empty() && affine.factor.size() != channels) return false;
  if (!affine.shift.empty() && affine.shift.size() != channels) return false;

  const std::string name = weight_name(graph, conv);
  const std::string bias_name = name.substr(0, name.size() - std::string_view("weight").size()) + "bias";
  uint64_t bias_key = hash_combine(hash_text("shifted bias"), affine.key);
  if (*parts.has_bias || !affine.shift.empty()) {
    std::vector<float> bias = affine.shift;
    bias.resize(channels, 0);
    if (*parts.has_bias) {
      const ConstantPtr& old = graph.value(conv.inputs[2]).constant;
      const auto values = old->to_floats();
      if (!values) return false;
      bias_key = hash_combine(bias_key, old->key());
      for (size_t i = 0; i < channels; ++i)
        bias[i] += affine.factor.empty() ? (*values)[i] : affine.factor[i] * (*values)[i];
    }
    const TensorDesc desc(type, {static_cast<int64_t>(channels)});
    const ValueId id = add_named(graph, bias_name, Constant::of(desc, narrow(type, bias), bias_key));
    if (*parts.has_bias)
      conv.inputs[2] = id;
    else
      conv.inputs.insert(conv.inputs.begin() + 2, id);
    *parts.has_bias = true;
  }
  if (!affine.factor.empty())
    conv.inputs[1] = add_named(graph, name, scaled(weight, affine, parts.group, parts.transposed));
  return true;
}

}  // namespace hone
