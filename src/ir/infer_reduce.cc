// Reductions and normalisations.
#include <numeric>

#include "ir/axes.h"
#include "ir/infer_ops.h"

namespace hone {
namespace {

Result<> want_channels(const InferArgs& args, size_t first, size_t count) {
  if (args.rank(0) < 2)
    return wrong("the input has shape " + shape_text(args.shape(0)) + ", with no channels");
  HONE_TRY(args.want_floating(0));
  static constexpr const char* kNames[] = {"the input", "the scale", "the bias", "the mean", "the variance"};
  for (size_t i = first; i < first + count; ++i) {
    HONE_TRY(args.want_floating(i));
    HONE_TRY(args.want_vector(i, args.shape(0)[1], kNames[i]));
  }
  return {};
}

Shape without(const Shape& shape, const std::vector<size_t>& axes, bool keep_dims) {
  std::vector<char> reduced(shape.size(), 0);
  for (size_t axis : axes) reduced[axis] = 1;
  Shape left;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!reduced[i])
      left.push_back(shape[i]);
    else if (keep_dims)
      left.push_back(1);
  }
  return left;
}

}  // namespace

Descs infer_op(const Softmax& op, const InferArgs& args) {
  HONE_TRY(args.want_floating(0));
  HONE_TRY(resolve_axis(op.axis, args.rank(0)));
  return one(args.type(0), args.shape(0));
}

Descs infer_op(const LayerNorm& op, const InferArgs& args) {
  HONE_TRY(args.want_floating(0));
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  const auto normalised = std::span(args.shape(0)).subspan(axis);
  for (size_t i = 1; i < args.inputs.size(); ++i)
    if (args.has(i) && !broadcasts_to(args.shape(i), normalised))
      return wrong("scale or bias " + shape_text(args.shape(i)) + " does not broadcast to " +
                   shape_text(normalised));
  return one(args.type(0), args.shape(0));
}

Descs infer_op(const BatchNorm&, const InferArgs& args) {
  HONE_TRY(want_channels(args, 1, 4));
  return one(args.type(0), args.shape(0));
}

Descs infer_op(const InstanceNorm&, const InferArgs& args) {
  HONE_TRY(want_channels(args, 1, 2));
  return one(args.type(0), args.shape(0));
}

Descs infer_op(const Reduce& op, const InferArgs& args) {
  if (args.type(0) == DType::boolean && op.kind != ReduceKind::max && op.kind != ReduceKind::min)
    return wrong(std::string("only the maximum and minimum of bool can be taken"));
  Ints given;
  if (args.has(1)) {
    HONE_ASSIGN(given, args.ints(1, "axes"));
  }
  HONE_ASSIGN(std::vector<size_t> axes, resolve_axes(given, args.rank(0)));
  if (axes.empty() && !op.noop_with_empty_axes) {
    axes.resize(args.rank(0));
    std::iota(axes.begin(), axes.end(), size_t{0});
  }
  return one(args.type(0), without(args.shape(0), axes, op.keep_dims));
}

Descs infer_op(const ArgReduce& op, const InferArgs& args) {
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  if (args.shape(0)[axis] < 1)
    return wrong("axis " + std::to_string(op.axis) + " of " + shape_text(args.shape(0)) + " is empty");
  return one(DType::i64, without(args.shape(0), {axis}, op.keep_dims));
}

Descs infer_op(const TopK& op, const InferArgs& args) {
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  HONE_ASSIGN(const int64_t k, args.one_int(1, "k"));
  Shape shape = args.shape(0);
  if (k < 0 || k > shape[axis])
    return wrong("k is " + std::to_string(k) + ", axis " + std::to_string(op.axis) + " has " +
                 std::to_string(shape[axis]) + " elements");
  shape[axis] = k;
  std::vector<TensorDesc> outputs = {TensorDesc(args.type(0), shape)};
  if (args.output_count == 2) outputs.emplace_back(DType::i64, std::move(shape));
  return outputs;
}

}  // namespace hone
