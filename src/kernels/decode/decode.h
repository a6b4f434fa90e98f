// Decoding a stretch of anchors of one level of one picture.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kernel.h"

namespace hone {

// Box and class maps lie in blocks of `block` channels (1: plain, 8, 16), `plane` anchors a channel.
struct DecodeWork {
  const float *boxes = nullptr, *classes = nullptr;
  const float *centre_x = nullptr, *centre_y = nullptr;  // in grid units, one an anchor
  float* out = nullptr;                                  // channel 0 of this level's anchors
  int64_t out_step = 0;                                  // elements between two channels of the output
  int64_t plane = 0, block = 1;
  int64_t reg_max = 16, class_count = 0;
  float stride = 0;
  bool xyxy = false;
  int64_t begin = 0, end = 0;  // anchors
};

using DecodeFunction = void (*)(const DecodeWork& work);
extern const DecodeFunction kDecodeBaseline;
#if defined(__x86_64__)
extern const DecodeFunction kDecodeAvx2, kDecodeAvx512;
#endif

// What every kernel of DecodeBoxes asks of its problem; empty when all is well. Layouts are not looked at.
std::string check_decode(const Problem& problem);
// The most bins a distance may have.
inline constexpr int64_t kMaxRegMax = 256;

}  // namespace hone
