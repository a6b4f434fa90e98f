// Pictures in, detections out; and control flow.
#include <algorithm>
#include <cmath>

#include "ir/axes.h"
#include "ir/infer_ops.h"

namespace hone {
namespace {

// A side of a picture, and detections a picture, beyond this are hostile.
constexpr int64_t kMaxSide = 1 << 16;
constexpr int64_t kMaxDetections = 1 << 20;

std::string number(int64_t value) { return std::to_string(value); }

}  // namespace

Descs infer_op(const Resize& op, const InferArgs& args) {
  Shape shape = args.shape(0);
  std::vector<size_t> axes;
  if (op.axes.empty()) {
    for (size_t i = 0; i < shape.size(); ++i) axes.push_back(i);
  } else {
    HONE_ASSIGN(axes, resolve_axes(op.axes, shape.size()));
  }
  // ONNX writes an absent tensor before a present one as an empty one too.
  const auto given = [&](size_t i) { return args.has(i) && args.shape(i) != Shape{0}; };
  if (given(2) == given(3)) return wrong("scales or sizes must be given, and not both");
  const size_t which = given(2) ? 2 : 3;
  HONE_TRY(args.want_vector(which, static_cast<int64_t>(axes.size()), which == 2 ? "scales" : "sizes"));
  if (which == 3) {
    HONE_ASSIGN(const Ints sizes, args.ints(3, "sizes"));
    for (size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = sizes[i];
  } else {
    if (args.constants.size() <= 2 || !args.constants[2])
      return error(StatusCode::unsupported, "scales must be known before the network runs");
    HONE_ASSIGN(const auto scales, args.constants[2]->to_floats());
    for (size_t i = 0; i < axes.size(); ++i) {
      // In f32, as ONNX and onnxruntime compute it.
      const float extent = std::floor(static_cast<float>(shape[axes[i]]) * scales[i]);
      if (!(scales[i] > 0) || !(extent <= static_cast<float>(kMaxElements)))
        return wrong("the scale " + std::to_string(scales[i]) + " cannot be applied");
      shape[axes[i]] = static_cast<int64_t>(extent);
    }
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0) return wrong("sizes has the element " + number(shape[i]));
    if (shape[i] > 0 && args.shape(0)[i] == 0) return wrong("an empty axis cannot be resized");
  }
  return one(args.type(0), std::move(shape));
}

Descs infer_op(const NonMaxSuppression&, const InferArgs& args) {
  const Shape &boxes = args.shape(0), &scores = args.shape(1);
  if (boxes.size() != 3 || scores.size() != 3 || boxes[2] != 4 || boxes[0] != scores[0] ||
      boxes[1] != scores[2])
    return wrong("boxes " + shape_text(boxes) + " and scores " + shape_text(scores) +
                 " are not [B, n, 4] and [B, C, n]");
  int64_t each = 0;  // ONNX: without a maximum nothing is put out
  if (args.has(2)) {
    each = boxes[1];
    if (args.constants.size() > 2 && args.constants[2]) {
      HONE_ASSIGN(const int64_t most, args.one_int(2, "the maximum of boxes"));
      each = std::clamp<int64_t>(most, 0, boxes[1]);
    }
  }
  HONE_ASSIGN(const int64_t rows, checked_extent(Wide{scores[0]} * scores[1], "row count"));
  HONE_ASSIGN(const int64_t all, checked_extent(Wide{rows} * each, "row count"));
  return one(DType::i64, {all, 3});
}

Descs infer_op(const Letterbox& op, const InferArgs& args) {
  const Shape& x = args.shape(0);
  if (args.type(0) != DType::u8 || x.size() != 4 || x[3] != 3)
    return wrong("pictures are u8[N, h, w, 3], not " + desc_text(args.desc(0)));
  if (x[1] < 1 || x[2] < 1 || x[1] > kMaxSide || x[2] > kMaxSide)
    return wrong("pictures of " + number(x[1]) + " by " + number(x[2]) + " pixels cannot be resized");
  if (op.height < 1 || op.width < 1 || op.height > kMaxSide || op.width > kMaxSide)
    return wrong("a letterbox of " + number(op.height) + " by " + number(op.width) +
                 " pixels cannot be made");
  if (op.pad_value < 0 || op.pad_value > 255) return wrong("pad_value is " + number(op.pad_value));
  if (op.to != DType::f32 && op.to != DType::f16)
    return wrong("a letterbox makes f32 or f16, not " + std::string(dtype_name(op.to)));
  return one(op.to, {x[0], 3, op.height, op.width});
}

Descs infer_op(const DecodeBoxes& op, const InferArgs& args) {
  const auto levels = static_cast<size_t>(op.levels);  // the arity check has bounded it
  if (op.strides.size() != levels)
    return wrong(number(op.levels) + " levels have " + std::to_string(op.strides.size()) + " strides");
  if (op.reg_max < 1 || op.reg_max > 256) return wrong("reg_max is " + number(op.reg_max));
  if (args.rank(levels) != 4) return wrong("a class map has shape " + shape_text(args.shape(levels)));
  HONE_TRY(args.want_floating(0));
  const int64_t batch = args.shape(levels)[0], classes = args.shape(levels)[1];
  Wide anchors = 0;
  for (size_t i = 0; i < levels; ++i) {
    const Shape &boxes = args.shape(i), &scores = args.shape(levels + i);
    HONE_TRY(args.same_type(0, i));
    HONE_TRY(args.same_type(0, levels + i));
    const Shape wanted_scores = {batch, classes, scores.size() == 4 ? scores[2] : 0,
                                 scores.size() == 4 ? scores[3] : 0};
    const Shape wanted_boxes = {batch, 4 * op.reg_max, wanted_scores[2], wanted_scores[3]};
    if (scores != wanted_scores || boxes != wanted_boxes)
      return wrong("level " + std::to_string(i) + " has maps of shapes " + shape_text(boxes) + " and " +
                   shape_text(scores) + " instead of " + shape_text(wanted_boxes) + " and " +
                   shape_text(wanted_scores));
    anchors += Wide{scores[2]} * scores[3];
  }
  HONE_ASSIGN(const int64_t count, checked_extent(anchors, "anchor count"));
  return one(args.type(0), {batch, 4 + classes, count});
}

Descs infer_op(const DetectionNms& op, const InferArgs& args) {
  const Shape& x = args.shape(0);
  HONE_TRY(args.want_floating(0));
  if (op.extra < 0 || op.extra > kMaxSide) return wrong("extra is " + number(op.extra));
  if (op.max_det < 1 || op.max_det > kMaxDetections) return wrong("max_det is " + number(op.max_det));
  if (x.size() != 3 || x[1] < 5 + op.extra)
    return wrong("predictions are [N, 4 + classes + " + number(op.extra) + ", anchors], not " +
                 shape_text(x));
  return std::vector<TensorDesc>{TensorDesc(DType::f32, {x[0], op.max_det, 6 + op.extra}),
                                 TensorDesc(DType::i32, {x[0]})};
}

// What stands in subgraphs is bound by bind_shapes(), which knows the captured values.
Descs infer_op(const If&, const InferArgs&) {
  return error(StatusCode::unsupported, "the shapes of its branches are not known here");
}
Descs infer_op(const Loop&, const InferArgs&) {
  return error(StatusCode::unsupported,
               "only loops whose trip count is known before the network runs are computed");
}

}  // namespace hone
