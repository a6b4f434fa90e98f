// ONNX NonMaxSuppression: for each picture and class, boxes by falling score; one that overlaps an accepted
// box by more than the IoU threshold falls out. Rows (picture, class, box); the result has room for all, rows
// after the last are zero.
#include <algorithm>
#include <limits>

#include "kernels/movement/strided.h"

namespace hone {
namespace {

std::string check(const Problem& p) {
  if (std::string why = check_arity(p, 2, 5); !why.empty()) return why;
  const Shape &boxes = p.inputs[0].shape, &scores = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (p.inputs[0].type != DType::f32 || p.inputs[1].type != DType::f32) return "takes f32 boxes and scores";
  if (p.outputs[0].type != DType::i64) return "gives another type than i64";
  if (boxes.size() != 3 || boxes[2] != 4 || scores.size() != 3 || scores[0] != boxes[0] ||
      scores[2] != boxes[1])
    return "has boxes and scores that do not fit";
  if (out.size() != 2 || out[1] != 3) return "has a result of another shape";
  if (is_present(p, 2) && p.inputs[2].type != DType::i64) return "has a limit that is no i64";
  for (size_t i = 3; i < 5; ++i)
    if (is_present(p, i) && (p.inputs[i].type != DType::f32 || product(p.inputs[i].shape) < 1))
      return "has a threshold that is no f32";
  return {};
}

size_t workspace(const Problem& p) { return static_cast<size_t>(p.inputs[0].shape[1]) * sizeof(int32_t); }

struct Box {
  float x1, y1, x2, y2;
};
// Corners in either order, or centre and extent.
Box read_box(const float* b, bool center) {
  if (center) return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
}

bool overlaps(const Box& a, const Box& b, float limit) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1),
              height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return false;
  const float area_a = (a.x2 - a.x1) * (a.y2 - a.y1), area_b = (b.x2 - b.x1) * (b.y2 - b.y1);
  const float common = width * height, both = area_a + area_b - common;
  return area_a > 0 && area_b > 0 && both > 0 && common / both > limit;
}

float threshold(const RunArgs& args, size_t input, float otherwise) {
  return input < args.inputs.size() && args.inputs[input].data
             ? static_cast<const float*>(args.inputs[input].data)[0]
             : otherwise;
}

void compute(const Op& op, const RunArgs& args) {
  const bool center = std::get<NonMaxSuppression>(op).center_point_box;
  const Shape& shape = args.inputs[1].desc->shape;
  const int64_t n = shape[2], capacity = args.outputs[0].desc->shape[0];
  const int64_t most = std::min(index_at(args, 2, 0, 0), n);
  const float iou = threshold(args, 3, 0),
              least = threshold(args, 4, -std::numeric_limits<float>::infinity());
  auto* order = reinterpret_cast<int32_t*>(args.workspace);
  auto* rows = static_cast<int64_t*>(args.outputs[0].data);
  std::memset(rows, 0, static_cast<size_t>(capacity) * 3 * sizeof(int64_t));
  int64_t found = 0;
  for (int64_t job = 0; job < shape[0] * shape[1]; ++job) {
    const auto* boxes = static_cast<const float*>(args.inputs[0].data) + job / shape[1] * n * 4;
    const auto* scores = static_cast<const float*>(args.inputs[1].data) + job * n;
    int64_t left = 0;
    for (int64_t i = 0; i < n; ++i)
      if (scores[i] > least) order[left++] = static_cast<int32_t>(i);
    std::sort(order, order + left,
              [&](int32_t a, int32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; });
    // Accepted boxes move to the front of `order`.
    int64_t accepted = 0;
    for (int64_t i = 0; i < left && accepted < most && found < capacity; ++i) {
      const Box box = read_box(boxes + 4 * order[i], center);
      if (std::any_of(order, order + accepted,
                      [&](int32_t other) { return overlaps(box, read_box(boxes + 4 * other, center), iou); }))
        continue;
      order[accepted++] = order[i];
      int64_t* row = rows + 3 * found++;
      row[0] = job / shape[1], row[1] = job % shape[1], row[2] = order[i];
    }
  }
}

}  // namespace

const Kernel& non_max_suppression_reference() {
  static const ReferenceKernel kernel("non_max_suppression.reference", NonMaxSuppression::name, check,
                                      compute, false, workspace);
  return kernel;
}

}  // namespace hone
