// Ultralytics' LetterBox, up to the pixels: sizes and places, in double, round half to even.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "hone/preprocess.h"

namespace hone {
namespace {

constexpr int64_t kMaxSide = 1 << 16;

int round_even(double x) { return static_cast<int>(std::nearbyint(x)); }

}  // namespace

Result<LetterboxGeometry> letterbox_geometry(int image_height, int image_width,
                                             const LetterboxOptions& options) {
  if (image_height < 1 || image_width < 1)
    return error(StatusCode::invalid_argument,
                 fmt::format("a picture of {}x{} pixels cannot be letterboxed", image_width, image_height));
  if (options.imgsz.size() != 2 ||
      std::ranges::any_of(options.imgsz, [](int64_t s) { return s < 1 || s > kMaxSide; }))
    return error(StatusCode::invalid_argument, "imgsz is " + shape_text(options.imgsz) +
                                                   ", wanted is height x width, each from 1 to 65536");
  const auto height = static_cast<int>(options.imgsz[0]), width = static_cast<int>(options.imgsz[1]);
  double ratio =
      std::min(static_cast<double>(height) / image_height, static_cast<double>(width) / image_width);
  if (!options.scale_up) ratio = std::min(ratio, 1.0);

  LetterboxGeometry g;
  g.resized_width = std::clamp(round_even(image_width * ratio), 1, width);
  g.resized_height = std::clamp(round_even(image_height * ratio), 1, height);
  int pad_x = width - g.resized_width, pad_y = height - g.resized_height;
  if (options.rect_stride > 0) pad_x %= options.rect_stride, pad_y %= options.rect_stride;
  g.width = g.resized_width + pad_x;
  g.height = g.resized_height + pad_y;
  if (options.centered) {
    // An odd pixel goes to the right or bottom.
    g.left = round_even(pad_x / 2.0 - 0.1);
    g.top = round_even(pad_y / 2.0 - 0.1);
  }
  return g;
}

void scale_boxes(std::span<Detection> boxes, int input_height, int input_width, int image_height,
                 int image_width) {
  // The pad is derived from the shapes, not taken from the letterbox: for some thin pictures the two differ,
  // and this is what the field computes.
  const double gain = std::min(static_cast<double>(input_height) / image_height,
                               static_cast<double>(input_width) / image_width);
  const int resized_height = std::max(round_even(image_height * gain), 1);
  const int resized_width = std::max(round_even(image_width * gain), 1);
  const auto gain_x = static_cast<float>(static_cast<double>(resized_width) / image_width);
  const auto gain_y = static_cast<float>(static_cast<double>(resized_height) / image_height);
  const auto pad_x = static_cast<float>(round_even((input_width - resized_width) / 2.0 - 0.1));
  const auto pad_y = static_cast<float>(round_even((input_height - resized_height) / 2.0 - 0.1));
  const auto width = static_cast<float>(image_width), height = static_cast<float>(image_height);
  for (Detection& d : boxes) {
    auto& box = d.box_xyxy_px;
    for (size_t i = 0; i < 4; i += 2) {
      box[i] = std::clamp((box[i] - pad_x) / gain_x, 0.0f, width);
      box[i + 1] = std::clamp((box[i + 1] - pad_y) / gain_y, 0.0f, height);
    }
  }
}

}  // namespace hone
