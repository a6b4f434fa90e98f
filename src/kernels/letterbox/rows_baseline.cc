#include "kernels/letterbox/letterbox.h"

namespace hone {
namespace {

void horizontal(const uint8_t* source, const int32_t* first, const int32_t* second, const int16_t* weights,
                int width, int, int16_t* target) {
  for (int x = 0; x < width; ++x) {
    const uint8_t *p0 = source + first[x] * 3, *p1 = source + second[x] * 3;
    const int w0 = weights[x * 8], w1 = weights[x * 8 + 1];
    for (int c = 0; c < 3; ++c) target[x * 4 + c] = static_cast<int16_t>((p0[c] * w0 + p1[c] * w1) >> 4);
    target[x * 4 + 3] = 0;
  }
}

void vertical(const int16_t* upper, const int16_t* lower, int16_t upper_weight, int16_t lower_weight,
              int width, uint8_t* plane0, uint8_t* plane1, uint8_t* plane2) {
  const auto mix = [&](int i) {
    const int value = (((upper_weight * upper[i]) >> 16) + ((lower_weight * lower[i]) >> 16) + 2) >> 2;
    return static_cast<uint8_t>(value > 255 ? 255 : value);
  };
  for (int x = 0; x < width; ++x)
    plane0[x] = mix(x * 4), plane1[x] = mix(x * 4 + 1), plane2[x] = mix(x * 4 + 2);
}

void normalise(const uint8_t* source, int count, float* target) {
  for (int i = 0; i < count; ++i) target[i] = static_cast<float>(source[i]) / 255.0f;
}

}  // namespace

const LetterboxRowFunctions kLetterboxRowsBaseline = {horizontal, vertical, normalise};

}  // namespace hone
