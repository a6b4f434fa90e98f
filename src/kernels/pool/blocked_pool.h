// What an instruction set gives to pooling on channel blocks.
#pragma once

#include <cstdint>

namespace hone {

// One row of one block: out_width pixels, each over the taps that lie inside (at least one).
struct PoolRow {
  const float* input = nullptr;
  float* output = nullptr;
  int64_t in_width = 0, out_width = 0, kernel = 1, stride = 1, pad = 0, dilation = 1;
};
// One output row from `taps` rows that pool_row made, `tap_stride` floats apart. Sums are divided by
// counts_x[x] * count_y.
struct PoolColumns {
  const float* input = nullptr;
  float* output = nullptr;
  int64_t width = 0, taps = 1, tap_stride = 0;
  const float* counts_x = nullptr;
  float count_y = 1;
};

struct PoolTable {
  int block = 8;
  void (*row)(const PoolRow&, bool maximum) = nullptr;
  void (*columns)(const PoolColumns&, bool maximum) = nullptr;
};

extern const PoolTable kPoolBaseline;  // SSE2 or NEON, blocks of 8
#if defined(__x86_64__)
extern const PoolTable kPoolAvx2;
extern const PoolTable kPoolAvx512;  // blocks of 16
#endif

}  // namespace hone
