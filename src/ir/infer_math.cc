// Products, element by element functions, and types.
#include "ir/infer_ops.h"

namespace hone {
namespace {

bool is_comparison(BinaryKind kind) { return kind >= BinaryKind::equal && kind <= BinaryKind::greater_equal; }
bool is_logical(BinaryKind kind) {
  return kind == BinaryKind::logical_and || kind == BinaryKind::logical_or || kind == BinaryKind::logical_xor;
}
bool takes_integers(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::identity:
    case UnaryKind::relu:
    case UnaryKind::clip:
    case UnaryKind::neg:
    case UnaryKind::abs:
    case UnaryKind::sign:
      return true;
    default:
      return false;
  }
}

std::string type_text(const InferArgs& args, size_t i) { return std::string(dtype_name(args.type(i))); }

// One scale a tensor, or one for each extent along the axis.
Result<> check_scales(const InferArgs& args, int64_t axis) {
  HONE_TRY(args.want_floating(1));
  HONE_ASSIGN(const int64_t scales, element_count(args.shape(1)));
  if (args.rank(1) > 1) return error(StatusCode::unsupported, "scales by block are not supported");
  if (args.rank(1) == 1 && scales != 1) {
    if (axis < 0) axis += static_cast<int64_t>(args.rank(0));
    if (axis < 0 || axis >= static_cast<int64_t>(args.rank(0)) ||
        args.shape(0)[static_cast<size_t>(axis)] != scales)
      return wrong(std::to_string(scales) + " scales do not fit axis " + std::to_string(axis) + " of " +
                   shape_text(args.shape(0)));
  }
  if (args.has(2) && args.shape(2) != args.shape(1))
    return wrong("the zero point has shape " + shape_text(args.shape(2)) + " instead of " +
                 shape_text(args.shape(1)));
  return {};
}

}  // namespace

Descs infer_op(const MatMul&, const InferArgs& args) {
  HONE_TRY(args.same_type(0, 1));
  Shape a = args.shape(0), b = args.shape(1);
  if (a.empty() || b.empty()) return wrong("a factor is a scalar");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  if (a.back() != b[b.size() - 2])
    return wrong("shapes " + shape_text(args.shape(0)) + " and " + shape_text(args.shape(1)) +
                 " cannot be multiplied");
  const std::span<const int64_t> batch_a(a.data(), a.size() - 2), batch_b(b.data(), b.size() - 2);
  HONE_ASSIGN(Shape shape, broadcast(batch_a, batch_b));
  if (!row) shape.push_back(a[a.size() - 2]);
  if (!column) shape.push_back(b.back());
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Gemm& op, const InferArgs& args) {
  HONE_TRY(args.same_type(0, 1));
  if (args.rank(0) != 2 || args.rank(1) != 2)
    return wrong("shapes " + shape_text(args.shape(0)) + " and " + shape_text(args.shape(1)) +
                 " are no matrices");
  const Shape &a = args.shape(0), &b = args.shape(1);
  if (a[op.transpose_a ? 0 : 1] != b[op.transpose_b ? 1 : 0])
    return wrong("shapes " + shape_text(a) + (op.transpose_a ? " (transposed)" : "") + " and " +
                 shape_text(b) + (op.transpose_b ? " (transposed)" : "") + " cannot be multiplied");
  Shape shape = {a[op.transpose_a ? 1 : 0], b[op.transpose_b ? 0 : 1]};
  if (args.has(2)) {
    HONE_TRY(args.same_type(0, 2));
    if (!broadcasts_to(args.shape(2), shape))
      return wrong("the addend " + shape_text(args.shape(2)) + " does not broadcast to " + shape_text(shape));
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Unary& op, const InferArgs& args) {
  const UnaryKind kind = op.function.kind;
  const DType type = args.type(0);
  const bool fits = kind == UnaryKind::identity      ? true
                    : kind == UnaryKind::logical_not ? type == DType::boolean
                    : kind == UnaryKind::bitwise_not ? is_integer(type)
                    : is_floating(type)              ? true
                                                     : is_integer(type) && takes_integers(kind);
  if (!fits) return wrong(std::string(unary_name(kind)) + " does not take " + type_text(args, 0));
  const bool asks = kind == UnaryKind::is_nan || kind == UnaryKind::is_inf;
  return one(asks ? DType::boolean : type, args.shape(0));
}

Descs infer_op(const Binary& op, const InferArgs& args) {
  const DType type = args.type(0);
  // ONNX Pow alone takes an exponent of another type.
  if (op.kind != BinaryKind::pow) HONE_TRY(args.same_type(0, 1));
  const bool fits = is_logical(op.kind)            ? type == DType::boolean
                    : op.kind == BinaryKind::equal ? true
                                                   : type != DType::boolean && args.type(1) != DType::boolean;
  if (!fits) return wrong(std::string(binary_name(op.kind)) + " does not take " + type_text(args, 0));
  if (op.kind == BinaryKind::prelu && !broadcasts_to(args.shape(1), args.shape(0)))
    return wrong("the slope " + shape_text(args.shape(1)) + " does not broadcast to " +
                 shape_text(args.shape(0)));
  HONE_ASSIGN(Shape shape, broadcast(args.shape(0), args.shape(1)));
  return one(is_comparison(op.kind) ? DType::boolean : type, std::move(shape));
}

Descs infer_op(const Where&, const InferArgs& args) {
  if (args.type(0) != DType::boolean)
    return wrong("the condition is " + type_text(args, 0) + " instead of bool");
  HONE_TRY(args.same_type(1, 2));
  HONE_ASSIGN(const Shape both, broadcast(args.shape(1), args.shape(2)));
  HONE_ASSIGN(Shape shape, broadcast(args.shape(0), both));
  return one(args.type(1), std::move(shape));
}

Descs infer_op(const Cast& op, const InferArgs& args) { return one(op.to, args.shape(0)); }

Descs infer_op(const QuantizeLinear& op, const InferArgs& args) {
  HONE_TRY(check_scales(args, op.axis));
  return one(args.has(2) ? args.type(2) : op.to, args.shape(0));
}

Descs infer_op(const DequantizeLinear& op, const InferArgs& args) {
  HONE_TRY(check_scales(args, op.axis));
  if (args.has(2)) HONE_TRY(args.same_type(0, 2));
  return one(args.type(1), args.shape(0));
}

}  // namespace hone
