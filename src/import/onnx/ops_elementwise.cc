// Functions of one element, or of two with broadcasting.
#include <limits>

#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

template <UnaryKind kind>
void unary(OnnxNode& n) {
  n.emit(Unary{{kind}}, {n.in(0)});
}

void leaky_relu(OnnxNode& n) { n.emit(Unary{{UnaryKind::leaky_relu, n.real("alpha", 0.01f)}}, {n.in(0)}); }
void elu(OnnxNode& n) { n.emit(Unary{{UnaryKind::elu, n.real("alpha", 1)}}, {n.in(0)}); }

void hard_sigmoid(OnnxNode& n) {
  n.emit(Unary{{UnaryKind::hard_sigmoid, n.real("alpha", 0.2f), n.real("beta", 0.5f)}}, {n.in(0)});
}

void selu(OnnxNode& n) {
  // The constants of the paper (Klambauer et al. 2017), which are the specification's defaults.
  constexpr float kAlpha = 1.67326319217681884765625f, kGamma = 1.05070102214813232421875f;
  if (n.real("alpha", kAlpha) != kAlpha || n.real("gamma", kGamma) != kGamma)
    return n.unsupported("alpha or gamma other than SELU's own");
  n.emit(Unary{{UnaryKind::selu}}, {n.in(0)});
}

// alpha * elu(x / alpha)
void celu(OnnxNode& n) {
  const float alpha = n.real("alpha", 1);
  if (alpha == 0) return n.fail("its alpha is 0");
  const ValueId scaled =
      n.add("scale", Binary{BinaryKind::div}, {n.in(0), n.add_scalar("alpha", alpha, n.in(0))});
  const ValueId curved = n.add("elu", Unary{{UnaryKind::elu, 1}}, {scaled});
  n.emit(Binary{BinaryKind::mul}, {curved, n.add_scalar("alpha", alpha, n.in(0))});
}

void gelu(OnnxNode& n) {
  const std::string approximate = n.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return n.unsupported("approximate '" + approximate + "'");
  n.emit(Unary{{approximate == "none" ? UnaryKind::gelu : UnaryKind::gelu_tanh}}, {n.in(0)});
}

void is_inf(OnnxNode& n) {
  if (n.integer("detect_negative", 1) != 1 || n.integer("detect_positive", 1) != 1)
    return n.unsupported("one sign of infinity alone");
  n.emit(Unary{{UnaryKind::is_inf}}, {n.in(0)});
}

// The specification's defaults are the ends of f32's range, not infinities.
constexpr float kLowest = std::numeric_limits<float>::lowest(), kHighest = std::numeric_limits<float>::max();

void clip_attributes(OnnxNode& n) {  // before opset 11
  n.emit(Unary{{UnaryKind::clip, n.real("min", kLowest), n.real("max", kHighest)}}, {n.in(0)});
}

void clip(OnnxNode& n) {
  const auto is_simple = [&](size_t i) {
    if (!n.has_in(i)) return true;
    const auto bound = n.const_floats(i);
    return bound && bound->size() == 1 && n.constant(n.in(i))->desc().type != DType::f64;
  };
  const bool bounded = n.has_in(1) || n.has_in(2);
  if (is_simple(1) && is_simple(2)) {
    Activation function{UnaryKind::clip, kLowest, kHighest};
    if (n.has_in(1)) function.alpha = n.const_floats(1)->front();
    if (n.has_in(2)) function.beta = n.const_floats(2)->front();
    if (!bounded) function = {};
    return n.emit(Unary{function}, {n.in(0)});
  }
  // Integers, f64, or bounds that are computed: exact in the type itself.
  if (!n.has_in(2)) return n.emit(Binary{BinaryKind::max}, {n.in(0), n.in(1)});
  const ValueId raised = n.has_in(1) ? n.add("max", Binary{BinaryKind::max}, {n.in(0), n.in(1)}) : n.in(0);
  n.emit(Binary{BinaryKind::min}, {raised, n.in(2)});
}

template <BinaryKind kind>
void binary(OnnxNode& n) {
  n.emit(Binary{kind}, {n.in(0), n.in(1)});
}

