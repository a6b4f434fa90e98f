// The tile of tile.h for the instruction set of the including file.
#pragma once

#include "kernels/matmul/tile.h"
#include "kernels/simd/vec.h"

namespace hone {
namespace HONE_ISA {

// Accumulators, two vectors of B and one broadcast must fit the registers: 16 of them, 32 with AVX-512 and
// NEON.
#if defined(__AVX512F__)
inline constexpr int kRows = 12;
#else
inline constexpr int kRows = 6;
#endif
static_assert(kRows <= kMaxTileRows && 2 * kLanes <= kMaxPanelColumns);

template <int kUsed>
HONE_INLINE void multiply_rows(const float* a, int64_t a_row, int64_t a_k, const float* panel, int64_t depth,
                               float* c) {
  vec left[kUsed], right[kUsed];
  for (int r = 0; r < kUsed; ++r) left[r] = right[r] = splat(0);
  for (int64_t k = 0; k < depth; ++k, a += a_k, panel += 2 * kLanes) {
    const vec b0 = load(panel), b1 = load(panel + kLanes);
    for (int r = 0; r < kUsed; ++r) {
      const vec factor = splat(a[r * a_row]);
      left[r] += factor * b0;
      right[r] += factor * b1;
    }
  }
  for (int r = 0; r < kUsed; ++r) {
    store(c + r * 2 * kLanes, left[r]);
    store(c + r * 2 * kLanes + kLanes, right[r]);
  }
}

static void multiply_tile(const float* a, int64_t a_row, int64_t a_k, int64_t rows, const float* panel,
                          int64_t depth, float* c) {
  for (; rows >= kRows; rows -= kRows, a += kRows * a_row, c += kRows * 2 * kLanes)
    multiply_rows<kRows>(a, a_row, a_k, panel, depth, c);
  for (; rows >= 4; rows -= 4, a += 4 * a_row, c += 4 * 2 * kLanes)
    multiply_rows<4>(a, a_row, a_k, panel, depth, c);
  for (; rows > 0; --rows, a += a_row, c += 2 * kLanes) multiply_rows<1>(a, a_row, a_k, panel, depth, c);
}

static MatMulTile make_tile() { return {.columns = 2 * kLanes, .rows = kRows, .run = multiply_tile}; }

}  // namespace HONE_ISA
}  // namespace hone
