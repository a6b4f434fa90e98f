// The public Letterboxer: tables, threads and scratch that live from picture to picture.
#include <fmt/format.h>

#include <optional>

#include "base/thread_pool.h"
#include "kernels/letterbox/letterbox.h"

namespace hone {

namespace {
constexpr int kPadValue = 114;
}

struct Letterboxer::State {
  explicit State(size_t thread_count) : threads(thread_count) {}

  ThreadPool threads;
  std::optional<LetterboxTables> tables;
  int image_height = 0, image_width = 0;
  DType type = DType::f32;
  std::vector<std::byte> scratch;
};

Letterboxer::Letterboxer(size_t thread_count) : state_(std::make_unique<State>(thread_count)) {}
Letterboxer::~Letterboxer() = default;

Result<> Letterboxer::run(const ImageView& image, const LetterboxGeometry& g, DType type, void* target) {
  if (!image.data || image.width < 1 || image.height < 1 ||
      image.row_bytes < static_cast<size_t>(image.width) * 3)
    return error(StatusCode::invalid_argument,
                 fmt::format("a picture of {}x{} pixels with rows of {} bytes is no BGR picture", image.width,
                             image.height, image.row_bytes));
  if (type != DType::f32 && type != DType::f16)
    return error(StatusCode::unsupported,
                 fmt::format("letterbox gives f32 or f16, not {}", dtype_name(type)));
  if (g.resized_width < 1 || g.resized_height < 1 || g.left < 0 || g.top < 0 ||
      g.left + g.resized_width > g.width || g.top + g.resized_height > g.height)
    return error(StatusCode::invalid_argument,
                 fmt::format("a letterbox of {}x{} cannot hold {}x{} pixels at {}, {}", g.width, g.height,
                             g.resized_width, g.resized_height, g.left, g.top));
  State& s = *state_;
  if (!s.tables || s.image_height != image.height || s.image_width != image.width || s.type != type ||
      s.tables->geometry() != g) {
    s.tables.emplace(image.height, image.width, g, true, kPadValue, type);
    s.image_height = image.height, s.image_width = image.width, s.type = type;
    s.scratch.resize(s.tables->scratch_bytes() * s.threads.thread_count());
  }
  const size_t parts = s.threads.thread_count();
  s.threads.run(parts, [&](size_t part) {
    const auto rows = static_cast<size_t>(g.height);
    s.tables->run(image.data, image.row_bytes, target, static_cast<int>(part * rows / parts),
                  static_cast<int>((part + 1) * rows / parts),
                  s.scratch.data() + part * s.tables->scratch_bytes());
  });
  return {};
}

}  // namespace hone
