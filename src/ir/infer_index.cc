// Gathers, scatters, and ops whose output is made from shapes or values.
#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/axes.h"
#include "ir/infer_ops.h"

namespace hone {
namespace {

// (limit - start) / delta, rounded up: in integers where the type is one, as ONNX wants it.
Result<Wide> range_length(const InferArgs& args) {
  static constexpr const char* kNames[] = {"start", "limit", "delta"};
  for (size_t i = 0; i < 3; ++i) {
    HONE_TRY(args.same_type(0, i));
    HONE_ASSIGN(const int64_t count, element_count(args.shape(i)));
    if (count != 1) return wrong(std::string(kNames[i]) + " has shape " + shape_text(args.shape(i)));
  }
  if (is_integer(args.type(0))) {
    HONE_ASSIGN(const int64_t start, args.one_int(0, "start"));
    HONE_ASSIGN(const int64_t limit, args.one_int(1, "limit"));
    HONE_ASSIGN(const int64_t delta, args.one_int(2, "delta"));
    if (delta == 0) return wrong("delta is 0");
    const Wide way = Wide{limit} - start;
    if (way == 0 || (way > 0) != (delta > 0)) return Wide{0};
    return (way + delta + (delta > 0 ? -1 : 1)) / delta;
  }
  double number[3];
  for (size_t i = 0; i < 3; ++i) {
    if (i >= args.constants.size() || !args.constants[i])
      return error(StatusCode::unsupported,
                   std::string(kNames[i]) + " must be known before the network runs");
    HONE_ASSIGN(const auto values, args.constants[i]->to_floats());
    number[i] = values[0];
  }
  const double length = std::ceil((number[1] - number[0]) / number[2]);
  if (!(length <= static_cast<double>(kMaxElements)))
    return wrong("the range from " + std::to_string(number[0]) + " to " + std::to_string(number[1]) + " by " +
                 std::to_string(number[2]) + " does not end");
  return static_cast<Wide>(std::max(length, 0.0));
}

// How many elements of a constant are not zero.
Result<int64_t> nonzero_count(const Constant& constant) {
  HONE_ASSIGN(const int64_t count, element_count(constant.desc().shape));
  if (is_floating(constant.desc().type)) {
    HONE_ASSIGN(const auto values, constant.to_floats());
    return std::count_if(values.begin(), values.end(), [](float v) { return v != 0; });
  }
  HONE_ASSIGN(const auto values, constant.to_ints(static_cast<size_t>(count)));
  return std::count_if(values.begin(), values.end(), [](int64_t v) { return v != 0; });
}

}  // namespace

Descs infer_op(const Gather& op, const InferArgs& args) {
  HONE_TRY(args.want_index(1, "indices"));
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  const Shape &x = args.shape(0), &indices = args.shape(1);
  Shape shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.end());
  if (shape.size() > 32) return wrong("the output would have rank " + std::to_string(shape.size()));
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const GatherElements& op, const InferArgs& args) {
  HONE_TRY(args.want_index(1, "indices"));
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  const Shape &x = args.shape(0), &indices = args.shape(1);
  bool fits = indices.size() == x.size();
  for (size_t i = 0; fits && i < x.size(); ++i) fits = i == axis || indices[i] <= x[i];
  if (!fits)
    return wrong("indices of shape " + shape_text(indices) + " do not fit the input " + shape_text(x));
  return one(args.type(0), indices);
}

Descs infer_op(const GatherNd& op, const InferArgs& args) {
  HONE_TRY(args.want_index(1, "indices"));
  const Shape &x = args.shape(0), &indices = args.shape(1);
  const auto limit = static_cast<int64_t>(std::min(x.size(), indices.size()));
  if (op.batch_dims < 0 || op.batch_dims >= limit)
    return wrong("batch_dims is " + std::to_string(op.batch_dims) + " for shapes " + shape_text(x) + " and " +
                 shape_text(indices));
  const auto batch = static_cast<size_t>(op.batch_dims);
  if (!std::equal(x.begin(), x.begin() + op.batch_dims, indices.begin()))
    return wrong("shapes " + shape_text(x) + " and " + shape_text(indices) + " differ in their batch");
  const int64_t depth = indices.back();
  if (depth < 1 || depth > static_cast<int64_t>(x.size() - batch))
    return wrong("an index has " + std::to_string(depth) + " elements for rank " +
                 std::to_string(x.size() - batch));
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), x.begin() + op.batch_dims + depth, x.end());
  if (shape.size() > 32) return wrong("the output would have rank " + std::to_string(shape.size()));
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const ScatterNd&, const InferArgs& args) {
  HONE_TRY(args.want_index(1, "indices"));
  HONE_TRY(args.same_type(0, 2));
  const Shape &x = args.shape(0), &indices = args.shape(1);
  if (indices.empty() || x.empty()) return wrong("the input or the indices are a scalar");
  const int64_t depth = indices.back();
  if (depth < 1 || depth > static_cast<int64_t>(x.size()))
    return wrong("an index has " + std::to_string(depth) + " elements for rank " + std::to_string(x.size()));
  Shape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), x.begin() + depth, x.end());
  if (args.shape(2) != updates)
    return wrong("updates have shape " + shape_text(args.shape(2)) + " instead of " + shape_text(updates));
  return one(args.type(0), x);
}

Descs infer_op(const ShapeOf& op, const InferArgs& args) {
  const auto rank = static_cast<int64_t>(args.rank(0));
  const auto place = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  return one(DType::i64, {std::max<int64_t>(place(op.end) - place(op.start), 0)});
}

Descs infer_op(const Range&, const InferArgs& args) {
  HONE_ASSIGN(const Wide length, range_length(args));
  HONE_ASSIGN(const int64_t extent, checked_extent(length, "length"));
  return one(args.type(0), {extent});
}

Descs infer_op(const ConstantOfShape& op, const InferArgs& args) {
  HONE_ASSIGN(Ints shape, args.ints(0, "the shape"));
  if (shape.size() > 32) return wrong("the shape has " + std::to_string(shape.size()) + " extents");
  for (int64_t extent : shape)
    if (extent < 0) return wrong("the shape has the extent " + std::to_string(extent));
  return one(op.type, std::move(shape));
}

Descs infer_op(const NonZero&, const InferArgs& args) {
  // A scalar counts as a vector of one element (numpy).
  const auto rows = static_cast<int64_t>(std::max<size_t>(args.rank(0), 1));
  HONE_ASSIGN(int64_t count, element_count(args.shape(0)));
  if (!args.constants.empty() && args.constants[0]) {
    HONE_ASSIGN(count, nonzero_count(*args.constants[0]));
  }
  return one(DType::i64, {rows, count});
}

}  // namespace hone
