// ONNX binary operators with multidirectional broadcasting. Floats are computed in f64, integers in 64 bits.
#include <cmath>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

double apply(BinaryKind kind, double a, double b) {
  switch (kind) {
    case BinaryKind::add:
      return a + b;
    case BinaryKind::sub:
      return a - b;
    case BinaryKind::mul:
      return a * b;
    case BinaryKind::div:
      return a / b;
    case BinaryKind::pow:
      return std::pow(a, b);
    case BinaryKind::mod: {  // the divisor's sign, as in Python
      const double rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case BinaryKind::fmod:
      return std::fmod(a, b);
    case BinaryKind::min:
      return a != a || a < b ? a : b;
    case BinaryKind::max:
      return a != a || a > b ? a : b;
    case BinaryKind::prelu:
      return a < 0 ? a * b : a;
    case BinaryKind::equal:
      return a == b;
    case BinaryKind::less:
      return a < b;
    case BinaryKind::less_equal:
      return a <= b;
    case BinaryKind::greater:
      return a > b;
    case BinaryKind::greater_equal:
      return a >= b;
    case BinaryKind::logical_and:
      return a != 0 && b != 0;
    case BinaryKind::logical_or:
      return a != 0 || b != 0;
    case BinaryKind::logical_xor:
      return (a != 0) != (b != 0);
    case BinaryKind::count:
      break;
  }
  return a;
}

bool is_comparison(BinaryKind kind) { return kind >= BinaryKind::equal && kind <= BinaryKind::greater_equal; }
bool is_logical(BinaryKind kind) {
  return kind == BinaryKind::logical_and || kind == BinaryKind::logical_or || kind == BinaryKind::logical_xor;
}

uint64_t power(uint64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == ~uint64_t{0} ? (exponent % 2 ? base : 1) : 0;
  uint64_t result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

// T is int64_t, or uint64_t for u64. Division truncates; dividing by zero gives 0; what overflows wraps
// around.
template <class T>
int64_t apply_integer(BinaryKind kind, T a, T b) {
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const bool minus_one = b == static_cast<T>(-1) && static_cast<T>(-1) < 0;
  switch (kind) {
    case BinaryKind::add:
      return static_cast<int64_t>(ua + ub);
    case BinaryKind::sub:
      return static_cast<int64_t>(ua - ub);
    case BinaryKind::mul:
      return static_cast<int64_t>(ua * ub);
    case BinaryKind::div:
      if (b == 0) return 0;
      return minus_one ? static_cast<int64_t>(0 - ua) : static_cast<int64_t>(a / b);
    case BinaryKind::pow:
      return static_cast<int64_t>(power(ua, static_cast<int64_t>(b)));
    case BinaryKind::mod: {
      if (b == 0 || minus_one) return 0;
      const T rest = a % b;
      return static_cast<int64_t>(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    case BinaryKind::fmod:
      return b == 0 || minus_one ? 0 : static_cast<int64_t>(a % b);
    case BinaryKind::min:
      return static_cast<int64_t>(a < b ? a : b);
    case BinaryKind::max:
      return static_cast<int64_t>(a > b ? a : b);
    case BinaryKind::prelu:
      return static_cast<int64_t>(a < 0 ? ua * ub : ua);
    case BinaryKind::equal:
      return a == b;
    case BinaryKind::less:
      return a < b;
    case BinaryKind::less_equal:
      return a <= b;
    case BinaryKind::greater:
      return a > b;
    case BinaryKind::greater_equal:
      return a >= b;
    case BinaryKind::logical_and:
      return a != 0 && b != 0;
    case BinaryKind::logical_or:
      return a != 0 || b != 0;
    case BinaryKind::logical_xor:
      return (a != 0) != (b != 0);
    case BinaryKind::count:
      break;
  }
  return static_cast<int64_t>(a);
}

std::string check(const Problem& p) {
  const BinaryKind kind = std::get<Binary>(p.op).kind;
  if (std::string why = check_arity(p, 2, 2); !why.empty()) return why;
  const TensorDesc &a = p.inputs[0], &b = p.inputs[1], &y = p.outputs[0];
  // Pow alone may take an exponent of another type.
  if (a.type != b.type && kind != BinaryKind::pow) return check_same_type(a, b);
  if (is_comparison(kind) || is_logical(kind) ? y.type != DType::boolean : y.type != a.type)
    return "gives " + std::string(dtype_name(y.type));
  for (const TensorDesc* operand : {&a, &b}) {
    if (operand->shape.size() > y.shape.size()) return "has an operand of higher rank than its result";
    const size_t missing = y.shape.size() - operand->shape.size();
    for (size_t i = 0; i < operand->shape.size(); ++i)
      if (operand->shape[i] != 1 && operand->shape[i] != y.shape[missing + i])
        return "cannot broadcast " + shape_text(operand->shape) + " to " + shape_text(y.shape);
  }
  return {};
}

void compute(const Op& op, const RunArgs& args) {
  const BinaryKind kind = std::get<Binary>(op).kind;
  const TensorArg &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  const std::array<Dims, 2> strides = {broadcast_strides(a.desc->shape, y.desc->shape),
                                       broadcast_strides(b.desc->shape, y.desc->shape)};
  int64_t at_output = 0;
  if (is_floating(a.desc->type) || is_floating(b.desc->type)) {
    const ReadReal read_a = real_reader(a.desc->type), read_b = real_reader(b.desc->type);
    const WriteReal write = real_writer(y.desc->type);
    walk<2>(y.desc->shape, strides, [&](const Dims&, const auto& offset) {
      write(y.data, at_output++, apply(kind, read_a(a.data, offset[0]), read_b(b.data, offset[1])));
    });
    return;
  }
  const ReadInt read_a = int_reader(a.desc->type), read_b = int_reader(b.desc->type);
  const WriteInt write = int_writer(y.desc->type);
  const bool unsigned_64 = a.desc->type == DType::u64;
  walk<2>(y.desc->shape, strides, [&](const Dims&, const auto& offset) {
    const int64_t left = read_a(a.data, offset[0]), right = read_b(b.data, offset[1]);
    write(y.data, at_output++,
          unsigned_64 ? apply_integer(kind, static_cast<uint64_t>(left), static_cast<uint64_t>(right))
                      : apply_integer(kind, left, right));
  });
}

}  // namespace

const Kernel& binary_reference() {
  static const ReferenceKernel kernel("binary.reference", Binary::name, check, compute);
  return kernel;
}

}  // namespace hone
