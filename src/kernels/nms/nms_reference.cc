// Non-maximum suppression step by step, in the order and the rounding of Ultralytics 8.4 with torchvision.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/float16.h"
#include "kernels/element.h"
#include "kernels/nms/nms.h"
#include "kernels/reference_kernel.h"

namespace hone {
namespace {

struct Row {
  float x1, y1, x2, y2, score;
  int64_t class_id, anchor;
};

// A result that no machine may fuse with the operation that follows.
float plain_float(float x) {
  const volatile float kept = x;
  return kept;
}

std::vector<Row> candidates(const NmsSettings& s, const std::vector<float>& raw) {
  const auto at = [&](int64_t channel, int64_t anchor) {
    return raw[static_cast<size_t>(channel * s.anchors + anchor)];
  };
  const auto round = [&](float x) { return s.half ? f16_to_f32(f32_to_f16(x)) : plain_float(x); };
  const float conf = round(s.conf);
  std::vector<Row> rows;
  for (int64_t a = 0; a < s.anchors; ++a) {
    int64_t best = 0;
    bool has_nan = false;
    for (int64_t c = 0; c < s.classes; ++c) {
      has_nan |= std::isnan(at(4 + c, a));
      if (at(4 + c, a) > at(4 + best, a)) best = c;
    }
    if (has_nan || !(at(4 + best, a) > conf)) continue;
    const float half_w = at(2, a) / 2, half_h = at(3, a) / 2;
    Row row{round(at(0, a) - half_w),
            round(at(1, a) - half_h),
            round(at(0, a) + half_w),
            round(at(1, a) + half_h),
            0,
            0,
            a};
    for (int64_t c = s.multi_label ? 0 : best; c < (s.multi_label ? s.classes : best + 1); ++c) {
      if (!(at(4 + c, a) > conf)) continue;
      if (!s.allowed.empty() && !s.allowed[static_cast<size_t>(c)]) continue;
      row.score = at(4 + c, a), row.class_id = c;
      rows.push_back(row);
    }
  }
  return rows;
}

float area(const Row& r) { return plain_float(plain_float(r.x2 - r.x1) * plain_float(r.y2 - r.y1)); }

bool suppresses(const Row& better, const Row& row, double threshold) {
  const float w = std::max(0.0f, plain_float(std::min(better.x2, row.x2) - std::max(better.x1, row.x1)));
  const float h = std::max(0.0f, plain_float(std::min(better.y2, row.y2) - std::max(better.y1, row.y1)));
  const float inter = plain_float(w * h);
  const float iou = inter / plain_float(plain_float(area(better) + area(row)) - inter);
  return static_cast<double>(iou) > threshold;
}

std::vector<Row> suppress(const NmsSettings& s, std::vector<Row> rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.score > b.score; });
  if (rows.size() > kMaxCandidates) rows.resize(kMaxCandidates);
  std::vector<Row> kept, kept_moved;
  for (const Row& row : rows) {
    if (kept.size() == static_cast<size_t>(s.max_det)) break;
    Row moved = row;
    const float offset = s.agnostic ? 0.0f : static_cast<float>(row.class_id) * kClassOffsetPx;
    for (float* corner : {&moved.x1, &moved.y1, &moved.x2, &moved.y2})
      *corner = plain_float(*corner + offset);
    if (std::ranges::any_of(kept_moved, [&](const Row& better) { return suppresses(better, moved, s.iou); }))
      continue;
    kept.push_back(row);
    kept_moved.push_back(moved);
  }
  return kept;
}

void compute(const Op& any, const RunArgs& args) {
  const auto& op = std::get<DetectionNms>(any);
  const TensorArg& in = args.inputs[0];
  const NmsSettings settings = nms_settings(op, *in.desc);
  const ReadReal read = real_reader(in.desc->type);
  const int64_t channels = in.desc->shape[1], width = 6 + op.extra;
  for (int64_t n = 0; n < in.desc->shape[0]; ++n) {
    std::vector<float> raw;
    for (int64_t i = 0; i < channels * settings.anchors; ++i)
      raw.push_back(static_cast<float>(read(in.data, n * in.image_stride + i)));
    const std::vector<Row> kept = suppress(settings, candidates(settings, raw));
    auto* out = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride;
    std::fill_n(out, op.max_det * width, 0.0f);
    for (const Row& row : kept) {
      const float values[] = {row.x1, row.y1, row.x2, row.y2, row.score, static_cast<float>(row.class_id)};
      std::copy(std::begin(values), std::end(values), out);
      for (int64_t e = 0; e < op.extra; ++e)
        out[6 + e] = raw[static_cast<size_t>((4 + settings.classes + e) * settings.anchors + row.anchor)];
      out += width;
    }
    static_cast<int32_t*>(args.outputs[1].data)[n * args.outputs[1].image_stride] =
        static_cast<int32_t>(kept.size());
  }
}

}  // namespace

const Kernel& nms_reference() {
  static const ReferenceKernel kernel("nms.reference", DetectionNms::name, check_nms, compute);
  return kernel;
}

}  // namespace hone
