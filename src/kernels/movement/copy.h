// The one engine behind everything that only moves elements.
#pragma once

#include "kernels/cpu_kernel.h"
#include "kernels/strided_loop.h"

namespace hone {

// target[t] = source[s] for every index of the loop, operand 0 the target, operand 1 the source, distances in
// elements of element_bytes (1, 2, 4 or 8). Rows that both have side by side are copied whole; transpositions
// go in 4x4 tiles.
void copy_strided(StridedLoop<2> loop, size_t element_bytes, void* target, const void* source,
                  ThreadPool& threads);

// The loop over all of `shape` with the two tensors' own distances.
StridedLoop<2> copy_loop(const Extents& shape, const Dims& target, const Dims& source);

inline void* element_address(const TensorArg& arg, int64_t offset) {
  return static_cast<std::byte*>(arg.data) + offset * static_cast<int64_t>(dtype_bits(arg.desc->type) / 8);
}

}  // namespace hone
