#include "hone/types.h"

#include <array>
#include <charconv>

namespace hone {
namespace {

struct TypeInfo {
  std::string_view name;
  uint8_t bits;
  char kind;  // f floating, i integer, b boolean, s string
};
constexpr std::array<TypeInfo, 18> kTypes = {{
    {"f32", 32, 'f'},
    {"f16", 16, 'f'},
    {"bf16", 16, 'f'},
    {"f64", 64, 'f'},
    {"i8", 8, 'i'},
    {"u8", 8, 'i'},
    {"i16", 16, 'i'},
    {"u16", 16, 'i'},
    {"i32", 32, 'i'},
    {"u32", 32, 'i'},
    {"i64", 64, 'i'},
    {"u64", 64, 'i'},
    {"bool", 8, 'b'},
    {"f8e4m3", 8, 'f'},
    {"f8e5m2", 8, 'f'},
    {"i4", 4, 'i'},
    {"u4", 4, 'i'},
    {"string", 0, 's'},
}};
const TypeInfo& info(DType type) { return kTypes[static_cast<size_t>(type) % kTypes.size()]; }

}  // namespace

std::string_view dtype_name(DType type) { return info(type).name; }
size_t dtype_bits(DType type) { return info(type).bits; }
bool is_floating(DType type) { return info(type).kind == 'f'; }
bool is_integer(DType type) { return info(type).kind == 'i'; }

Result<DType> parse_dtype(std::string_view name) {
  for (size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].name == name) return static_cast<DType>(i);
  return error(StatusCode::invalid_argument, "unknown element type '" + std::string(name) + "'");
}

bool is_concrete(std::span<const int64_t> shape) {
  for (int64_t d : shape)
    if (d < 0) return false;
  return true;
}

Result<int64_t> element_count(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t d : shape) {
    if (d < 0) return error(StatusCode::invalid_argument, "shape " + shape_text(shape) + " is not concrete");
    if (d == 0) {
      empty = true;
      continue;
    }
    if (count > kMaxElements / d)
      return error(StatusCode::resource, "a tensor of shape " + shape_text(shape) + " is too large");
    count *= d;
  }
  return empty ? 0 : count;
}

Result<size_t> byte_count(DType type, std::span<const int64_t> shape) {
  HONE_ASSIGN(const int64_t count, element_count(shape));
  return (static_cast<size_t>(count) * dtype_bits(type) + 7) / 8;
}

std::string shape_text(std::span<const int64_t> shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += 'x';
    text += shape[i] < 0 ? std::string("?") : std::to_string(shape[i]);
  }
  return text;
}

Result<Shape> parse_shape(std::string_view text) {
  Shape shape;
  const std::string whole(text);
  while (true) {
    int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || value < 0 || shape.size() >= 16)
      return error(StatusCode::invalid_argument, "'" + whole + "' is not a shape such as 1x3x640x640");
    shape.push_back(value);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return shape;
    if (text.front() != 'x')
      return error(StatusCode::invalid_argument, "'" + whole + "' is not a shape such as 1x3x640x640");
    text.remove_prefix(1);
  }
}

}  // namespace hone
