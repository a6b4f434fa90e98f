// What a convolution does with a finished sum: bias, activation, rounding. BF16: 16-bit values are bfloat16.
// In front: types.cuh, activation.cuh.

// Two floats to a word of two 16-bit values, `low` in the low half.
__device__ __forceinline__ u32 pack_pair(float low, float high) {
  u32 r;
#ifdef BF16
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
#else
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
#endif
  return r;
}
#ifdef BF16
typedef bfloat_t pixel_t;
#else
typedef half_t pixel_t;
#endif
__device__ __forceinline__ float low_of(u32 pair) { return to_float(pixel_t{static_cast<u16>(pair)}); }
__device__ __forceinline__ float high_of(u32 pair) { return to_float(pixel_t{static_cast<u16>(pair >> 16)}); }

// SiLU as h + h tanh(h) with h = x / 2 costs one fma before its tanh when the bias comes halved.
constexpr bool kHalved = ACTIVATION == 3 && FAST_ACTIVATION;
constexpr float kBiasScale = kHalved ? 0.5f : 1.0f;

__device__ __forceinline__ float finish(float sum, float scaled_bias, float alpha, float beta) {
  if constexpr (kHalved) {
    const float h = fmaf(sum, 0.5f, scaled_bias);
    return fmaf(h, fast_tanh(h), h);
  } else {
    return activate(sum + scaled_bias, alpha, beta);
  }
}
