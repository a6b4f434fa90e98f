// Loops over strided operands, put in the order of memory and merged where they can be.
#pragma once

#include <utility>

#include "kernels/index_walk.h"

namespace hone {

// `shape` with N operands; operand 0 is the one that is written. After merge() axes of extent 1 are gone,
// operand 0's distances fall from the outermost axis to the innermost, and neighbours that all operands walk
// alike are one axis.
template <size_t N>
struct StridedLoop {
  Extents shape;
  std::array<Dims, N> stride{};

  size_t rank() const { return shape.size(); }
  void add_axis(int64_t extent, const std::array<int64_t, N>& strides) {
    for (size_t k = 0; k < N; ++k) stride[k][shape.size()] = strides[k];
    shape.push_back(extent);
  }

  void merge() {
    sort();
    StridedLoop merged;
    for (size_t i = 0; i < rank(); ++i) {
      if (shape[i] == 1) continue;
      if (merged.rank() > 0 && merged.takes(*this, i)) {
        const size_t last = merged.rank() - 1;
        merged.shape[last] *= shape[i];
        for (size_t k = 0; k < N; ++k) merged.stride[k][last] = stride[k][i];
        continue;
      }
      std::array<int64_t, N> strides;
      for (size_t k = 0; k < N; ++k) strides[k] = stride[k][i];
      merged.add_axis(shape[i], strides);
    }
    *this = merged;
  }

  // Offsets of the index that is `linear` in row-major order of the first `axes` axes.
  std::array<int64_t, N> offsets(int64_t linear, size_t axes) {
    std::array<int64_t, N> at{};
    for (size_t i = axes; i-- > 0;) {
      const int64_t index = linear % shape[i];
      linear /= shape[i];
      for (size_t k = 0; k < N; ++k) at[k] += index * stride[k][i];
    }
    return at;
  }
  int64_t count(size_t axes) { return product(std::span<const int64_t>(shape).first(axes)); }

 private:
  // Insertion sort: stable, in place, a handful of axes.
  void sort() {
    for (size_t i = 1; i < rank(); ++i)
      for (size_t j = i; j > 0 && stride[0][j] > stride[0][j - 1]; --j) {
        std::swap(shape[j], shape[j - 1]);
        for (size_t k = 0; k < N; ++k) std::swap(stride[k][j], stride[k][j - 1]);
      }
  }
  bool takes(StridedLoop& other, size_t i) {
    const size_t last = rank() - 1;
    for (size_t k = 0; k < N; ++k)
      if (stride[k][last] != other.stride[k][i] * other.shape[i]) return false;
    return true;
  }
};

}  // namespace hone
