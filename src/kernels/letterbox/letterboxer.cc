// The public Letterboxer: tables, threads and scratch that live from picture to picture.
#include <fmt/format.h>

#include <optional>

#include "base/thread_pool.h"
#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/nv12.h"

namespace hone {

namespace {
constexpr int kPadValue = 114;
constexpr int kMaxImageSide = 1 << 20;
}  // namespace

Result<> check_image(const ImageView& image) {
  const bool nv12 = image.format == PixelFormat::nv12;
  const auto width = static_cast<size_t>(std::max(image.width, 0));
  if (!image.data || image.width < 1 || image.height < 1 || image.width > kMaxImageSide ||
      image.height > kMaxImageSide || image.row_bytes < (nv12 ? width : width * 3))
    return error(StatusCode::invalid_argument,
                 fmt::format("a picture of {}x{} pixels with rows of {} bytes is no {} picture", image.width,
                             image.height, image.row_bytes,
                             nv12                               ? "NV12"
                             : image.format == PixelFormat::rgb ? "RGB"
                                                                : "BGR"));
  if (const ImageView whole = with_chroma(image); nv12 && whole.chroma_row_bytes < (width + 1) / 2 * 2)
    return error(StatusCode::invalid_argument,
                 fmt::format("an NV12 picture {} pixels wide has rows of {} bytes of colour, wanted are {}",
                             image.width, whole.chroma_row_bytes, (width + 1) / 2 * 2));
  return {};
}

ImageView with_chroma(ImageView image) {
  if (image.format != PixelFormat::nv12) return image;
  if (image.chroma == nullptr)
    image.chroma = image.data + image.row_bytes * static_cast<size_t>(image.height);
  if (image.chroma_row_bytes == 0) image.chroma_row_bytes = image.row_bytes;
  return image;
}

Result<> check_geometry(const LetterboxGeometry& g) {
  if (g.resized_width < 1 || g.resized_height < 1 || g.left < 0 || g.top < 0 ||
      g.left + g.resized_width > g.width || g.top + g.resized_height > g.height)
    return error(StatusCode::invalid_argument,
                 fmt::format("a letterbox of {}x{} cannot hold {}x{} pixels at {}, {}", g.width, g.height,
                             g.resized_width, g.resized_height, g.left, g.top));
  return {};
}

struct Letterboxer::State {
  explicit State(size_t thread_count) : threads(thread_count) {}

  ImageView to_bgr(const ImageView& image);

  ThreadPool threads;
  std::optional<LetterboxTables> tables;
  int image_height = 0, image_width = 0;
  bool bgr = true;
  DType type = DType::f32;
  std::vector<std::byte> scratch;
  std::vector<uint8_t> converted;  // an NV12 picture as BGR
};

ImageView Letterboxer::State::to_bgr(const ImageView& image) {
  const ImageView source = with_chroma(image);
  const size_t row_bytes = static_cast<size_t>(image.width) * 3;
  converted.resize(row_bytes * static_cast<size_t>(image.height));
  threads.run_ranges(static_cast<size_t>(image.height), [&](size_t begin, size_t end) {
    for (size_t y = begin; y < end; ++y)
      nv12_row(source.data + y * source.row_bytes, source.chroma + y / 2 * source.chroma_row_bytes,
               source.width, converted.data() + y * row_bytes);
  });
  return {converted.data(), image.width, image.height, row_bytes};
}

Letterboxer::Letterboxer(size_t thread_count) : state_(std::make_unique<State>(thread_count)) {}
Letterboxer::~Letterboxer() = default;

Result<> Letterboxer::run(const ImageView& image, const LetterboxGeometry& g, DType type, void* target) {
  HONE_TRY(check_image(image));
  if (type != DType::f32 && type != DType::f16)
    return error(StatusCode::unsupported,
                 fmt::format("letterbox gives f32 or f16, not {}", dtype_name(type)));
  HONE_TRY(check_geometry(g));
  State& s = *state_;
  const bool bgr = image.format != PixelFormat::rgb;
  if (!s.tables || s.bgr != bgr || s.image_height != image.height || s.image_width != image.width ||
      s.type != type || s.tables->geometry() != g) {
    s.tables.emplace(image.height, image.width, g, bgr, kPadValue, type);
    s.bgr = bgr, s.image_height = image.height, s.image_width = image.width, s.type = type;
    s.scratch.resize(s.tables->scratch_bytes() * s.threads.thread_count());
  }
  const ImageView pixels = image.format == PixelFormat::nv12 ? s.to_bgr(image) : image;
  const size_t parts = s.threads.thread_count();
  s.threads.run(parts, [&](size_t part) {
    const auto rows = static_cast<size_t>(g.height);
    s.tables->run(pixels.data, pixels.row_bytes, target, static_cast<int>(part * rows / parts),
                  static_cast<int>((part + 1) * rows / parts),
                  s.scratch.data() + part * s.tables->scratch_bytes());
  });
  return {};
}

}  // namespace hone
