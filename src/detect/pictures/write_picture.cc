#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "detect/pictures/formats.h"

namespace hone {

Result<> write_picture(const std::filesystem::path& path, const ImageView& picture, int jpeg_quality) {
  if (!picture.data || picture.width < 1 || picture.height < 1 ||
      picture.row_bytes < static_cast<size_t>(picture.width) * 3)
    return error(StatusCode::invalid_argument,
                 fmt::format("{}: {} x {} pixels in rows of {} bytes are no picture", path.string(),
                             picture.width, picture.height, picture.row_bytes));
  if (picture.format != PixelFormat::bgr)
    return error(StatusCode::unsupported, fmt::format("{}: only BGR pictures are written", path.string()));
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool jpeg = ending == ".jpg" || ending == ".jpeg";
  if (!jpeg && ending != ".png")
    return error(StatusCode::unsupported,
                 fmt::format("{}: pictures are written as .jpg, .jpeg or .png", path.string()));
  auto encoded = jpeg ? encode_jpeg(picture, std::clamp(jpeg_quality, 1, 100)) : encode_png(picture);
  if (!encoded) return error_in(path.string(), encoded);
  return write_file(path, *encoded);
}

}  // namespace hone
