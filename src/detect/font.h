// One embedded typeface, DejaVu Sans, so that names can be written on a machine without fonts.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hone {

// Coverage (0 to 255) of a line of text, rows of `width` bytes. The baseline lies `ascent` rows below the
// top.
struct TextMask {
  int width = 0, height = 0, ascent = 0;
  std::vector<uint8_t> coverage;
};
// UTF-8; bytes that are none are shown as U+FFFD, of long texts the first 200 characters. Thread safe.
TextMask draw_text(std::string_view utf8, float height_px);

}  // namespace hone
