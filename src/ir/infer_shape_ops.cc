// Ops that move elements without changing them.
#include <algorithm>

#include "ir/axes.h"
#include "ir/infer_ops.h"

namespace hone {

Descs infer_op(const Concat& op, const InferArgs& args) {
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  Shape shape = args.shape(0);
  Wide total = shape[axis];
  for (size_t i = 1; i < args.inputs.size(); ++i) {
    HONE_TRY(args.same_type(0, i));
    Shape part = args.shape(i);
    bool fits = part.size() == shape.size();
    for (size_t d = 0; fits && d < part.size(); ++d) fits = d == axis || part[d] == shape[d];
    if (!fits)
      return wrong("input " + std::to_string(i) + " has shape " + shape_text(part) + ", which does not fit " +
                   shape_text(args.shape(0)) + " along axis " + std::to_string(axis));
    total += part[axis];
  }
  HONE_ASSIGN(shape[axis], checked_extent(total, "extent"));
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Split& op, const InferArgs& args) {
  HONE_ASSIGN(const size_t axis, resolve_axis(op.axis, args.rank(0)));
  const int64_t extent = args.shape(0)[axis];
  Ints sizes;
  if (args.has(1)) {
    HONE_ASSIGN(sizes, args.ints(1, "sizes"));
    if (sizes.size() != args.output_count)
      return wrong(std::to_string(sizes.size()) + " sizes for " + std::to_string(args.output_count) +
                   " outputs");
  } else {
    const auto count = static_cast<int64_t>(args.output_count);
    const int64_t each = (extent + count - 1) / count;
    sizes.assign(args.output_count, each);
    sizes.back() = extent - each * (count - 1);
  }
  Wide total = 0;
  for (int64_t size : sizes) {
    if (size < 0) return wrong("a part of size " + std::to_string(size) + " cannot be split off");
    total += size;
  }
  if (total != extent)
    return wrong("the parts do not sum up to the extent " + std::to_string(extent) + " of axis " +
                 std::to_string(axis));
  std::vector<TensorDesc> outputs;
  for (int64_t size : sizes) {
    Shape shape = args.shape(0);
    shape[axis] = size;
    outputs.emplace_back(args.type(0), std::move(shape));
  }
  return outputs;
}

Descs infer_op(const Slice&, const InferArgs& args) {
  HONE_ASSIGN(const Ints starts, args.ints(1, "starts"));
  HONE_ASSIGN(const Ints ends, args.ints(2, "ends"));
  Ints axes, steps;
  if (args.has(3)) {
    HONE_ASSIGN(axes, args.ints(3, "axes"));
  }
  if (args.has(4)) {
    HONE_ASSIGN(steps, args.ints(4, "steps"));
  }
  HONE_ASSIGN(const auto slices, resolve_slices(args.shape(0), starts, ends, axes, steps));
  Shape shape;
  for (const AxisSlice& slice : slices) shape.push_back(slice.count);
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Reshape& op, const InferArgs& args) {
  HONE_ASSIGN(Ints wanted, args.ints(1, "the shape"));
  const Shape& x = args.shape(0);
  const auto misfit = [&] { return wrong(shape_text(x) + " cannot be reshaped to " + shape_text(wanted)); };
  if (wanted.size() > 32) return wrong("the shape has " + std::to_string(wanted.size()) + " extents");
  std::optional<size_t> open;
  int64_t known = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !op.allow_zero) {
      if (i >= x.size())
        return wrong("extent " + std::to_string(i) + " of the shape is 0, but the input has rank " +
                     std::to_string(x.size()));
      wanted[i] = x[i];
    }
    if (wanted[i] < -1) return wrong("the shape has the extent " + std::to_string(wanted[i]));
    if (wanted[i] == -1) {
      if (open) return wrong("the shape leaves two extents open");
      open = i;
    } else if (__builtin_mul_overflow(known, wanted[i], &known)) {
      return misfit();
    }
  }
  HONE_ASSIGN(const int64_t count, element_count(x));
  if (open) {
    if (known == 0 || count % known != 0) return misfit();
    wanted[*open] = count / known;
  } else if (known != count) {
    return misfit();
  }
  return one(args.type(0), std::move(wanted));
}

Descs infer_op(const Flatten& op, const InferArgs& args) {
  const auto rank = static_cast<int64_t>(args.rank(0));
  if (op.axis < -rank || op.axis > rank)
    return wrong("axis " + std::to_string(op.axis) + " is not one of a tensor of rank " +
                 std::to_string(rank));
  const auto axis = static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis);
  const std::span<const int64_t> shape = args.shape(0);
  HONE_ASSIGN(const int64_t rows, element_count(shape.first(axis)));
  HONE_ASSIGN(const int64_t columns, element_count(shape.subspan(axis)));
  return one(args.type(0), {rows, columns});
}

