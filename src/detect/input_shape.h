// Which input shape a batch of pictures gets.
#pragma once

#include "hone/detector.h"
#include "hone/preprocess.h"

namespace hone {

// What the engine's picture input allows: -1 where the extent is open, bounded by the profiles.
struct InputLimits {
  std::string name;
  Shape shape;                     // N, 3, height, width
  std::vector<ShapeRange> ranges;  // the profiles that speak of this input; empty: any shape
  bool open_size() const { return shape[2] < 0 && shape[3] < 0; }
  bool allows(const Shape& wanted) const;
  // How many pictures run together when `left` are left: enough for all (empty ones fill up), or as many as
  // can be. 0 where no profile takes pictures of that size.
  int64_t batch_for(int64_t left, int64_t height, int64_t width) const;
};

// The size to letterbox to: what was asked for, the model's own, the profile's favourite, or 640; rounded up
// to the stride (Ultralytics' check_imgsz). Extents that the engine fixes win; a size that nobody asked for
// is brought into the profile.
Shape base_size(const InputLimits& limits, const Shape& asked, const Shape& of_model, int stride);

// One geometry a picture, all with the same height and width. The minimal rectangle is used only where the
// engine's size is open, all pictures have one size, and the profiles take it.
Result<std::vector<LetterboxGeometry>> geometries(const InputLimits& limits,
                                                  std::span<const ImageView> images, const Shape& size,
                                                  bool rect, int stride);

}  // namespace hone