// Before opset 7 the second operand was broadcast only when asked, its first axis at `axis` of the first
// operand.
template <BinaryKind kind>
void binary_axis(OnnxNode& n) {
  if (n.integer("broadcast", 0) == 0 || !n.has("axis")) return n.emit(Binary{kind}, {n.in(0), n.in(1)});
  const auto rank = n.rank(n.in(0)), small = n.rank(n.in(1));
  int64_t axis = n.integer("axis", 0);
  if (!rank || !small) return n.unsupported("axis between values of unknown rank");
  if (axis < 0) axis += static_cast<int64_t>(*rank);
  const int64_t behind = static_cast<int64_t>(*rank) - axis - static_cast<int64_t>(*small);
  if (axis < 0 || behind < 0) return n.fail("its axis does not fit the ranks of its inputs");
  if (behind == 0) return n.emit(Binary{kind}, {n.in(0), n.in(1)});
  Ints axes;
  for (int64_t i = 0; i < behind; ++i) axes.push_back(static_cast<int64_t>(*small) + i);
  const ValueId widened = n.add("unsqueeze", Unsqueeze{}, {n.in(1), n.add_ints("axes", axes)});
  n.emit(Binary{kind}, {n.in(0), widened});
}

// One slope a channel: it stands at axis 1 of x.
void prelu_channels(OnnxNode& n) {
  const auto rank = n.rank(n.in(0));
  const TensorDesc* slope = n.desc(n.in(1));
  if (!slope || slope->shape.size() != 1 || slope->shape[0] == 1) return binary<BinaryKind::prelu>(n);
  if (!rank) return n.unsupported("a slope for each channel of a value of unknown rank");
  Ints axes;
  for (size_t i = 2; i < *rank; ++i) axes.push_back(static_cast<int64_t>(i) - 1);
  const ValueId widened = n.add("unsqueeze", Unsqueeze{}, {n.in(1), n.add_ints("axes", axes)});
  n.emit(Binary{BinaryKind::prelu}, {n.in(0), widened});
}

void mod(OnnxNode& n) {
  n.emit(Binary{n.integer("fmod", 0) != 0 ? BinaryKind::fmod : BinaryKind::mod}, {n.in(0), n.in(1)});
}

// The sum, minimum or maximum of any number of inputs: one after the other.
ValueId fold(OnnxNode& n, BinaryKind kind, size_t count) {
  ValueId sum = n.in(0);
  for (size_t i = 1; i < count; ++i) sum = n.add("step", Binary{kind}, {sum, n.in(i)});
  return sum;
}

template <BinaryKind kind>
void variadic(OnnxNode& n) {
  const size_t count = n.input_count();
  if (count == 0) return n.fail("it has no inputs");
  if (count == 1) return n.emit(Unary{}, {n.in(0)});
  n.emit(Binary{kind}, {fold(n, kind, count - 1), n.in(count - 1)});
}

void mean(OnnxNode& n) {
  if (n.input_count() == 0) return n.fail("it has no inputs");
  const ValueId sum = fold(n, BinaryKind::add, n.input_count());
  n.emit(Binary{BinaryKind::div},
         {sum, n.add_scalar("count", static_cast<double>(n.input_count()), n.in(0))});
}

void cast(OnnxNode& n) {
  const auto to = dtype_of_onnx(static_cast<int32_t>(n.integer("to", 0)));
  if (!to) return n.unsupported("a target of which " + to.error().message);
  n.emit(Cast{*to}, {n.in(0)});
}

void cast_like(OnnxNode& n) { n.emit(Cast{n.type(n.in(1))}, {n.in(0)}); }

void where(OnnxNode& n) { n.emit(Where{}, {n.in(0), n.in(1), n.in(2)}); }

