// One decoder a file format, and what they share. All of them take hostile bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hone/picture.h"

namespace hone {

using ByteSpan = std::span<const std::byte>;

Result<Picture> decode_jpeg(ByteSpan file);
Result<Picture> decode_png(ByteSpan file);
Result<Picture> decode_webp(ByteSpan file);
Result<Picture> decode_bmp(ByteSpan file);
Result<Picture> decode_tiff(ByteSpan file);

Result<std::string> encode_jpeg(const ImageView& picture, int quality);
Result<std::string> encode_png(const ImageView& picture);

// A picture of that size, black, or the reason why it is refused: no pixels, more than kMaxPictureBytes, or
// absurdly many for the file's size.
Result<Picture> make_picture(int64_t width, int64_t height, size_t file_bytes);

// EXIF's orientation (1 to 8; 1 where there is none) from a TIFF structure, with or without "Exif\0\0" before
// it.
int exif_orientation(ByteSpan exif);
// Turns the picture so that it is upright.
Picture upright(Picture picture, int orientation);

}  // namespace hone
