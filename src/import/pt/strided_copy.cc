#include "import/pt/strided_copy.h"

#include <cstring>

namespace hone {

bool is_dense(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t wanted = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != wanted) return false;
    wanted *= shape[i];
  }
  return true;
}

std::vector<std::byte> copy_strided(std::span<const std::byte> from, std::span<const int64_t> shape,
                                    std::span<const int64_t> strides, size_t element_bytes) {
  size_t count = 1;
  for (int64_t extent : shape) count *= static_cast<size_t>(extent);
  std::vector<std::byte> out(count * element_bytes);
  std::vector<int64_t> index(shape.size(), 0);
  int64_t at = 0;  // element of `from` that `index` names
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(out.data() + i * element_bytes, from.data() + static_cast<size_t>(at) * element_bytes,
                element_bytes);
    for (size_t axis = shape.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace hone
