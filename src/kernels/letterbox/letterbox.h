// Letterbox in two parts: tables that depend on sizes alone, and rows computed with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hone/preprocess.h"

namespace hone {

// Sizes, rows and format of a picture that a letterbox may read; an error says what is wrong.
Result<> check_image(const ImageView& image);
// The picture with its chroma plane named, where it has one.
ImageView with_chroma(ImageView image);
// Places the resized picture inside the input; an error says what does not fit.
Result<> check_geometry(const LetterboxGeometry& geometry);

// OpenCV's bilinear weights have 11 bits.
inline constexpr int kResizeWeightOne = 2048;

// For each index of the resized axis: two source indices and their weights.
struct ResizeAxis {
  std::vector<int32_t> first, second;
  std::vector<int16_t> first_weight, second_weight;
};
// Horizontal axes clamp the weight at the borders, vertical ones the indices alone (OpenCV's imgproc/resize
// does so).
enum class ResizeDirection { horizontal, vertical };
ResizeAxis resize_axis(int source, int target, ResizeDirection direction);

// The row functions of one instruction set. Resized rows hold four int16 a pixel: three colours and a zero.
struct LetterboxRowFunctions {
  // target = (p0 * w0 + p1 * w1) >> 4 for each pixel. weights: w0, w1 four times a pixel. The first `wide`
  // pixels may read 8 bytes at 3 * first.
  void (*horizontal)(const uint8_t* source, const int32_t* first, const int32_t* second,
                     const int16_t* weights, int width, int wide, int16_t* target);
  // Mixes two resized rows and splits the colours in three planes of bytes.
  void (*vertical)(const int16_t* upper, const int16_t* lower, int16_t upper_weight, int16_t lower_weight,
                   int width, uint8_t* plane0, uint8_t* plane1, uint8_t* plane2);
  // target = source / 255.
  void (*normalise)(const uint8_t* source, int count, float* target);
};
extern const LetterboxRowFunctions kLetterboxRowsBaseline;
#if defined(__x86_64__)
extern const LetterboxRowFunctions kLetterboxRowsAvx2;
#endif

// Everything about a letterbox of one picture size into one geometry; immutable, shared by threads.
class LetterboxTables {
 public:
  LetterboxTables(int image_height, int image_width, const LetterboxGeometry& geometry, bool bgr,
                  int pad_value, DType type);

  // Scratch that one call of run() needs, 64-byte aligned.
  size_t scratch_bytes() const { return scratch_bytes(geometry_); }
  static size_t scratch_bytes(const LetterboxGeometry& geometry);
  // Rows [begin, end) of the input's three planes at `target`. `image` has rows of row_bytes bytes.
  void run(const uint8_t* image, size_t row_bytes, void* target, int begin, int end,
           std::byte* scratch) const;

  const LetterboxGeometry& geometry() const { return geometry_; }

 private:
  template <class T>
  void run_as(const uint8_t* image, size_t row_bytes, T* target, int begin, int end,
              std::byte* scratch) const;
  void write(const uint8_t* source, float* target) const;
  void write(const uint8_t* source, uint16_t* target) const;

  LetterboxGeometry geometry_;
  bool bgr_;
  DType type_;
  ResizeAxis horizontal_, vertical_;
  std::vector<int16_t> weights_;  // horizontal weights in the form of LetterboxRowFunctions
  int wide_ = 0;
  float pad_f32_;
  uint16_t pad_f16_;
  std::vector<uint16_t> f16_of_byte_;
  const LetterboxRowFunctions* rows_;
};

}  // namespace hone
