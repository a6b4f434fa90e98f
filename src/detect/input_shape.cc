#include "detect/input_shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace hone {
namespace {

constexpr int64_t kDefaultSide = 640;

bool within(int64_t extent, const ShapeRange& range, size_t axis) {
  return extent >= range.min[axis] && extent <= range.max[axis];
}

}  // namespace

bool InputLimits::allows(const Shape& wanted) const {
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] >= 0 && shape[i] != wanted[i]) return false;
  return ranges.empty() || std::ranges::any_of(ranges, [&](const ShapeRange& range) {
           for (size_t i = 0; i < shape.size(); ++i)
             if (!within(wanted[i], range, i)) return false;
           return true;
         });
}

int64_t InputLimits::batch_for(int64_t left, int64_t height, int64_t width) const {
  if (shape[0] >= 0) return allows({shape[0], shape[1], height, width}) ? shape[0] : 0;
  if (ranges.empty()) return left;
  int64_t best = 0;
  for (const ShapeRange& range : ranges) {
    if (!within(height, range, 2) || !within(width, range, 3)) continue;
    const int64_t batch = std::clamp(left, range.min[0], range.max[0]);
    const bool enough = batch >= left, best_enough = best >= left;
    if (best == 0 || (enough != best_enough ? enough : enough ? batch < best : batch > best)) best = batch;
  }
  return best;
}

Shape base_size(const InputLimits& limits, const Shape& asked, const Shape& of_model, int stride) {
  Shape size = !asked.empty() ? asked : !of_model.empty() ? of_model : Shape{};
  if (size.empty() && !limits.ranges.empty()) size = {limits.ranges[0].opt[2], limits.ranges[0].opt[3]};
  if (size.empty()) size = {kDefaultSide, kDefaultSide};
  for (size_t i = 0; i < 2; ++i) {
    size[i] = (size[i] + stride - 1) / stride * stride;
    if (limits.shape[2 + i] >= 0) size[i] = limits.shape[2 + i];
  }
  // The model's own size may lie outside the profile (imgsz 1280 exported, an engine built up to 736x1280):
  // nobody asked for it, so the nearest size that the engine takes serves.
  if (asked.empty() && !limits.ranges.empty() && limits.batch_for(1, size[0], size[1]) == 0)
    for (size_t i = 0; i < 2; ++i)
      size[i] = std::clamp(size[i], limits.ranges[0].min[2 + i], limits.ranges[0].max[2 + i]);
  return size;
}

Result<std::vector<LetterboxGeometry>> geometries(const InputLimits& limits,
                                                  std::span<const ImageView> images, const Shape& size,
                                                  bool rect, int stride) {
  const auto same_size = [&](const ImageView& image) {
    return image.width == images[0].width && image.height == images[0].height;
  };
  if (rect && limits.open_size() && std::ranges::all_of(images, same_size)) {
    HONE_ASSIGN(const LetterboxGeometry g, letterbox_geometry(images[0].height, images[0].width,
                                                              {.imgsz = size, .rect_stride = stride}));
    if (limits.batch_for(1, g.height, g.width) > 0) return std::vector(images.size(), g);
  }
  std::vector<LetterboxGeometry> all;
  for (const ImageView& image : images) {
    HONE_ASSIGN(const LetterboxGeometry g, letterbox_geometry(image.height, image.width, {.imgsz = size}));
    all.push_back(g);
  }
  return all;
}

}  // namespace hone
