// Detections as text: JSON for programs, a line for people.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "hone/detections.h"
#include "hone/types.h"

namespace hone {

struct PictureResult {
  std::string image;  // as it was named
  Detections detections;
};

// [{"image", "width", "height", "boxes": [{"class_id", "class", "score", "xyxy": [x1, y1, x2, y2]}]}], pixels
// of the original picture; three decimals for pixels, six for scores.
std::string results_json(std::span<const PictureResult> results, std::span<const std::string> class_names);

// Ultralytics' words: "640x480 4 persons, 1 bus, " or "640x480 (no detections), ". The size is the network
// input's.
std::string summary(const Detections& detections, std::span<const std::string> class_names, int input_height,
                    int input_width);

// "image 1/2 /path/bus.jpg: 640x480 4 persons, 1 bus, 83.9ms"
std::string progress_line(size_t index, size_t count, const std::filesystem::path& image,
                          const Detections& detections, std::span<const std::string> class_names,
                          const Shape& input_shape, double inference_ms);

// The class's name, or its number where it has none.
std::string class_name(int class_id, std::span<const std::string> class_names);

}  // namespace hone
