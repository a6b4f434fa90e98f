// Boxes and labels on pictures.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "detect/font.h"
#include "detect/results.h"
#include "hone/picture.h"

namespace hone {
namespace {

struct Colour {
  int blue, green, red;
};

// Eight hues, far apart for neighbouring classes; the next eight lie between them; then two other
// lightnesses.
Colour class_colour(int class_id) {
  const int id = std::max(class_id, 0) % 4096;
  const double hue = std::fmod(0.58 + 0.375 * id + 0.0625 * (id / 8), 1.0) * 6;
  constexpr std::array kLightness = {0.54, 0.42, 0.68};
  const double lightness = kLightness[static_cast<size_t>(id / 16) % 3], saturation = 0.92;
  const double chroma = (1 - std::abs(2 * lightness - 1)) * saturation, low = lightness - chroma / 2;
  const auto channel = [&](double shift) {
    const double k = std::fmod(hue + shift, 6.0);
    return static_cast<int>(std::lround(255 * (low + chroma * std::clamp(2 - std::abs(k - 3), 0.0, 1.0))));
  };
  return {.blue = channel(5), .green = channel(1), .red = channel(3)};
}

// Black or white, whichever reads better on the colour (ITU-R BT.601 luma).
Colour text_colour(const Colour& c) {
  return 299 * c.red + 587 * c.green + 114 * c.blue > 140'000 ? Colour{0, 0, 0} : Colour{255, 255, 255};
}

class Canvas {
 public:
  explicit Canvas(Picture& picture) : picture_(picture) {}
  int width() const { return picture_.width; }
  int height() const { return picture_.height; }

  void blend(int x, int y, const Colour& c, int coverage) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    uint8_t* p =
        &picture_.bgr[(static_cast<size_t>(y) * static_cast<size_t>(width()) + static_cast<size_t>(x)) * 3];
    const int value[3] = {c.blue, c.green, c.red};
    for (int i = 0; i < 3; ++i) p[i] = static_cast<uint8_t>(p[i] + (value[i] - p[i]) * coverage / 255);
  }
  // [x0, x1) x [y0, y1)
  void fill(int x0, int y0, int x1, int y1, const Colour& c) {
    x0 = std::max(x0, 0), y0 = std::max(y0, 0), x1 = std::min(x1, width()), y1 = std::min(y1, height());
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x) blend(x, y, c, 255);
  }
  void frame(int x0, int y0, int x1, int y1, int line, const Colour& c) {
    const int out = line / 2, in = line - out;
    fill(x0 - out, y0 - out, x1 + out, y0 + in, c);
    fill(x0 - out, y1 - in, x1 + out, y1 + out, c);
    fill(x0 - out, y0 + in, x0 + in, y1 - in, c);
    fill(x1 - in, y0 + in, x1 + out, y1 - in, c);
  }
  void text(int x0, int y0, const TextMask& mask, const Colour& c) {
    for (int y = 0; y < mask.height; ++y)
      for (int x = 0; x < mask.width; ++x)
        if (const int coverage = mask.coverage[static_cast<size_t>(y) * static_cast<size_t>(mask.width) +
                                               static_cast<size_t>(x)])
          blend(x0 + x, y0 + y, c, coverage);
  }

 private:
  Picture& picture_;
};

// Above the box, inside it where the picture ends there, never outside the picture's sides.
void draw_label(Canvas& canvas, int x, int y, int line, const std::string& label, const Colour& colour) {
  const TextMask mask = draw_text(label, std::max(12.0f, static_cast<float>(line) * 6.5f));
  const int margin = std::max(mask.height / 6, 2), out = line / 2;
  const int width = mask.width + 2 * margin, height = mask.height;
  int left = x - out, top = y - out - height;
  if (top < 0) top = std::max(y + line - out, 0);
  left = std::max(std::min(left, canvas.width() - width), 0);
  top = std::min(top, std::max(canvas.height() - height, 0));
  canvas.fill(left, top, left + width, top + height, colour);
  canvas.text(left + margin, top, mask, text_colour(colour));
}

int pixel(float position, int limit) {
  return std::isfinite(position)
             ? static_cast<int>(std::lround(std::clamp(position, 0.0f, static_cast<float>(limit))))
             : 0;
}

}  // namespace

void draw_detections(Picture& picture, const Detections& detections, std::span<const std::string> class_names,
                     int line_width_px) {
  Canvas canvas(picture);
  const int line =
      line_width_px > 0
          ? std::min(line_width_px, 200)
          : std::max(static_cast<int>(std::lround((picture.width + picture.height) * 0.0015)), 2);
  // The best score is drawn last, on top.
  for (auto d = detections.boxes.rbegin(); d != detections.boxes.rend(); ++d) {
    const Colour colour = class_colour(d->class_id);
    const auto& b = d->box_xyxy_px;
    const int x0 = pixel(b[0], picture.width), y0 = pixel(b[1], picture.height);
    canvas.frame(x0, y0, pixel(b[2], picture.width), pixel(b[3], picture.height), line, colour);
  }
  for (auto d = detections.boxes.rbegin(); d != detections.boxes.rend(); ++d)
    draw_label(canvas, pixel(d->box_xyxy_px[0], picture.width), pixel(d->box_xyxy_px[1], picture.height),
               line, fmt::format("{} {:.2f}", class_name(d->class_id, class_names), d->score),
               class_colour(d->class_id));
}

}  // namespace hone
