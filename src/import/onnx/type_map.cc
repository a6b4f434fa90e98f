#include "import/onnx/type_map.h"

#include <array>

namespace hone {
namespace {

struct Row {
  DType type;
  int32_t number;
};
constexpr std::array<Row, 17> kTypes = {{
    {DType::f32, 1},
    {DType::u8, 2},
    {DType::i8, 3},
    {DType::u16, 4},
    {DType::i16, 5},
    {DType::i32, 6},
    {DType::i64, 7},
    {DType::boolean, 9},
    {DType::f16, 10},
    {DType::f64, 11},
    {DType::u32, 12},
    {DType::u64, 13},
    {DType::bf16, 16},
    {DType::f8e4m3, 17},
    {DType::f8e5m2, 19},
    {DType::u4, 21},
    {DType::i4, 22},
}};

}  // namespace

Result<DType> dtype_of_onnx(int32_t type) {
  for (const Row& row : kTypes)
    if (row.number == type) return row.type;
  if (type == 8) return error(StatusCode::unsupported, "text elements are not supported");
  return error(StatusCode::unsupported, "ONNX element type " + std::to_string(type) + " is not supported");
}

int32_t onnx_of_dtype(DType type) {
  for (const Row& row : kTypes)
    if (row.type == type) return row.number;
  return 8;
}

}  // namespace hone
