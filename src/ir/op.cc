#include "ir/op.h"

#include <array>

#include "ir/op_visit.h"

namespace hone {
namespace {

template <class E, size_t N>
std::string_view pick(const std::array<std::string_view, N>& names, E value) {
  static_assert(N == static_cast<size_t>(E::count), "one name for each value");
  const auto index = static_cast<size_t>(value);
  return index < N ? names[index] : std::string_view("?");
}

template <size_t I = 0>
Result<Op> make_op_from(std::string_view name) {
  if constexpr (I == std::variant_size_v<Op>) {
    return error(StatusCode::unsupported, "unknown operator '" + std::string(name) + "'");
  } else {
    using T = std::variant_alternative_t<I, Op>;
    if (name == T::name) return Op(T{});
    return make_op_from<I + 1>(name);
  }
}

}  // namespace

std::string_view unary_name(UnaryKind kind) {
  static constexpr std::array<std::string_view, 39> kNames = {
      "identity", "relu",      "leaky_relu", "silu",        "sigmoid", "hard_sigmoid", "hard_swish", "tanh",
      "gelu",     "gelu_tanh", "elu",        "selu",        "mish",    "softplus",     "softsign",   "clip",
      "exp",      "log",       "sqrt",       "reciprocal",  "neg",     "abs",          "sign",       "floor",
      "ceil",     "round",     "erf",        "sin",         "cos",     "tan",          "asin",       "acos",
      "atan",     "sinh",      "cosh",       "logical_not", "is_nan",  "is_inf",       "bitwise_not"};
  return pick(kNames, kind);
}
std::string_view binary_name(BinaryKind kind) {
  static constexpr std::array<std::string_view, 18> kNames = {
      "add",        "sub",     "mul",           "div",         "pow",        "mod",
      "fmod",       "min",     "max",           "prelu",       "equal",      "less",
      "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor"};
  return pick(kNames, kind);
}
std::string_view enum_name(PoolKind kind) {
  static constexpr std::array<std::string_view, 2> kNames = {"max", "average"};
  return pick(kNames, kind);
}
std::string_view enum_name(ReduceKind kind) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "sum", "mean", "max", "min", "prod", "l1", "l2", "log_sum", "log_sum_exp", "sum_square"};
  return pick(kNames, kind);
}
std::string_view enum_name(ResizeMode mode) {
  static constexpr std::array<std::string_view, 3> kNames = {"nearest", "linear", "cubic"};
  return pick(kNames, mode);
}
std::string_view enum_name(CoordinateMode mode) {
  static constexpr std::array<std::string_view, 5> kNames = {"half_pixel", "asymmetric", "align_corners",
                                                             "pytorch_half_pixel", "half_pixel_symmetric"};
  return pick(kNames, mode);
}
std::string_view enum_name(NearestMode mode) {
  static constexpr std::array<std::string_view, 4> kNames = {"round_prefer_floor", "round_prefer_ceil",
                                                             "floor", "ceil"};
  return pick(kNames, mode);
}
std::string_view enum_name(PadMode mode) {
  static constexpr std::array<std::string_view, 4> kNames = {"constant", "reflect", "edge", "wrap"};
  return pick(kNames, mode);
}

std::string_view op_name(const Op& op) {
  return std::visit([](const auto& o) { return std::string_view(std::remove_cvref_t<decltype(o)>::name); },
                    op);
}

Result<Op> make_op(std::string_view name) { return make_op_from(name); }

int op_version(const Op&) { return 1; }

}  // namespace hone
