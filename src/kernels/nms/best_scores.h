// The body of BestScores; included once by the file of each instruction set.
#pragma once

#include "kernels/nms/nms.h"
#include "kernels/simd/vec.h"

namespace hone {
namespace HONE_ISA {

// Rows are read in stretches, so that the running maxima of a stretch stay in the first-level cache.
static void best_scores(const float* scores, int64_t classes, int64_t anchors, int64_t begin, int64_t end,
                        float* best) {
  constexpr int kVectors = 4;
  int64_t a = begin;
  for (; a + kVectors * kLanes <= end; a += kVectors * kLanes) {
    vec most[kVectors];
    ivec nan[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      most[v] = load(scores + a + v * kLanes);
      nan[v] = most[v] != most[v];
    }
    for (int64_t c = 1; c < classes; ++c)
      for (int v = 0; v < kVectors; ++v) {
        const vec x = load(scores + c * anchors + a + v * kLanes);
        most[v] = max(most[v], x);
        nan[v] |= x != x;
      }
    for (int v = 0; v < kVectors; ++v) store(best + a + v * kLanes, from_bits(bits(most[v]) | nan[v]));
  }
  for (; a < end; ++a) {
    float most = scores[a];
    for (int64_t c = 1; c < classes; ++c) {
      const float x = scores[c * anchors + a];
      if (x > most || x != x) most = x;
      if (most != most) break;
    }
    best[a] = most;
  }
}

}  // namespace HONE_ISA
}  // namespace hone
