#include "detect/font.h"

#include <algorithm>
#include <cmath>

// stb_truetype (public domain) trusts its font; ours is our own.
#define STB_TRUETYPE_IMPLEMENTATION
#define STBTT_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

// The file's bytes, from the assembler, which copies them faster than a compiler reads an array.
asm(R"(
  .pushsection .rodata
  .balign 16
  .type hone_font_begin, %object
hone_font_begin:
  .incbin ")" HONE_FONT_FILE R"("
  .byte 0
  .size hone_font_begin, . - hone_font_begin
  .popsection
)");
extern "C" const unsigned char hone_font_begin[] __attribute__((visibility("hidden")));

namespace hone {
namespace {

constexpr size_t kMaxCharacters = 200;
constexpr int kReplacement = 0xfffd;

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo info = [] {
    stbtt_fontinfo f;
    stbtt_InitFont(&f, hone_font_begin, 0);
    return f;
  }();
  return info;
}

// The next character of a UTF-8 text, which loses it.
int next_character(std::string_view& text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  const size_t length = first < 0x80       ? 1
                        : first >> 5 == 6  ? 2
                        : first >> 4 == 14 ? 3
                        : first >> 3 == 30 ? 4
                                           : 0;
  unsigned code = length <= 1 ? first : first & (0x7fu >> length);
  bool valid = length > 0;
  for (size_t i = 1; i < length; ++i) {
    valid &= byte(i) >> 6 == 2;
    code = code << 6 | (byte(i) & 0x3f);
  }
  text.remove_prefix(valid ? length : 1);
  return valid && code >= 0x20 && code <= 0x10ffff ? static_cast<int>(code) : kReplacement;
}

std::vector<int> characters(std::string_view text) {
  std::vector<int> all;
  while (!text.empty() && all.size() < kMaxCharacters) all.push_back(next_character(text));
  return all;
}

}  // namespace

TextMask draw_text(std::string_view utf8, float height_px) {
  const stbtt_fontinfo& f = font();
  height_px = std::clamp(height_px, 4.0f, 400.0f);
  const float scale = stbtt_ScaleForPixelHeight(&f, height_px);
  int ascent = 0, descent = 0, gap = 0;
  stbtt_GetFontVMetrics(&f, &ascent, &descent, &gap);
  const std::vector<int> text = characters(utf8);

  float width = 0;
  std::vector<float> at;
  for (size_t i = 0; i < text.size(); ++i) {
    int advance = 0, bearing = 0;
    stbtt_GetCodepointHMetrics(&f, text[i], &advance, &bearing);
    at.push_back(width);
    width += scale * static_cast<float>(advance);
    if (i + 1 < text.size())
      width += scale * static_cast<float>(stbtt_GetCodepointKernAdvance(&f, text[i], text[i + 1]));
  }

  TextMask mask;
  mask.ascent = static_cast<int>(std::lround(static_cast<float>(ascent) * scale));
  mask.width = static_cast<int>(std::ceil(width));
  mask.height = mask.ascent + static_cast<int>(std::lround(static_cast<float>(-descent) * scale));
  mask.coverage.resize(static_cast<size_t>(mask.width) * static_cast<size_t>(mask.height));
  std::vector<uint8_t> glyph;
  for (size_t i = 0; i < text.size(); ++i) {
    const float whole = std::floor(at[i]);
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    stbtt_GetCodepointBitmapBoxSubpixel(&f, text[i], scale, scale, at[i] - whole, 0, &x0, &y0, &x1, &y1);
    const int w = x1 - x0, h = y1 - y0;
    if (w <= 0 || h <= 0) continue;
    glyph.assign(static_cast<size_t>(w) * static_cast<size_t>(h), 0);
    stbtt_MakeCodepointBitmapSubpixel(&f, glyph.data(), w, h, w, scale, scale, at[i] - whole, 0, text[i]);
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        const int to_x = static_cast<int>(whole) + x0 + x, to_y = mask.ascent + y0 + y;
        if (to_x < 0 || to_y < 0 || to_x >= mask.width || to_y >= mask.height) continue;
        uint8_t& cell = mask.coverage[static_cast<size_t>(to_y) * static_cast<size_t>(mask.width) +
                                      static_cast<size_t>(to_x)];
        cell =
            std::max(cell, glyph[static_cast<size_t>(y) * static_cast<size_t>(w) + static_cast<size_t>(x)]);
      }
  }
  return mask;
}

}  // namespace hone
