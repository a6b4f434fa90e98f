// What a value is: element type, extents, memory layout, quantization.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/types.h"

namespace hone {

// How the elements of a value lie in memory. Everything but `plain` is chosen by the plan, for rank-4 values
// alone.
enum class Layout : uint8_t {
  plain = 0,    // row major, in the order of the shape (NCHW for pictures)
  nhwc = 1,     // channels innermost
  nchw8c = 2,   // blocks of 8 channels innermost: [N][C/8][H][W][8]; channels are padded with zeros to a
                // multiple of 8
  nchw16c = 3,  // the same with 16
};
std::string_view layout_name(Layout layout);
// 8, 16, or 1 for the others.
int64_t channel_block(Layout layout);
// Bytes of a dense value in its layout, padding included.
Result<size_t> layout_bytes(DType type, std::span<const int64_t> shape, Layout layout);

// value = (q - zero_point) * scale; one scale a tensor (axis -1) or one for each extent along axis.
struct Quantization {
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  int64_t axis = -1;
  bool operator==(const Quantization&) const = default;
};

struct TensorDesc {
  DType type = DType::f32;
  Shape shape;  // -1 where an extent is unknown; meaningless while !has_shape
  bool has_shape = false;
  Layout layout = Layout::plain;
  std::optional<Quantization> quantization;

  TensorDesc() = default;
  TensorDesc(DType t, Shape s) : type(t), shape(std::move(s)), has_shape(true) {}
  bool operator==(const TensorDesc&) const = default;
  bool concrete() const { return has_shape && is_concrete(shape); }
};
// "f32[1x3x640x640]", with the layout when it is not plain.
std::string desc_text(const TensorDesc& desc);

}  // namespace hone
