// ONNX's numbers for element types (TensorProto.DataType).
#pragma once

#include <cstdint>
#include <string>

#include "hone/types.h"

namespace hone {

// An error names the types that hone does not have: complex numbers, strings, the FNUZ forms of f8, f4, …
Result<DType> dtype_of_onnx(int32_t type);
int32_t onnx_of_dtype(DType type);

}  // namespace hone
