// Vectors of f32 as wide as the instruction set that the including file is compiled for, and functions on
// them.
//
// Include it only from files named x_baseline.cc, x_avx2.cc, x_avx512.cc (src/kernels/CMakeLists.txt compiles
// them for that set). Everything lies in a namespace of its own for each set, so that the linker cannot mix
// them up:
//   namespace hone { namespace HONE_ISA { … uses vec, kLanes, load(), exp() … } }
// The caller dispatches with cpu_features().
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#define HONE_ISA isa_avx512bf16
#elif defined(__AVX512F__)
#define HONE_ISA isa_avx512
#elif defined(__AVX2__)
#define HONE_ISA isa_avx2
#else
#define HONE_ISA isa_baseline  // SSE2 on x86-64, NEON on aarch64
#endif

#define HONE_INLINE [[gnu::always_inline]] static inline

namespace hone {
namespace HONE_ISA {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#elif defined(__AVX2__)
inline constexpr int kLanes = 8;
#else
inline constexpr int kLanes = 4;
#endif

typedef float vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t ivec __attribute__((vector_size(4 * kLanes)));

HONE_INLINE vec load(const float* p) {
  vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
HONE_INLINE void store(float* p, vec v) { std::memcpy(p, &v, sizeof v); }
HONE_INLINE vec splat(float x) { return x - vec{}; }
// The first n elements, zeros after them; and back.
HONE_INLINE vec load_part(const float* p, int n) {
  vec v{};
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
}
HONE_INLINE void store_part(float* p, vec v, int n) {
  std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
}

HONE_INLINE ivec bits(vec v) {
  ivec i;
  std::memcpy(&i, &v, sizeof i);
  return i;
}
HONE_INLINE vec from_bits(ivec i) {
  vec v;
  std::memcpy(&v, &i, sizeof v);
  return v;
}
HONE_INLINE vec to_float(ivec i) { return __builtin_convertvector(i, vec); }
// With a NaN the first argument is returned.
HONE_INLINE vec min(vec a, vec b) { return b < a ? b : a; }
HONE_INLINE vec max(vec a, vec b) { return b > a ? b : a; }
HONE_INLINE vec abs(vec x) { return from_bits(bits(x) & 0x7fffffff); }
HONE_INLINE float sum_of(vec v) {
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}
HONE_INLINE float max_of(vec v) {
  float most = v[0];
  for (int i = 1; i < kLanes; ++i) most = v[i] > most ? v[i] : most;
  return most;
}

// exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2)/2; q is the minimax polynomial of relative error 3e-9.
HONE_INLINE vec exp_reduced(vec r) {
  vec q = splat(0.001381459878757596f);
  q = q * r + 0.008368716575205326f;
  q = q * r + 0.04166838899254799f;
  q = q * r + 0.1666652113199234f;
  q = q * r + 0.4999999403953552f;
  return q * (r * r) + r + 1.0f;
}
// n = round(x / ln 2) comes out of the float adder (1.5 * 2^23 leaves no fraction bits); ln 2 in two parts
// (Cody and Waite, "Software Manual for the Elementary Functions", 1980) keeps r = x - n ln 2 exact.
HONE_INLINE vec exp_split(vec x, vec* r) {
  const vec n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  *r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  return n;
}
HONE_INLINE ivec to_int(vec integral) { return __builtin_convertvector(integral, ivec); }
HONE_INLINE vec power_of_two(ivec n) { return from_bits((n + 127) << 23); }

// For arguments that are known to lie in [-87, 88]; others are moved there. Relative error 1e-7.
HONE_INLINE vec exp_bounded(vec x) {
  x = min(max(x, splat(-87.0f)), splat(88.0f));
  vec r;
  const vec n = exp_split(x, &r);
  return exp_reduced(r) * power_of_two(to_int(n));
}
// The whole range: subnormal results, zero, infinity, NaN.
HONE_INLINE vec exp(vec x) {
  const vec inside = min(max(x, splat(-104.0f)), splat(89.0f));
  vec r;
  const ivec n = to_int(exp_split(inside, &r));
  const ivec half = n >> 1;
  return exp_reduced(r) * power_of_two(half) * power_of_two(n - half);
}

HONE_INLINE vec sigmoid(vec x) { return 1.0f / (1.0f + exp_bounded(-x)); }
HONE_INLINE vec silu(vec x) { return x / (1.0f + exp_bounded(-x)); }

// tanh(x) = x + x^3 p(x^2) below 0.625 (minimax, 4e-9), 1 - 2 / (exp(2x) + 1) above.
HONE_INLINE vec tanh(vec x) {
  const vec t = x * x;
  vec p = splat(-0.00570294912904501f);
  p = p * t + 0.020637188106775284f;
  p = p * t - 0.05373910814523697f;
  p = p * t + 0.1333143413066864f;
  p = p * t - 0.3333328068256378f;
  const vec small = x + x * t * p;
  const vec large = 1.0f - 2.0f / (exp_bounded(x + x) + 1.0f);
  return abs(x) < 0.625f ? small : large;
}

// erfc(z) = s p(s) exp(-z^2) with s = 1 / (1 + z/2), z >= 0: the form of Abramowitz and Stegun 7.1.26, p
// fitted minimax to a relative error of 4e-8 on [0, 10].
HONE_INLINE vec erfc_positive(vec z) {
  const vec s = 1.0f / (1.0f + 0.5f * z);
  vec p = splat(-0.0590689480304718f);
  p = p * s + 0.2845748960971832f;
  p = p * s - 0.4871997833251953f;
  p = p * s + 0.278067022562027f;
  p = p * s - 0.02662556990981102f;
  p = p * s + 0.2026868313550949f;
  p = p * s + 0.2431037724018097f;
  p = p * s + 0.282375305891037f;
  p = p * s + 0.28208643198013306f;
  return s * p * exp_bounded(-z * z);
}
HONE_INLINE vec erf(vec x) {
  const vec e = 1.0f - erfc_positive(abs(x));
  return x < 0.0f ? -e : e;
}
// 0.5 x erfc(-x / sqrt 2)
HONE_INLINE vec gelu(vec x) {
  const vec z = x * 0.70710678118654752f;
  const vec tail = erfc_positive(abs(z));
  return 0.5f * x * (z < 0.0f ? tail : 2.0f - tail);
}
// 0.5 (1 + tanh u) = sigmoid(2u)
HONE_INLINE vec gelu_tanh(vec x) { return x * sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x)); }
// x tanh(ln(1 + e^x)) = x (e^2 + 2e) / (e^2 + 2e + 2) with e = e^x
HONE_INLINE vec mish(vec x) {
  const vec e = exp_bounded(min(x, splat(20.0f)));
  const vec m = e * (e + 2.0f);
  return x * (m / (m + 2.0f));
}

}  // namespace HONE_ISA
}  // namespace hone
