// Tensors that do not lie dense: transposed views, channels-last weights, expanded ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hone {

// Row major without gaps; the stride of an extent of one does not matter.
bool is_dense(std::span<const int64_t> shape, std::span<const int64_t> strides);
// The elements in row-major order. Strides count elements and stay inside `from`; no extent is 0.
std::vector<std::byte> copy_strided(std::span<const std::byte> from, std::span<const int64_t> shape,
                                    std::span<const int64_t> strides, size_t element_bytes);

}  // namespace hone
