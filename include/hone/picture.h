// 8-bit pictures: views, reading, drawing, writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "hone/detections.h"
#include "hone/status.h"

namespace hone {

// 8-bit picture that somebody else owns: height rows of row_bytes bytes, each width * 3 bytes BGR.
struct ImageView {
  const uint8_t* data = nullptr;
  int width = 0, height = 0;
  size_t row_bytes = 0;
};

// The same, owned, rows dense.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> bgr;
  ImageView view() const { return {bgr.data(), width, height, static_cast<size_t>(width) * 3}; }
};

// Decoded pictures larger than this are refused, as are files that claim absurdly many pixels for their size.
inline constexpr size_t kMaxPictureBytes = size_t{1} << 30;

// JPEG, PNG, WebP, BMP or TIFF, told by content. Pixels are those of OpenCV's imdecode(IMREAD_COLOR): EXIF
// orientation applied, alpha dropped, 16 bits cut to the high byte, truncated files refused. A JPEG with
// damaged data that can still be read is, with a warning in the log. Thread safe.
Result<Picture> decode_picture(std::span<const std::byte> bytes);
Result<Picture> read_picture(const std::filesystem::path& path);

// Boxes, class names and scores on the picture, a colour per class; a class without a name shows its number.
// line_width_px 0: by the picture's size.
void draw_detections(Picture& picture, const Detections& detections, std::span<const std::string> class_names,
                     int line_width_px = 0);

// JPEG (.jpg, .jpeg; quality 1 to 100) or PNG (.png), by the path's ending. The file appears whole or not at
// all.
Result<> write_picture(const std::filesystem::path& path, const ImageView& picture, int jpeg_quality = 95);

}  // namespace hone
