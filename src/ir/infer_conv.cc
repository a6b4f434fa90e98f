// Convolutions and pools.
#include "ir/infer_ops.h"

namespace hone {
namespace {

// Strides, dilations and pads beyond this are hostile.
constexpr int64_t kMaxWindow = int64_t{1} << 31;

Result<Ints> spatial(const Ints& given, size_t count, int64_t usual, int64_t least, const char* what) {
  if (given.empty()) return Ints(count, usual);
  if (given.size() != count)
    return wrong(std::string(what) + " has " + std::to_string(given.size()) + " elements instead of " +
                 std::to_string(count));
  for (int64_t v : given)
    if (v < least || v > kMaxWindow)
      return wrong(std::string(what) + " has the element " + std::to_string(v) + ", outside " +
                   std::to_string(least) + " to " + std::to_string(kMaxWindow));
  return given;
}

struct Windows {
  Ints kernel, strides, pads, dilations;
  Wide reach(size_t axis) const { return (Wide{kernel[axis]} - 1) * dilations[axis] + 1; }
  Wide padding(size_t axis) const { return Wide{pads[axis]} + pads[axis + kernel.size()]; }
};

Result<Windows> windows(Ints kernel, const Ints& strides, const Ints& pads, const Ints& dilations) {
  const size_t count = kernel.size();
  HONE_ASSIGN(Ints s, spatial(strides, count, 1, 1, "strides"));
  HONE_ASSIGN(Ints p, spatial(pads, 2 * count, 0, 0, "pads"));
  HONE_ASSIGN(Ints d, spatial(dilations, count, 1, 1, "dilations"));
  for (int64_t k : kernel)
    if (k < 1 || k > kMaxWindow) return wrong("the filter has the extent " + std::to_string(k));
  return Windows{std::move(kernel), std::move(s), std::move(p), std::move(d)};
}

Result<> want_picture(const InferArgs& args) {
  if (args.rank(0) < 3)
    return wrong("the input has shape " + shape_text(args.shape(0)) +
                 ", with no spatial axis after batch and channels");
  return {};
}

Result<Wide> sliding_extent(const Windows& w, size_t axis, int64_t extent) {
  const Wide room = Wide{extent} + w.padding(axis) - w.reach(axis);
  if (room < 0)
    return wrong("the filter reaches over " + std::to_string(static_cast<int64_t>(w.reach(axis))) +
                 " of the " + std::to_string(static_cast<int64_t>(Wide{extent} + w.padding(axis))) +
                 " padded elements of spatial axis " + std::to_string(axis));
  return room / w.strides[axis] + 1;
}

// Checks that convolutions of both directions share; returns the filter's spatial extents.
Result<Ints> conv_kernel(const InferArgs& args, int64_t group) {
  HONE_TRY(want_picture(args));
  HONE_TRY(args.want_floating(0));
  HONE_TRY(args.same_type(0, 1));
  const Shape &x = args.shape(0), &weight = args.shape(1);
  if (weight.size() != x.size())
    return wrong("input " + shape_text(x) + " and weight " + shape_text(weight) + " differ in rank");
  if (group < 1 || x[1] % group != 0 || weight[0] % group != 0)
    return wrong(std::to_string(group) + " groups do not divide the channels of input " + shape_text(x) +
                 " and weight " + shape_text(weight));
  return Ints(weight.begin() + 2, weight.end());
}

}  // namespace

Descs infer_op(const Conv& op, const InferArgs& args) {
  HONE_ASSIGN(Ints kernel, conv_kernel(args, op.group));
  const Shape &x = args.shape(0), &weight = args.shape(1);
  if (weight[1] != x[1] / op.group)
    return wrong("weight " + shape_text(weight) + " does not fit input " + shape_text(x) + " in " +
                 std::to_string(op.group) + " groups");
  HONE_ASSIGN(const Windows w, windows(std::move(kernel), op.strides, op.pads, op.dilations));
  Shape shape = {x[0], weight[0]};
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    HONE_ASSIGN(const Wide extent, sliding_extent(w, i, x[i + 2]));
    HONE_ASSIGN(const int64_t checked, checked_extent(extent, "extent"));
    shape.push_back(checked);
  }
  size_t next = 2;
  if (op.has_bias) {
    HONE_TRY(args.want_vector(next, weight[0], "the bias"));
    HONE_TRY(args.same_type(0, next++));
  }
  if (op.has_residual) {
    HONE_TRY(args.same_type(0, next));
    Shape wanted = shape;
    if (op.residual_upsampled)
      for (size_t i = 2; i < wanted.size(); ++i) wanted[i] = wanted[i] % 2 == 0 ? wanted[i] / 2 : -1;
    if (args.shape(next) != wanted)
      return wrong("the residual has shape " + shape_text(args.shape(next)) + " instead of " +
                   shape_text(wanted));
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const ConvTranspose& op, const InferArgs& args) {
  HONE_ASSIGN(Ints kernel, conv_kernel(args, op.group));
  const Shape &x = args.shape(0), &weight = args.shape(1);
  if (weight[0] != x[1])
    return wrong("weight " + shape_text(weight) + " does not fit the channels of input " + shape_text(x));
  HONE_ASSIGN(const Windows w, windows(std::move(kernel), op.strides, op.pads, op.dilations));
  HONE_ASSIGN(const Ints extra, spatial(op.output_padding, w.kernel.size(), 0, 0, "output_padding"));
  HONE_ASSIGN(const int64_t channels, checked_extent(Wide{weight[1]} * op.group, "channel count"));
  Shape shape = {x[0], channels};
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    if (extra[i] > 0 && extra[i] >= std::max(w.strides[i], w.dilations[i]))
      return wrong("output_padding " + std::to_string(extra[i]) + " is not smaller than stride " +
                   std::to_string(w.strides[i]) + " or dilation " + std::to_string(w.dilations[i]));
    if (x[i + 2] < 1) return wrong("the input " + shape_text(x) + " has an empty spatial axis");
    const Wide extent = Wide{w.strides[i]} * (x[i + 2] - 1) + extra[i] + w.reach(i) - w.padding(i);
    HONE_ASSIGN(const int64_t checked, checked_extent(extent, "extent"));
    shape.push_back(checked);
  }
  if (op.has_bias) {
    HONE_TRY(args.want_vector(2, channels, "the bias"));
    HONE_TRY(args.same_type(0, 2));
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const Pool& op, const InferArgs& args) {
  HONE_TRY(want_picture(args));
  const Shape& x = args.shape(0);
  if (op.kind != PoolKind::max) HONE_TRY(args.want_floating(0));
  if (op.kernel.size() != x.size() - 2)
    return wrong("kernel has " + std::to_string(op.kernel.size()) + " elements instead of " +
                 std::to_string(x.size() - 2));
  HONE_ASSIGN(const Windows w, windows(op.kernel, op.strides, op.pads, op.dilations));
  Shape shape = {x[0], x[1]};
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    // A window that lies in the padding alone has no maximum and no mean.
    if (w.pads[i] >= w.reach(i) || w.pads[i + w.kernel.size()] >= w.reach(i))
      return wrong("pads are not smaller than the kernel on spatial axis " + std::to_string(i));
    if (x[i + 2] < 1) return wrong("the input " + shape_text(x) + " has an empty spatial axis");
    HONE_ASSIGN(Wide extent, sliding_extent(w, i, x[i + 2]));
    const Wide room = Wide{x[i + 2]} + w.padding(i) - w.reach(i);
    if (op.ceil_mode && room % w.strides[i] != 0) {
      ++extent;
      // A last window that would start in the padding at the end is left out (ONNX Pool, PyTorch).
      if ((extent - 1) * w.strides[i] >= Wide{x[i + 2]} + w.pads[i]) --extent;
    }
    HONE_ASSIGN(const int64_t checked, checked_extent(extent, "extent"));
    shape.push_back(checked);
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const GlobalPool&, const InferArgs& args) {
  if (args.rank(0) < 2)
    return wrong("the input has shape " + shape_text(args.shape(0)) + ", with no channels");
  Shape shape = args.shape(0);
  for (size_t i = 2; i < shape.size(); ++i) {
    if (shape[i] < 1) return wrong("the input " + shape_text(shape) + " has an empty spatial axis");
    shape[i] = 1;
  }
  return one(args.type(0), std::move(shape));
}

}  // namespace hone
