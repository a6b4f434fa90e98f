#include "detect/results.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>

#include "base/python_literal.h"

namespace hone {
namespace {

// JSON has no NaN and no infinity.
float finite(float x) { return std::isfinite(x) ? x : 0.0f; }

}  // namespace

std::string class_name(int class_id, std::span<const std::string> class_names) {
  if (class_id >= 0 && static_cast<size_t>(class_id) < class_names.size())
    return class_names[static_cast<size_t>(class_id)];
  return std::to_string(class_id);
}

std::string results_json(std::span<const PictureResult> results, std::span<const std::string> class_names) {
  std::string text = "[";
  auto out = std::back_inserter(text);
  for (const PictureResult& r : results) {
    fmt::format_to(out, "{}\n  {{\"image\": {}, \"width\": {}, \"height\": {}, \"boxes\": [",
                   &r == results.data() ? "" : ",", json_string(r.image), r.detections.image_width_px,
                   r.detections.image_height_px);
    for (const Detection& d : r.detections.boxes) {
      const auto& b = d.box_xyxy_px;
      fmt::format_to(out,
                     "{}\n    {{\"class_id\": {}, \"class\": {}, \"score\": {:.6f}, \"xyxy\": [{:.3f}, "
                     "{:.3f}, {:.3f}, {:.3f}]}}",
                     &d == r.detections.boxes.data() ? "" : ",", d.class_id,
                     json_string(class_name(d.class_id, class_names)), finite(d.score), finite(b[0]),
                     finite(b[1]), finite(b[2]), finite(b[3]));
    }
    text += "]}";
  }
  text += "\n]\n";
  return text;
}

std::string summary(const Detections& detections, std::span<const std::string> class_names, int input_height,
                    int input_width) {
  std::string text = fmt::format("{}x{} ", input_height, input_width);
  std::map<int, int> counts;
  for (const Detection& d : detections.boxes) ++counts[d.class_id];
  if (counts.empty()) text += "(no detections), ";
  for (const auto& [id, count] : counts)
    text += fmt::format("{} {}{}, ", count, class_name(id, class_names), count > 1 ? "s" : "");
  return text;
}

std::string progress_line(size_t index, size_t count, const std::filesystem::path& image,
                          const Detections& detections, std::span<const std::string> class_names,
                          const Shape& input_shape, double inference_ms) {
  const auto extent = [&](size_t from_end) {
    return input_shape.size() < from_end ? 0 : static_cast<int>(input_shape[input_shape.size() - from_end]);
  };
  return fmt::format("image {}/{} {}: {}{:.1f}ms", index + 1, count, image.string(),
                     summary(detections, class_names, extent(2), extent(1)), inference_ms);
}

}  // namespace hone
