#include <fmt/format.h>

#include <cstring>

#include "base/file.h"
#include "detect/pictures/formats.h"

namespace hone {
namespace {

// A picture of more pixels than the first number must spend at least a byte on as many as the second: what
// compresses better is a bomb, or blank.
constexpr int64_t kLargePixels = int64_t{1} << 26, kMaxPixelsPerByte = 10000;

bool starts_with(ByteSpan bytes, std::string_view text, size_t at = 0) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

}  // namespace

Result<Picture> make_picture(int64_t width, int64_t height, size_t file_bytes) {
  if (width < 1 || height < 1)
    return error(StatusCode::invalid_file,
                 fmt::format("has {} x {} pixels, which is no picture", width, height));
  const auto limit = static_cast<int64_t>(kMaxPictureBytes / 3);
  if (width > limit || height > limit || width * height > limit)
    return error(StatusCode::resource,
                 fmt::format("has {} x {} pixels, which is more than the limit of {} million", width, height,
                             limit / 1000000));
  if (width * height > kLargePixels && width * height / kMaxPixelsPerByte > static_cast<int64_t>(file_bytes))
    return error(
        StatusCode::invalid_file,
        fmt::format("claims {} x {} pixels in {} bytes, which is not believed", width, height, file_bytes));
  Picture picture{.width = static_cast<int>(width), .height = static_cast<int>(height), .bgr = {}};
  picture.bgr.resize(static_cast<size_t>(width * height) * 3);
  return picture;
}

Result<Picture> decode_picture(std::span<const std::byte> bytes) {
  if (starts_with(bytes, "\xff\xd8\xff")) return decode_jpeg(bytes);
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n")) return decode_png(bytes);
  if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) return decode_webp(bytes);
  if (starts_with(bytes, "BM")) return decode_bmp(bytes);
  using std::string_view_literals::operator""sv;
  if (starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv)) return decode_tiff(bytes);
  return error(StatusCode::unsupported,
               bytes.empty() ? "is empty" : "is no JPEG, PNG, WebP, BMP or TIFF picture");
}

Result<Picture> read_picture(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  auto picture = decode_picture(file->bytes());
  if (!picture) return error(picture.error().code, path.string() + " " + picture.error().message);
  return picture;
}

}  // namespace hone
