// Activations that exporters write in parts: x*sigmoid(x) and its like become one Unary.
#include <cmath>

#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

bool near(std::optional<float> value, double wanted) {
  return value && std::abs(*value - wanted) <= 1e-5 * std::abs(wanted);
}

class Matcher {
 public:
  explicit Matcher(Rewriter& rewriter) : rewriter_(rewriter), graph_(rewriter.graph()) {}

  // What the node computes as one function of the value `x`.
  std::optional<Activation> match(const Node& node, ValueId& x) {
    const auto* binary = std::get_if<Binary>(&node.op);
    if (!binary) return std::nullopt;
    if (const auto found = hard_sigmoid(node, x)) return found;
    if (const auto found = gelu(node, x)) return found;
    if (binary->kind == BinaryKind::mul)
      for (size_t i : {0u, 1u})
        if (const auto found = gated(node.inputs[i], node.inputs[1 - i])) {
          x = node.inputs[i];
          return found;
        }
    return hard_swish(node, x);
  }

 private:
  bool same(ValueId a, ValueId b) const { return rewriter_.now(a) == rewriter_.now(b); }
  std::optional<float> scalar(ValueId id) const { return scalar_of(graph_, rewriter_.now(id)); }

  // x * gate(x).
  std::optional<Activation> gated(ValueId x, ValueId gate) const {
    const Node* made_by = rewriter_.producer(gate);
    const Activation* function = activation_of(made_by);
    if (!function) return std::nullopt;
    if (function->kind == UnaryKind::sigmoid && same(made_by->inputs[0], x))
      return Activation{UnaryKind::silu};
    if (function->kind == UnaryKind::hard_sigmoid && same(made_by->inputs[0], x) &&
        near(function->alpha, 1.0 / 6) && near(function->beta, 0.5))
      return Activation{UnaryKind::hard_swish};
    if (function->kind == UnaryKind::tanh) {
      const Node* inner = rewriter_.producer(made_by->inputs[0]);
      const Activation* soft = activation_of(inner);
      if (soft && soft->kind == UnaryKind::softplus && same(inner->inputs[0], x))
        return Activation{UnaryKind::mish};
    }
    return std::nullopt;
  }

  // Input i of a commutative node, when the other is a constant near `wanted`.
  ValueId beside(const Node* node, double wanted) const {
    for (size_t i : {0u, 1u})
      if (near(scalar(node->inputs[1 - i]), wanted)) return node->inputs[i];
    return kNoValue;
  }
  // v in v / number, or in v * (1 / number).
  ValueId divided_by(const Node* node, double number) const {
    if (is_binary(node, BinaryKind::div) && near(scalar(node->inputs[1]), number)) return node->inputs[0];
    if (is_binary(node, BinaryKind::mul)) return beside(node, 1 / number);
    return kNoValue;
  }

  // x in clip(x + 3, 0, 6).
  ValueId relu6_of_sum(ValueId id) const {
    const Node* clip = rewriter_.producer(id);
    const Activation* function = activation_of(clip);
    if (!function || function->kind != UnaryKind::clip || function->alpha != 0 || function->beta != 6)
      return kNoValue;
    const Node* sum = rewriter_.producer(clip->inputs[0]);
    return is_binary(sum, BinaryKind::add) ? beside(sum, 3) : kNoValue;
  }

  std::optional<Activation> hard_sigmoid(const Node& node, ValueId& x) const {
    const ValueId clipped = divided_by(&node, 6);
    if (clipped == kNoValue) return std::nullopt;
    x = relu6_of_sum(clipped);
    if (x == kNoValue) return std::nullopt;
    return Activation{UnaryKind::hard_sigmoid, 1.0f / 6, 0.5f};
  }

  // x * clip(x + 3, 0, 6) / 6, and x * (clip(x + 3, 0, 6) / 6).
  std::optional<Activation> hard_swish(const Node& node, ValueId& x) const {
    const ValueId numerator = divided_by(&node, 6);
    const Node* product = numerator == kNoValue ? &node : rewriter_.producer(numerator);
    if (!is_binary(product, BinaryKind::mul)) return std::nullopt;
    for (size_t i : {0u, 1u}) {
      ValueId clipped = product->inputs[1 - i];
      if (numerator == kNoValue) {
        const Node* quotient = rewriter_.producer(clipped);
        clipped = quotient ? divided_by(quotient, 6) : kNoValue;
      }
      if (clipped == kNoValue) continue;
      const ValueId inner = relu6_of_sum(clipped);
      if (inner == kNoValue || !same(inner, product->inputs[i])) continue;
      x = inner;
      return Activation{UnaryKind::hard_swish};
    }
    return std::nullopt;
  }

  // x in 1 + erf(x / sqrt(2)).
  ValueId one_plus_erf(ValueId id) const {
    const Node* sum = rewriter_.producer(id);
    if (!is_binary(sum, BinaryKind::add)) return kNoValue;
    const ValueId term = beside(sum, 1);
    const Node* erf = term == kNoValue ? nullptr : rewriter_.producer(term);
    const Activation* function = activation_of(erf);
    if (!function || function->kind != UnaryKind::erf) return kNoValue;
    const Node* quotient = rewriter_.producer(erf->inputs[0]);
    return quotient ? divided_by(quotient, std::sqrt(2.0)) : kNoValue;
  }

  // 0.5 * (x * (1 + erf)), and (0.5 * x) * (1 + erf), and x * (0.5 * (1 + erf)).
  std::optional<Activation> gelu(const Node& node, ValueId& x) const {
    if (!is_binary(&node, BinaryKind::mul)) return std::nullopt;
    const Activation result{UnaryKind::gelu};
    if (const ValueId product = beside(&node, 0.5); product != kNoValue) {
      const Node* inner = rewriter_.producer(product);
      if (!is_binary(inner, BinaryKind::mul)) return std::nullopt;
      for (size_t i : {0u, 1u})
        if (x = one_plus_erf(inner->inputs[1 - i]); x != kNoValue && same(x, inner->inputs[i])) return result;
      return std::nullopt;
    }
    for (size_t i : {0u, 1u}) {
      const Node* half = rewriter_.producer(node.inputs[i]);
      if (!is_binary(half, BinaryKind::mul)) continue;
      const ValueId halved = beside(half, 0.5);
      if (halved == kNoValue) continue;
      if (x = one_plus_erf(node.inputs[1 - i]); x != kNoValue && same(x, halved)) return result;
      if (x = one_plus_erf(halved); x != kNoValue && same(x, node.inputs[1 - i])) return result;
    }
    return std::nullopt;
  }

  Rewriter& rewriter_;
  Graph& graph_;
};

}  // namespace

bool fuse_silu(Graph& graph, const PassContext&) {
  Rewriter rewriter(graph);
  Matcher matcher(rewriter);
  bool changed = false;
  for (Node& node : graph.nodes) {
    ValueId x = kNoValue;
    const auto function = matcher.match(node, x);
    if (!function) continue;
    node.op = Unary{*function};
    node.inputs = {x};
    rewriter.changed(node);
    changed = true;
  }
  if (!changed) return false;
  rewriter.finish();
  graph.remove_dead();  // the parts that nobody else reads: they would still count as readers
  return true;
}

}  // namespace hone