using U = UnaryKind;
using B = BinaryKind;
constexpr OperatorRow kRows[] = {
    {"Relu", 1, 22, unary<U::relu>},
    {"Sigmoid", 1, 22, unary<U::sigmoid>},
    {"Tanh", 1, 22, unary<U::tanh>},
    {"Softplus", 1, 22, unary<U::softplus>},
    {"Softsign", 1, 22, unary<U::softsign>},
    {"HardSwish", 14, 22, unary<U::hard_swish>},
    {"Mish", 18, 22, unary<U::mish>},
    {"Exp", 1, 22, unary<U::exp>},
    {"Log", 1, 22, unary<U::log>},
    {"Sqrt", 1, 22, unary<U::sqrt>},
    {"Reciprocal", 1, 22, unary<U::reciprocal>},
    {"Neg", 1, 22, unary<U::neg>},
    {"Abs", 1, 22, unary<U::abs>},
    {"Sign", 9, 22, unary<U::sign>},
    {"Floor", 1, 22, unary<U::floor>},
    {"Ceil", 1, 22, unary<U::ceil>},
    {"Round", 11, 22, unary<U::round>},
    {"Erf", 9, 22, unary<U::erf>},
    {"Sin", 7, 22, unary<U::sin>},
    {"Cos", 7, 22, unary<U::cos>},
    {"Tan", 7, 22, unary<U::tan>},
    {"Asin", 7, 22, unary<U::asin>},
    {"Acos", 7, 22, unary<U::acos>},
    {"Atan", 7, 22, unary<U::atan>},
    {"Sinh", 9, 22, unary<U::sinh>},
    {"Cosh", 9, 22, unary<U::cosh>},
    {"Not", 1, 22, unary<U::logical_not>},
    {"IsNaN", 9, 22, unary<U::is_nan>},
    {"IsInf", 10, 22, is_inf},
    {"BitwiseNot", 18, 22, unary<U::bitwise_not>},
    {"LeakyRelu", 1, 22, leaky_relu},
    {"Elu", 1, 22, elu},
    {"Selu", 1, 22, selu},
    {"Celu", 12, 22, celu},
    {"HardSigmoid", 1, 22, hard_sigmoid},
    {"Gelu", 20, 22, gelu},
    {"Gelu", 1, 99, unary<U::gelu>, "com.microsoft"},
    {"Clip", 1, 10, clip_attributes},
    {"Clip", 11, 22, clip},
    {"Add", 1, 6, binary_axis<B::add>},
    {"Add", 7, 22, binary<B::add>},
    {"Sub", 1, 6, binary_axis<B::sub>},
    {"Sub", 7, 22, binary<B::sub>},
    {"Mul", 1, 6, binary_axis<B::mul>},
    {"Mul", 7, 22, binary<B::mul>},
    {"Div", 1, 6, binary_axis<B::div>},
    {"Div", 7, 22, binary<B::div>},
    {"Pow", 1, 6, binary_axis<B::pow>},
    {"Pow", 7, 22, binary<B::pow>},
    {"PRelu", 1, 6, prelu_channels},
    {"PRelu", 7, 22, binary<B::prelu>},
    {"Mod", 10, 22, mod},
    {"Equal", 1, 6, binary_axis<B::equal>},
    {"Equal", 7, 22, binary<B::equal>},
    {"Less", 1, 6, binary_axis<B::less>},
    {"Less", 7, 22, binary<B::less>},
    {"Greater", 1, 6, binary_axis<B::greater>},
    {"Greater", 7, 22, binary<B::greater>},
    {"LessOrEqual", 12, 22, binary<B::less_equal>},
    {"GreaterOrEqual", 12, 22, binary<B::greater_equal>},
    {"And", 1, 6, binary_axis<B::logical_and>},
    {"And", 7, 22, binary<B::logical_and>},
    {"Or", 1, 6, binary_axis<B::logical_or>},
    {"Or", 7, 22, binary<B::logical_or>},
    {"Xor", 1, 6, binary_axis<B::logical_xor>},
    {"Xor", 7, 22, binary<B::logical_xor>},
    {"Sum", 1, 22, variadic<B::add>},
    {"Min", 1, 22, variadic<B::min>},
    {"Max", 1, 22, variadic<B::max>},
    {"Mean", 1, 22, mean},
    {"Cast", 6, 22, cast},
    {"CastLike", 15, 22, cast_like},
    {"Where", 9, 22, where},
};

}  // namespace

std::span<const OperatorRow> elementwise_operators() { return kRows; }

}  // namespace hone
