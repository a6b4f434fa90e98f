// Element types, shapes and views that the public API and every room share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hone/status.h"

namespace hone {

enum class DType : uint8_t {
  f32 = 0,
  f16 = 1,
  bf16 = 2,
  f64 = 3,
  i8 = 4,
  u8 = 5,
  i16 = 6,
  u16 = 7,
  i32 = 8,
  u32 = 9,
  i64 = 10,
  u64 = 11,
  boolean = 12,  // one byte, 0 or 1
  f8e4m3 = 13,
  f8e5m2 = 14,
  i4 = 15,
  u4 = 16,
  string = 17,  // kept in the graph, no kernel takes it
};

// "f32", "i64", "bool", …
std::string_view dtype_name(DType type);
Result<DType> parse_dtype(std::string_view name);
// Bits an element takes: 4 for i4 and u4. 0 for string.
size_t dtype_bits(DType type);
bool is_floating(DType type);
bool is_integer(DType type);  // boolean is neither

// Extents, outermost first; -1 is an extent that is not yet known. An empty shape is a scalar.
using Shape = std::vector<int64_t>;

inline constexpr int64_t kUnknownDim = -1;
// The largest number of elements and bytes that a tensor may have; a file that asks for more is refused.
inline constexpr int64_t kMaxElements = int64_t{1} << 40;

bool is_concrete(std::span<const int64_t> shape);
// Product of the extents, or an error when one is negative or the product passes kMaxElements.
Result<int64_t> element_count(std::span<const int64_t> shape);
// Bytes of a dense tensor, rounded up to whole bytes for 4-bit types.
Result<size_t> byte_count(DType type, std::span<const int64_t> shape);
// "1x3x640x640"; "?" for an unknown extent, "scalar" for rank 0.
std::string shape_text(std::span<const int64_t> shape);
// Reads "1x3x640x640".
Result<Shape> parse_shape(std::string_view text);

// A dense row-major tensor that somebody else owns.
struct ConstTensor {
  const void* data = nullptr;
  DType type = DType::f32;
  Shape shape;
};
struct MutableTensor {
  void* data = nullptr;
  DType type = DType::f32;
  Shape shape;
};

}  // namespace hone
