// NumPy's .npy files: one dense tensor each.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "hone/types.h"

namespace hone {

struct NpyArray {
  DType type = DType::f32;
  Shape shape;
  std::vector<std::byte> data;  // row major, little-endian
};

// Versions 1 to 3; Fortran order, big-endian and structured types are refused in words.
Result<NpyArray> read_npy(const std::filesystem::path& path);
Result<> write_npy(const std::filesystem::path& path, const ConstTensor& tensor);

}  // namespace hone
