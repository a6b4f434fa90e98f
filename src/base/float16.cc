#include "base/float16.h"

#include <bit>

#include "base/cpu_features.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hone {

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to 65536 or more
  if (magnitude < 0x38800000u) {  // subnormal: adding 0.5 lets the float unit round at bit 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#if defined(__x86_64__)
namespace {
__attribute__((target("avx,f16c"))) size_t widen_f16c(std::span<const uint16_t> source, float* target) {
  size_t i = 0;
  for (; i + 8 <= source.size(); i += 8)
    _mm256_storeu_ps(target + i,
                     _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(&source[i]))));
  return i;
}
__attribute__((target("avx,f16c"))) size_t narrow_f16c(std::span<const float> source, uint16_t* target) {
  size_t i = 0;
  for (; i + 8 <= source.size(); i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(target + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(&source[i]), _MM_FROUND_TO_NEAREST_INT));
  return i;
}
}  // namespace
#endif

void f16_to_f32(std::span<const uint16_t> source, float* target) {
  size_t i = 0;
#if defined(__x86_64__)
  if (cpu_features().f16c) i = widen_f16c(source, target);
#endif
  for (; i < source.size(); ++i) target[i] = f16_to_f32(source[i]);
}

void f32_to_f16(std::span<const float> source, uint16_t* target) {
  size_t i = 0;
#if defined(__x86_64__)
  if (cpu_features().f16c) i = narrow_f16c(source, target);
#endif
  for (; i < source.size(); ++i) target[i] = f32_to_f16(source[i]);
}

}  // namespace hone
