// What a convolution does with a finished sum: bias, activation, residual, rounding, store. RESIDUAL: 1 is added after
// the activation; 2 before it, and is upsampled: half as high and wide. BF16: 16-bit values are bfloat16; F32_OUT: the
// result is not rounded; SCALAR: output channels are no multiple of 8, so that 16 bytes of a pixel may lie anywhere.
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

// The element of an upsampled residual that belongs to a pixel.
__device__ __forceinline__ int upsampled_pixel(int image, int y, int x, int height, int width) {
  return (image * (height / 2) + y / 2) * (width / 2) + x / 2;
}

// Adds a residual of 8 or 4 channels.
__device__ __forceinline__ void add_residual(float (&v)[8], uint4 residual, int count) {
  const u32 w[4] = {residual.x, residual.y, residual.z, residual.w};
#pragma unroll
  for (int j = 0; j < count / 2; j++) {
    v[2 * j] += low_of(w[j]);
    v[2 * j + 1] += high_of(w[j]);
  }
}

// The residual at `count` (8 or 4) consecutive channels of a pixel; what lies behind the last channel is never used.
__device__ __forceinline__ uint4 load_residual(const u16* residual, int pixel, int stride, int channel, int count,
                                               int channels) {
  const u16* r = residual + (i64)max(pixel, 0) * stride;
#ifdef SCALAR
  u32 w[4] = {0, 0, 0, 0};
#pragma unroll
  for (int i = 0; i < 8; i++)
    if (i < count && channel + i < channels) w[i / 2] |= (u32)r[channel + i] << (i & 1) * 16;
  return make_uint4(w[0], w[1], w[2], w[3]);
#else
  r += min(channel, channels - count);
  if (count == 8) return *(const uint4*)r;
  const uint2 x = *(const uint2*)r;
  return make_uint4(x.x, x.y, 0, 0);
#endif
}

__device__ __forceinline__ void store_channels(void* out, int pixel, int stride, int channel, int count, int channels,
                                               const float* v) {
  const i64 at = (i64)pixel * stride + channel;
#ifdef SCALAR
#pragma unroll
  for (int i = 0; i < 8; i++)
    if (i < count && channel + i < channels) {
#ifdef F32_OUT
      ((float*)out)[at + i] = v[i];
#else
      ((u16*)out)[at + i] = (u16)pack_pair(v[i], 0.f);
#endif
    }
#else
  if (channel >= channels) return;
#ifdef F32_OUT
  float4* o = (float4*)((float*)out + at);
  o[0] = make_float4(v[0], v[1], v[2], v[3]);
  if (count == 8) o[1] = make_float4(v[4], v[5], v[6], v[7]);
#else
  u16* o = (u16*)out + at;
  const u32 a = pack_pair(v[0], v[1]), b = pack_pair(v[2], v[3]);
  if (count == 8)
    *(uint4*)o = make_uint4(a, b, pack_pair(v[4], v[5]), pack_pair(v[6], v[7]));
  else
    *(uint2*)o = make_uint2(a, b);
#endif
#endif
}

// x / d for 0 <= x < 2^31 and a d known at launch.
struct Divisor {
  u32 multiplier, shift;
};
__device__ __forceinline__ int divide(int x, Divisor d) {
  return d.multiplier ? (int)(__umulhi((u32)x, d.multiplier) >> d.shift) : x;
}

__device__ __forceinline__ u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
