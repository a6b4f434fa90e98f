#include <algorithm>
#include <cmath>
#include <limits>

#include "base/float16.h"
#include "kernels/nms/nms.h"

namespace hone {
namespace {

size_t candidate_capacity(const NmsSettings& s) {
  return static_cast<size_t>(s.anchors) * static_cast<size_t>(s.multi_label ? s.classes : 1);
}

// Better score first; of equal ones, the row that came first.
bool before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.anchor != b.anchor ? a.anchor < b.anchor : a.class_id < b.class_id;
}

size_t collect(const NmsSettings& s, const float* scores, const float* best, float conf, Candidate* found) {
  const auto allowed = [&](int64_t c) { return s.allowed.empty() || s.allowed[static_cast<size_t>(c)] != 0; };
  size_t count = 0;
  for (int64_t a = 0; a < s.anchors; ++a) {
    if (!(best[a] > conf)) continue;
    const float* of_anchor = scores + a;
    if (s.multi_label) {
      for (int64_t c = 0; c < s.classes; ++c)
        if (const float score = of_anchor[c * s.anchors]; score > conf && allowed(c))
          found[count++] = {score, static_cast<int32_t>(a), static_cast<int32_t>(c)};
    } else {
      int64_t c = 0;
      while (c + 1 < s.classes && of_anchor[c * s.anchors] != best[a]) ++c;
      if (allowed(c)) found[count++] = {best[a], static_cast<int32_t>(a), static_cast<int32_t>(c)};
    }
  }
  return count;
}

// The greatest float that is not above `value`: x > value is x > this for every float x.
float round_down(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value
             ? std::nextafter(nearest, -std::numeric_limits<float>::infinity())
             : nearest;
}

}  // namespace

bool overlaps_kept(const KeptColumns& kept, size_t count, float x1, float y1, float x2, float y2,
                   float threshold) {
  const float area = (x2 - x1) * (y2 - y1);
  constexpr size_t kStretch = 32;
  for (size_t begin = 0; begin < count; begin += kStretch) {
    const size_t end = std::min(begin + kStretch, count);
    int32_t any = 0;
    for (size_t i = begin; i < end; ++i) {
      const float left = kept.x1[i] < x1 ? x1 : kept.x1[i], top = kept.y1[i] < y1 ? y1 : kept.y1[i];
      const float right = x2 < kept.x2[i] ? x2 : kept.x2[i], bottom = y2 < kept.y2[i] ? y2 : kept.y2[i];
      const float w = right - left > 0 ? right - left : 0, h = bottom - top > 0 ? bottom - top : 0;
      const float inter = w * h;
      any |= inter / (kept.area[i] + area - inter) > threshold;
    }
    if (any) return true;
  }
  return false;
}

size_t select_scratch_bytes(const NmsSettings& s) {
  return candidate_capacity(s) * sizeof(Candidate) + 5 * static_cast<size_t>(s.max_det) * sizeof(float);
}

size_t select_boxes(const NmsSettings& s, const float* raw, const float* best, std::byte* scratch,
                    std::span<KeptBox> kept) {
  const auto most = std::min(kept.size(), static_cast<size_t>(s.max_det));
  const auto column = [&](size_t i) {
    return reinterpret_cast<float*>(scratch) + i * static_cast<size_t>(s.max_det);
  };
  const KeptColumns columns{column(0), column(1), column(2), column(3), column(4)};
  auto* candidates = reinterpret_cast<Candidate*>(column(5));

  const float conf = s.half ? f16_to_f32(f32_to_f16(s.conf)) : s.conf;
  size_t count = collect(s, raw + 4 * s.anchors, best, conf, candidates);
  if (count > kMaxCandidates) {
    std::nth_element(candidates, candidates + kMaxCandidates, candidates + count, before);
    count = kMaxCandidates;
  }
  std::sort(candidates, candidates + count, before);

  const float threshold = round_down(s.iou);
  const auto rounded = [&](float x) { return s.half ? f16_to_f32(f32_to_f16(x)) : x; };
  size_t n = 0;
  for (size_t i = 0; i < count && n < most; ++i) {
    const Candidate& candidate = candidates[i];
    const float* box = raw + candidate.anchor;
    const float cx = box[0], cy = box[s.anchors], half_w = box[2 * s.anchors] / 2,
                half_h = box[3 * s.anchors] / 2;
    const KeptBox whole{.x1 = rounded(cx - half_w),
                        .y1 = rounded(cy - half_h),
                        .x2 = rounded(cx + half_w),
                        .y2 = rounded(cy + half_h),
                        .candidate = candidate};
    // The offset is added before the overlap is computed: its rounding is part of the field's result.
    const float offset = s.agnostic ? 0.0f : static_cast<float>(candidate.class_id) * kClassOffsetPx;
    const float x1 = whole.x1 + offset, y1 = whole.y1 + offset, x2 = whole.x2 + offset,
                y2 = whole.y2 + offset;
    if (overlaps_kept(columns, n, x1, y1, x2, y2, threshold)) continue;
    columns.x1[n] = x1, columns.y1[n] = y1, columns.x2[n] = x2, columns.y2[n] = y2;
    columns.area[n] = (x2 - x1) * (y2 - y1);
    kept[n++] = whole;
  }
  return n;
}

}  // namespace hone
