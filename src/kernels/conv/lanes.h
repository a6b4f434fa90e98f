// What convolution tiles need beside simd/vec.h: the channel block of the instruction set, and a sigmoid that
// gives up the last bit for speed (it follows every sum).
#pragma once

#include "kernels/simd/vec.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hone {
namespace HONE_ISA {

// Channels of a layout block: nchw16c with AVX-512, nchw8c elsewhere (two vectors a block with SSE2 and
// NEON).
inline constexpr int kBlock = kLanes == 16 ? 16 : 8;
inline constexpr int kVectorsPerBlock = kBlock / kLanes;

// One instruction each; a NaN in b is kept (GCC compares and blends for vec.h's min and max).
HONE_INLINE vec most(vec a, vec b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}
HONE_INLINE vec least(vec a, vec b) {
#if defined(__AVX512F__)
  return _mm512_min_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_min_ps(a, b);
#else
  return a < b ? a : b;
#endif
}

// exp(-x), exponent clamped to what a float holds, relative error 2e-7 times |x|/ln 2 at most 128: enough for
// 1 / (1 + e). 2^f on [-1/2, 1/2] by a polynomial of degree 5, the integer part added to the exponent bits.
HONE_INLINE vec exp_negative(vec x) {
  const vec t = least(splat(126.0f), most(splat(-126.0f), x * -1.44269504f));
  const vec shifted = t + 12582912.0f;  // 1.5 * 2^23: the integer part stands in the low bits
  const vec f = t - (shifted - 12582912.0f);
  vec p = splat(1.339887440e-3f);
  p = p * f + 9.618437357e-3f;
  p = p * f + 5.550332550e-2f;
  p = p * f + 2.402264791e-1f;
  p = p * f + 6.931472028e-1f;
  p = p * f + 1.0f;
  return from_bits(bits(p) + (bits(shifted) << 23));
}
HONE_INLINE vec fast_sigmoid(vec x) { return 1.0f / (1.0f + exp_negative(x)); }
HONE_INLINE vec fast_silu(vec x) { return x / (1.0f + exp_negative(x)); }

}  // namespace HONE_ISA
}  // namespace hone
