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

// How a picture's bytes are to be read. bgr, rgb: three bytes a pixel. nv12: a plane of brightness, a byte a
// pixel, and one of colour, a pair of bytes (U, V) for two by two pixels; BT.601, limited range, as cameras
// and video decoders give it and OpenCV's cvtColor reads it.
enum class PixelFormat : uint8_t { bgr, rgb, nv12 };

// 8-bit picture that somebody else owns: height rows of row_bytes bytes, each width pixels of the format.
struct ImageView {
  const uint8_t* data = nullptr;
  int width = 0, height = 0;
  size_t row_bytes = 0;
  PixelFormat format = PixelFormat::bgr;
  // NV12: (height + 1) / 2 rows of (width + 1) / 2 pairs. null: they follow the rows of `data`; 0: row_bytes.
  const uint8_t* chroma = nullptr;
  size_t chroma_row_bytes = 0;
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

// BGR as JPEG (.jpg, .jpeg; quality 1 to 100) or PNG (.png), by the path's ending. The file appears whole or
// not at all.
Result<> write_picture(const std::filesystem::path& path, const ImageView& picture, int jpeg_quality = 95);

}  // namespace hone
