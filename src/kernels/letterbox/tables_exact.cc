#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/cpu_features.h"
#include "base/float16.h"
#include "kernels/letterbox/letterbox.h"

namespace hone {

ResizeAxis resize_axis(int source, int target, ResizeDirection direction) {
  ResizeAxis axis;
  const auto count = static_cast<size_t>(target);
  axis.first.resize(count), axis.second.resize(count), axis.first_weight.resize(count),
      axis.second_weight.resize(count);
  // OpenCV computes the scale as the inverse of an inverse; the last bit matters.
  const double scale = 1.0 / (static_cast<double>(target) / source);
  for (size_t i = 0; i < count; ++i) {
    auto f = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
    const float floored = std::floor(f);
    auto s = static_cast<int>(floored);
    f -= floored;
    if (direction == ResizeDirection::horizontal) {
      if (s < 0) s = 0, f = 0;
      if (s >= source - 1) s = source - 1, f = 0;
    }
    axis.first[i] = std::clamp(s, 0, source - 1);
    axis.second[i] = std::clamp(s + 1, 0, source - 1);
    axis.first_weight[i] =
        static_cast<int16_t>(std::lrint((1.0f - f) * static_cast<float>(kResizeWeightOne)));
    axis.second_weight[i] = static_cast<int16_t>(std::lrint(f * static_cast<float>(kResizeWeightOne)));
  }
  return axis;
}

LetterboxTables::LetterboxTables(int image_height, int image_width, const LetterboxGeometry& geometry,
                                 bool bgr, int pad_value, DType type)
    : geometry_(geometry),
      bgr_(bgr),
      type_(type),
      horizontal_(resize_axis(image_width, geometry.resized_width, ResizeDirection::horizontal)),
      vertical_(resize_axis(image_height, geometry.resized_height, ResizeDirection::vertical)),
      pad_f32_(static_cast<float>(pad_value) / 255.0f),
      pad_f16_(f32_to_f16(pad_f32_)),
      rows_(&kLetterboxRowsBaseline) {
#if defined(__x86_64__)
  if (cpu_features().avx2_fma) rows_ = &kLetterboxRowsAvx2;
#endif
  const auto width = static_cast<size_t>(geometry.resized_width);
  weights_.resize(width * 8);
  for (size_t x = 0; x < width; ++x)
    for (size_t colour = 0; colour < 4; ++colour) {
      weights_[x * 8 + colour * 2] = horizontal_.first_weight[x];
      weights_[x * 8 + colour * 2 + 1] = horizontal_.second_weight[x];
    }
  while (wide_ < geometry.resized_width &&
         horizontal_.first[static_cast<size_t>(wide_)] * 3 + 8 <= image_width * 3)
    ++wide_;
  if (type == DType::f16)
    for (int value = 0; value < 256; ++value)
      f16_of_byte_.push_back(f32_to_f16(static_cast<float>(value) / 255.0f));
}

namespace {

size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

size_t LetterboxTables::scratch_bytes(const LetterboxGeometry& geometry) {
  const auto width = static_cast<size_t>(geometry.resized_width);
  return 2 * padded(width * 4 * sizeof(int16_t)) + 3 * padded(width);
}

void LetterboxTables::run(const uint8_t* image, size_t row_bytes, void* target, int begin, int end,
                          std::byte* scratch) const {
  if (type_ == DType::f16)
    run_as(image, row_bytes, static_cast<uint16_t*>(target), begin, end, scratch);
  else
    run_as(image, row_bytes, static_cast<float*>(target), begin, end, scratch);
}

void LetterboxTables::write(const uint8_t* source, float* target) const {
  rows_->normalise(source, geometry_.resized_width, target);
}

void LetterboxTables::write(const uint8_t* source, uint16_t* target) const {
  for (int x = 0; x < geometry_.resized_width; ++x) target[x] = f16_of_byte_[source[x]];
}

template <class T>
void LetterboxTables::run_as(const uint8_t* image, size_t row_bytes, T* target, int begin, int end,
                             std::byte* scratch) const {
  T pad;
  if constexpr (sizeof(T) == 2)
    pad = pad_f16_;
  else
    pad = pad_f32_;
  const LetterboxGeometry& g = geometry_;
  const auto plane_size = static_cast<ptrdiff_t>(g.height) * g.width;
  const size_t row_size = padded(static_cast<size_t>(g.resized_width) * 4 * sizeof(int16_t));
  const size_t plane_row = padded(static_cast<size_t>(g.resized_width));

  // The two newest horizontally resized rows, by their row in the picture: enlarging uses each several times.
  int16_t* cached[2] = {reinterpret_cast<int16_t*>(scratch), reinterpret_cast<int16_t*>(scratch + row_size)};
  int held[2] = {-1, -1};
  auto* bytes = reinterpret_cast<uint8_t*>(scratch + 2 * row_size);
  const auto resized = [&](int row, int keep) {
    for (size_t slot = 0; slot < 2; ++slot)
      if (held[slot] == row) return slot;
    const size_t slot = held[0] == keep ? 1 : 0;
    rows_->horizontal(image + static_cast<size_t>(row) * row_bytes, horizontal_.first.data(),
                      horizontal_.second.data(), weights_.data(), g.resized_width, wide_, cached[slot]);
    held[slot] = row;
    return slot;
  };

  for (int y = begin; y < end; ++y) {
    T* rows[3];
    for (int c = 0; c < 3; ++c) rows[c] = target + c * plane_size + static_cast<ptrdiff_t>(y) * g.width;
    const int in_picture = y - g.top;
    if (in_picture < 0 || in_picture >= g.resized_height) {
      for (T* row : rows) std::fill_n(row, g.width, pad);
      continue;
    }
    const auto i = static_cast<size_t>(in_picture);
    const int first = vertical_.first[i], second = vertical_.second[i];
    const size_t upper = resized(first, second);
    const size_t lower = resized(second, first);
    rows_->vertical(cached[upper], cached[lower], vertical_.first_weight[i], vertical_.second_weight[i],
                    g.resized_width, bytes, bytes + plane_row, bytes + 2 * plane_row);
    for (int c = 0; c < 3; ++c) {
      T* row = rows[bgr_ ? 2 - c : c];
      std::fill_n(row, g.left, pad);
      write(bytes + static_cast<size_t>(c) * plane_row, row + g.left);
      std::fill(row + g.left + g.resized_width, row + g.width, pad);
    }
  }
}

}  // namespace hone
