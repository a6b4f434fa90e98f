// Letterbox as the field defines it, pixel by pixel (OpenCV's fixed-point bilinear; Ultralytics' LetterBox).
#include <algorithm>
#include <cmath>

#include "base/float16.h"
#include "hone/preprocess.h"
#include "kernels/letterbox/letterbox_check.h"
#include "kernels/reference_kernel.h"

namespace hone {
namespace {

struct Tap {
  int first, second, first_weight, second_weight;
};

// Where output index i of a resize from `source` to `target` pixels reads, with 11-bit weights.
Tap tap(int i, int source, int target, bool horizontal) {
  const double scale = 1.0 / (static_cast<double>(target) / source);
  // Kept in a volatile, so that no machine fuses the product and the difference.
  const volatile double product = (i + 0.5) * scale;
  auto f = static_cast<float>(product - 0.5);
  int s = static_cast<int>(std::floor(f));
  f -= static_cast<float>(s);
  if (horizontal && s < 0) s = 0, f = 0;
  if (horizontal && s >= source - 1) s = source - 1, f = 0;
  return {.first = std::clamp(s, 0, source - 1),
          .second = std::clamp(s + 1, 0, source - 1),
          .first_weight = static_cast<int>(std::nearbyint((1.0f - f) * 2048.0f)),
          .second_weight = static_cast<int>(std::nearbyint(f * 2048.0f))};
}

int resized_pixel(const uint8_t* image, int image_width, const Tap& ty, const Tap& tx, int colour) {
  const auto pixel = [&](int y, int x) {
    return int{image[(static_cast<ptrdiff_t>(y) * image_width + x) * 3 + colour]};
  };
  const auto across = [&](int y) {
    return pixel(y, tx.first) * tx.first_weight + pixel(y, tx.second) * tx.second_weight;
  };
  const int upper = (ty.first_weight * (across(ty.first) >> 4)) >> 16;
  const int lower = (ty.second_weight * (across(ty.second) >> 4)) >> 16;
  return std::clamp((upper + lower + 2) >> 2, 0, 255);
}

void compute(const Op& any, const RunArgs& args) {
  const auto& op = std::get<Letterbox>(any);
  const Shape& in = args.inputs[0].desc->shape;
  const auto image_height = static_cast<int>(in[1]), image_width = static_cast<int>(in[2]);
  const LetterboxGeometry g = letterbox_geometry(image_height, image_width, letterbox_options(op)).value();
  for (int64_t n = 0; n < in[0]; ++n) {
    const auto* image = static_cast<const uint8_t*>(args.inputs[0].data) + n * args.inputs[0].image_stride;
    int64_t at = n * args.outputs[0].image_stride;
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < g.height; ++y) {
        const bool in_rows = y >= g.top && y < g.top + g.resized_height;
        const Tap ty = in_rows ? tap(y - g.top, image_height, g.resized_height, false) : Tap{};
        for (int x = 0; x < g.width; ++x, ++at) {
          auto value = static_cast<int>(op.pad_value);
          if (in_rows && x >= g.left && x < g.left + g.resized_width)
            value = resized_pixel(image, image_width, ty, tap(x - g.left, image_width, g.resized_width, true),
                                  op.bgr ? 2 - c : c);
          const float scaled = static_cast<float>(value) / 255.0f;
          if (op.to == DType::f32)
            static_cast<float*>(args.outputs[0].data)[at] = scaled;
          else
            static_cast<uint16_t*>(args.outputs[0].data)[at] = f32_to_f16(scaled);
        }
      }
  }
}

}  // namespace

const Kernel& letterbox_reference() {
  static const ReferenceKernel kernel("letterbox.reference", Letterbox::name, check_letterbox, compute);
  return kernel;
}

}  // namespace hone
