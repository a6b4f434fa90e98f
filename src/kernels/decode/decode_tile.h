// The body of DecodeFunction; included once by the file of each instruction set.
#pragma once

#include "kernels/decode/decode.h"
#include "kernels/simd/vec.h"

namespace hone {
namespace HONE_ISA {

// a[first], b[first], a[first + 1], b[first + 1], …
HONE_INLINE vec interleave(vec a, vec b, int first) {
#if defined(__clang__)
  vec mixed{};
  for (int i = 0; i < kLanes; ++i) mixed[i] = i % 2 ? b[first + i / 2] : a[first + i / 2];
  return mixed;
#else
  ivec from{};
  for (int i = 0; i < kLanes; ++i) from[i] = first + i / 2 + i % 2 * kLanes;
  return __builtin_shuffle(a, b, from);
#endif
}

// Rows become columns: each round interleaves the halves.
HONE_INLINE void transpose(vec* rows) {
  vec next[kLanes];
  for (int round = 1; round < kLanes; round *= 2) {
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleave(rows[i], rows[i + kLanes / 2], 0);
      next[2 * i + 1] = interleave(rows[i], rows[i + kLanes / 2], kLanes / 2);
    }
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

// kLanes anchors of `count` channels, one vector a channel, from blocks of channels; `lanes` of them are
// there.
HONE_INLINE void gather(const float* map, int64_t plane, int64_t block, int64_t first_channel, int64_t count,
                        int64_t anchor, int lanes, float* tile) {
  int64_t i = 0;
  if (lanes == kLanes && block % kLanes == 0 && first_channel % kLanes == 0) {
    for (; i + kLanes <= count; i += kLanes) {
      const int64_t c = first_channel + i;
      const float* from = map + (c / block * plane + anchor) * block + c % block;
      vec rows[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) rows[lane] = load(from + lane * block);
      transpose(rows);
      for (int lane = 0; lane < kLanes; ++lane) store(tile + (i + lane) * kLanes, rows[lane]);
    }
  }
  for (; i < count; ++i) {
    const int64_t c = first_channel + i;
    const float* from = map + (c / block * plane + anchor) * block + c % block;
    for (int lane = 0; lane < lanes; ++lane) tile[i * kLanes + lane] = from[lane * block];
    for (int lane = lanes; lane < kLanes; ++lane) tile[i * kLanes + lane] = 0;
  }
}

HONE_INLINE vec expected_distance(const float* bins, int64_t step, int64_t count) {
  vec most = load(bins);
  for (int64_t k = 1; k < count; ++k) most = max(most, load(bins + k * step));
  vec total = exp_bounded(load(bins) - most), weighted = splat(0);
  for (int64_t k = 1; k < count; ++k) {
    const vec e = exp_bounded(load(bins + k * step) - most);
    total += e;
    weighted += e * static_cast<float>(k);
  }
  return weighted / total;
}

HONE_INLINE void store_lanes(float* to, vec v, int lanes) {
  if (lanes == kLanes)
    store(to, v);
  else
    store_part(to, v, lanes);
}

HONE_INLINE void decode_box(const DecodeWork& w, const float* bins, int64_t step, int64_t anchor, int lanes) {
  vec side[4];
  for (int s = 0; s < 4; ++s) {
    const float* own = bins + s * w.reg_max * step;
    side[s] = w.reg_max == 1 ? load(own) : expected_distance(own, step, w.reg_max);
  }
  const vec cx = lanes == kLanes ? load(w.centre_x + anchor) : load_part(w.centre_x + anchor, lanes);
  const vec cy = lanes == kLanes ? load(w.centre_y + anchor) : load_part(w.centre_y + anchor, lanes);
  const vec x1 = cx - side[0], y1 = cy - side[1], x2 = cx + side[2], y2 = cy + side[3];
  const vec xyxy[4] = {x1, y1, x2, y2};
  const vec xywh[4] = {(x1 + x2) * 0.5f, (y1 + y2) * 0.5f, x2 - x1, y2 - y1};
  for (int i = 0; i < 4; ++i)
    store_lanes(w.out + i * w.out_step + anchor, (w.xyxy ? xyxy[i] : xywh[i]) * w.stride, lanes);
}

static void decode(const DecodeWork& w) {
  // The longest distance head of a level: 4 * kMaxRegMax channels of kLanes anchors.
  alignas(64) float tile[4 * kMaxRegMax * kLanes];
  const int64_t box_channels = 4 * w.reg_max;
  for (int64_t a = w.begin; a < w.end; a += kLanes) {
    const int lanes = w.end - a < kLanes ? static_cast<int>(w.end - a) : kLanes;
    if (w.block == 1 && lanes == kLanes) {
      decode_box(w, w.boxes + a, w.plane, a, lanes);
    } else {
      gather(w.boxes, w.plane, w.block, 0, box_channels, a, lanes, tile);
      decode_box(w, tile, kLanes, a, lanes);
    }
  }
  float* scores = w.out + 4 * w.out_step;
  if (w.block == 1) {
    for (int64_t c = 0; c < w.class_count; ++c) {
      const float* from = w.classes + c * w.plane;
      float* to = scores + c * w.out_step;
      int64_t a = w.begin;
      for (; a + kLanes <= w.end; a += kLanes) store(to + a, sigmoid(load(from + a)));
      if (const auto rest = static_cast<int>(w.end - a); rest > 0)
        store_part(to + a, sigmoid(load_part(from + a, rest)), rest);
    }
    return;
  }
  for (int64_t c = 0; c < w.class_count; c += w.block) {
    const int64_t count = w.class_count - c < w.block ? w.class_count - c : w.block;
    for (int64_t a = w.begin; a < w.end; a += kLanes) {
      const int lanes = w.end - a < kLanes ? static_cast<int>(w.end - a) : kLanes;
      gather(w.classes, w.plane, w.block, c, count, a, lanes, tile);
      for (int64_t i = 0; i < count; ++i)
        store_lanes(scores + (c + i) * w.out_step + a, sigmoid(load(tile + i * kLanes)), lanes);
    }
  }
}

}  // namespace HONE_ISA
}  // namespace hone
