// EXIF's orientation tag (CIPA DC-008, 4.6.4: tag 0x0112 of the first directory of a TIFF structure).
#include <cstring>

#include "detect/pictures/formats.h"

namespace hone {
namespace {

constexpr uint32_t kOrientationTag = 0x0112, kShortType = 3;

// Integers of a TIFF structure; 0 beyond its end.
class TiffBytes {
 public:
  TiffBytes(ByteSpan bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}
  uint32_t read(size_t at, size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i)
      value |= std::to_integer<uint32_t>(bytes_[at + i]) << 8 * (big_endian_ ? size - 1 - i : i);
    return value;
  }

 private:
  ByteSpan bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(ByteSpan exif) {
  if (exif.size() >= 6 && std::memcmp(exif.data(), "Exif\0\0", 6) == 0) exif = exif.subspan(6);
  if (exif.size() < 8) return 1;
  const bool big_endian = exif[0] == std::byte{'M'};
  const TiffBytes tiff(exif, big_endian);
  if (exif[0] != exif[1] || (!big_endian && exif[0] != std::byte{'I'}) || tiff.read(2, 2) != 42) return 1;
  const size_t directory = tiff.read(4, 4);
  const uint32_t entries = tiff.read(directory, 2);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (tiff.read(entry, 2) != kOrientationTag) continue;
    const uint32_t value = tiff.read(entry + 8, 2);
    return tiff.read(entry + 2, 2) == kShortType && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture upright(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  // Bits of each of the eight: the axes are swapped, then x, then y runs backwards.
  const bool swapped = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  Picture turned{.width = swapped ? picture.height : picture.width,
                 .height = swapped ? picture.width : picture.height,
                 .bgr = {}};
  turned.bgr.resize(picture.bgr.size());
  uint8_t* to = turned.bgr.data();
  for (int y = 0; y < turned.height; ++y)
    for (int x = 0; x < turned.width; ++x, to += 3) {
      const int u = flip_x ? turned.width - 1 - x : x, v = flip_y ? turned.height - 1 - y : y;
      const auto from = static_cast<size_t>(swapped ? u : v) * static_cast<size_t>(picture.width) +
                        static_cast<size_t>(swapped ? v : u);
      std::memcpy(to, &picture.bgr[from * 3], 3);
    }
  return turned;
}

}  // namespace hone