Descs infer_op(const Squeeze&, const InferArgs& args) {
  Shape shape;
  if (!args.has(1)) {
    std::copy_if(args.shape(0).begin(), args.shape(0).end(), std::back_inserter(shape),
                 [](int64_t e) { return e != 1; });
    return one(args.type(0), std::move(shape));
  }
  HONE_ASSIGN(const Ints given, args.ints(1, "axes"));
  HONE_ASSIGN(const auto axes, resolve_axes(given, args.rank(0)));
  for (size_t i = 0; i < args.rank(0); ++i) {
    const int64_t extent = args.shape(0)[i];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(extent);
    } else if (extent != 1) {
      return wrong("axis " + std::to_string(i) + " of " + shape_text(args.shape(0)) + " is not 1");
    }
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Unsqueeze&, const InferArgs& args) {
  HONE_ASSIGN(const Ints given, args.ints(1, "axes"));
  const size_t rank = args.rank(0) + given.size();
  if (rank > 32) return wrong("the output would have rank " + std::to_string(rank));
  HONE_ASSIGN(const auto axes, resolve_axes(given, rank));
  Shape shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    const bool is_new = std::find(axes.begin(), axes.end(), i) != axes.end();
    shape.push_back(is_new ? 1 : args.shape(0)[next++]);
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Transpose& op, const InferArgs& args) {
  const Shape& x = args.shape(0);
  if (op.perm.empty()) return one(args.type(0), Shape(x.rbegin(), x.rend()));
  if (op.perm.size() != x.size())
    return wrong("perm has " + std::to_string(op.perm.size()) + " elements for rank " +
                 std::to_string(x.size()));
  HONE_ASSIGN(const auto axes, resolve_axes(op.perm, x.size()));
  Shape shape;
  for (size_t axis : axes) shape.push_back(x[axis]);
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Expand&, const InferArgs& args) {
  HONE_ASSIGN(const Ints wanted, args.ints(1, "the shape"));
  if (wanted.size() > 32) return wrong("the shape has " + std::to_string(wanted.size()) + " extents");
  for (int64_t extent : wanted)
    if (extent < 0) return wrong("the shape has the extent " + std::to_string(extent));
  HONE_ASSIGN(Shape shape, broadcast(args.shape(0), wanted));
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Tile&, const InferArgs& args) {
  HONE_ASSIGN(const Ints repeats, args.ints(1, "repeats"));
  Shape shape = args.shape(0);
  if (repeats.size() != shape.size())
    return wrong("repeats has " + std::to_string(repeats.size()) + " elements for rank " +
                 std::to_string(shape.size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    if (repeats[i] < 0) return wrong("repeats has the element " + std::to_string(repeats[i]));
    HONE_ASSIGN(shape[i], checked_extent(Wide{shape[i]} * repeats[i], "extent"));
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Pad& op, const InferArgs& args) {
  HONE_ASSIGN(const Ints pads, args.ints(1, "pads"));
  if (args.has(2)) HONE_TRY(args.same_type(0, 2));
  Shape shape = args.shape(0);
  std::vector<size_t> axes;
  if (args.has(3)) {
    HONE_ASSIGN(const Ints given, args.ints(3, "axes"));
    HONE_ASSIGN(axes, resolve_axes(given, shape.size()));
  } else {
    for (size_t i = 0; i < shape.size(); ++i) axes.push_back(i);
  }
  if (pads.size() != 2 * axes.size())
    return wrong("pads has " + std::to_string(pads.size()) + " elements for " + std::to_string(axes.size()) +
                 " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t& extent = shape[axes[i]];
    const int64_t before = pads[i], after = pads[i + axes.size()];
    if (op.mode == PadMode::reflect &&
        (before >= std::max<int64_t>(extent, 1) || after >= std::max<int64_t>(extent, 1)))
      return wrong("a reflection of " + std::to_string(std::max(before, after)) +
                   " elements needs more than the " + std::to_string(extent) + " of axis " +
                   std::to_string(axes[i]));
    if (op.mode != PadMode::constant && extent == 0 && (before > 0 || after > 0))
      return wrong("axis " + std::to_string(axes[i]) + " is empty, there is nothing to repeat");
    HONE_ASSIGN(extent, checked_extent(Wide{extent} + before + after, "extent"));
  }
  return one(args.type(0), std::move(shape));
}

}  // namespace hone
