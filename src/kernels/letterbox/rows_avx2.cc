#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/letterbox/letterbox.h"

namespace hone {
namespace {

// Two pixels, one a lane: eight bytes at 3 * index each hold the pixel and its right neighbour.
inline __m256i load_pairs(const uint8_t* source, int index0, int index1) {
  const __m128i a = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(source + index0 * 3));
  const __m128i b = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(source + index1 * 3));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

inline __m256i load_halves(const int16_t* low, const int16_t* high) {
  return _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))),
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)), 1);
}

void horizontal(const uint8_t* source, const int32_t* first, const int32_t* second, const int16_t* weights,
                int width, int wide, int16_t* target) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  int x = 0;
  for (; x + 4 <= wide; x += 4) {
    const __m256i even = _mm256_shuffle_epi8(load_pairs(source, first[x], first[x + 2]), pairs);
    const __m256i odd = _mm256_shuffle_epi8(load_pairs(source, first[x + 1], first[x + 3]), pairs);
    const __m256i even_sum = _mm256_madd_epi16(even, load_halves(weights + x * 8, weights + x * 8 + 16));
    const __m256i odd_sum = _mm256_madd_epi16(odd, load_halves(weights + x * 8 + 8, weights + x * 8 + 24));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + x * 4),
                        _mm256_packs_epi32(_mm256_srai_epi32(even_sum, 4), _mm256_srai_epi32(odd_sum, 4)));
  }
  for (; x < width; ++x) {
    const uint8_t *p0 = source + first[x] * 3, *p1 = source + second[x] * 3;
    const int w0 = weights[x * 8], w1 = weights[x * 8 + 1];
    for (int c = 0; c < 3; ++c) target[x * 4 + c] = static_cast<int16_t>((p0[c] * w0 + p1[c] * w1) >> 4);
    target[x * 4 + 3] = 0;
  }
}

inline __m256i mix(__m256i upper, __m256i lower, __m256i upper_weight, __m256i lower_weight) {
  const __m256i sum =
      _mm256_add_epi16(_mm256_mulhi_epi16(upper, upper_weight), _mm256_mulhi_epi16(lower, lower_weight));
  return _mm256_srai_epi16(_mm256_add_epi16(sum, _mm256_set1_epi16(2)), 2);
}

void vertical(const int16_t* upper, const int16_t* lower, int16_t upper_weight, int16_t lower_weight,
              int width, uint8_t* plane0, uint8_t* plane1, uint8_t* plane2) {
  const __m256i w0 = _mm256_set1_epi16(upper_weight), w1 = _mm256_set1_epi16(lower_weight);
  const __m256i by_colour = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,  //
                                             0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m256i join_lanes = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  int x = 0;
  for (; x + 8 <= width; x += 8) {
    const int16_t *u = upper + x * 4, *l = lower + x * 4;
    const __m256i pixels_0145 = mix(load_halves(u, u + 16), load_halves(l, l + 16), w0, w1);
    const __m256i pixels_2367 = mix(load_halves(u + 8, u + 24), load_halves(l + 8, l + 24), w0, w1);
    const __m256i bytes = _mm256_packus_epi16(pixels_0145, pixels_2367);
    const __m256i planes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, by_colour), join_lanes);
    const __m128i low = _mm256_castsi256_si128(planes);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(plane0 + x), low);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(plane1 + x), _mm_unpackhi_epi64(low, low));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(plane2 + x), _mm256_extracti128_si256(planes, 1));
  }
  const auto one = [&](int i) {
    const int value = (((upper_weight * upper[i]) >> 16) + ((lower_weight * lower[i]) >> 16) + 2) >> 2;
    return static_cast<uint8_t>(value > 255 ? 255 : value);
  };
  for (; x < width; ++x) plane0[x] = one(x * 4), plane1[x] = one(x * 4 + 1), plane2[x] = one(x * 4 + 2);
}

void normalise(const uint8_t* source, int count, float* target) {
  for (int i = 0; i < count; ++i) target[i] = static_cast<float>(source[i]) / 255.0f;
}

}  // namespace

const LetterboxRowFunctions kLetterboxRowsAvx2 = {horizontal, vertical, normalise};

}  // namespace hone
#endif
