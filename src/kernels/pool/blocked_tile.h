// Pooling of channel blocks in two passes, for one instruction set: first along rows, then down columns.
// Maxima and sums are separable, so a window of 5x5 takes 10 taps instead of 25.
#pragma once

#include "kernels/conv/lanes.h"
#include "kernels/pool/blocked_pool.h"

namespace hone {
namespace HONE_ISA {

// A NaN stays, as in the reference.
HONE_INLINE vec larger(vec x, vec so_far) {
  const vec m = most(x, so_far);
  return x != x ? x : m;
}

template <bool kMax>
HONE_INLINE void reduce_row(const PoolRow& p) {
  for (int64_t x = 0; x < p.out_width; ++x) {
    const int64_t first = x * p.stride - p.pad;
    int64_t begin = 0, end = p.kernel;
    while (first + begin * p.dilation < 0) ++begin;
    while (first + (end - 1) * p.dilation >= p.in_width) --end;
    const float* in = p.input + (first + begin * p.dilation) * kBlock;
    for (int v = 0; v < kBlock; v += kLanes) {
      vec sum = load(in + v);
      for (int64_t t = 1; t < end - begin; ++t) {
        const vec value = load(in + t * p.dilation * kBlock + v);
        sum = kMax ? larger(value, sum) : sum + value;
      }
      store(p.output + x * kBlock + v, sum);
    }
  }
}

inline void pool_row(const PoolRow& p, bool maximum) { maximum ? reduce_row<true>(p) : reduce_row<false>(p); }

template <bool kMax>
HONE_INLINE void reduce_columns(const PoolColumns& p) {
  for (int64_t x = 0; x < p.width; ++x) {
    const vec count = splat(kMax ? 1.0f : p.counts_x[x] * p.count_y);
    for (int v = 0; v < kBlock; v += kLanes) {
      const float* in = p.input + x * kBlock + v;
      vec sum = load(in);
      for (int64_t t = 1; t < p.taps; ++t) {
        const vec value = load(in + t * p.tap_stride);
        sum = kMax ? larger(value, sum) : sum + value;
      }
      store(p.output + x * kBlock + v, kMax ? sum : sum / count);
    }
  }
}

inline void pool_columns(const PoolColumns& p, bool maximum) {
  maximum ? reduce_columns<true>(p) : reduce_columns<false>(p);
}

}  // namespace HONE_ISA
}  // namespace hone
