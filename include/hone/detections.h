// What a detector finds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

struct Detection {
  std::array<float, 4> box_xyxy_px = {};  // x1, y1, x2, y2 in pixels of the original picture
  float score = 0;
  int class_id = 0;
};

// One picture's detections, best score first.
struct Detections {
  int image_width_px = 0, image_height_px = 0;
  std::vector<Detection> boxes;
};

}  // namespace hone
