// NV12 to colours as OpenCV's cvtColor does it (imgproc/color_yuv: BT.601, limited range, 20 bits; a pair of
// chroma bytes serves two by two pixels).
#pragma once

#include <algorithm>
#include <cstdint>

namespace hone {

inline constexpr int kNv12Bits = 20, kNv12Light = 1220542, kNv12RedV = 1673527, kNv12GreenV = -852492,
                     kNv12GreenU = -409993, kNv12BlueU = 2116026;

// bgr[0..2] of one pixel.
inline void nv12_pixel(int light, int u, int v, uint8_t* bgr) {
  const int scaled = std::max(light - 16, 0) * kNv12Light + (1 << (kNv12Bits - 1));
  const auto byte = [](int x) { return static_cast<uint8_t>(std::clamp(x >> kNv12Bits, 0, 255)); };
  bgr[0] = byte(scaled + kNv12BlueU * (u - 128));
  bgr[1] = byte(scaled + kNv12GreenV * (v - 128) + kNv12GreenU * (u - 128));
  bgr[2] = byte(scaled + kNv12RedV * (v - 128));
}

// A row of `width` pixels.
inline void nv12_row(const uint8_t* light, const uint8_t* chroma, int width, uint8_t* bgr) {
  for (int x = 0; x < width; ++x) {
    const uint8_t* uv = chroma + x / 2 * 2;
    nv12_pixel(light[x], uv[0], uv[1], bgr + 3 * x);
  }
}

}  // namespace hone
