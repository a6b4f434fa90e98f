// Walking over the indices of tensors of any rank.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/reference_kernel.h"

namespace hone {

using Dims = std::array<int64_t, kMaxRank>;

// A shape that is made while a kernel runs, and so must not allocate.
class Extents {
 public:
  void push_back(int64_t extent) { extents_[rank_++] = extent; }
  size_t size() const { return rank_; }
  int64_t& operator[](size_t i) { return extents_[i]; }
  operator std::span<const int64_t>() const { return std::span(extents_).first(rank_); }

 private:
  Dims extents_{};
  size_t rank_ = 0;
};

// Row-major distances in elements.
inline Dims dense_strides(std::span<const int64_t> shape) {
  Dims strides{};
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) strides[i] = step, step *= shape[i];
  return strides;
}

// Distances with which `shape` is read while it is broadcast to `wider` (ONNX multidirectional: aligned at
// the end).
inline Dims broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> wider) {
  const Dims own = dense_strides(shape);
  Dims strides{};
  const size_t missing = wider.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) strides[missing + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}

inline int64_t product(std::span<const int64_t> extents) {
  int64_t count = 1;
  for (int64_t d : extents) count *= d;
  return count;
}

// Calls f(at, offsets) for every index of `shape` in row-major order; offsets[k] is the index's place in
// operand k.
template <size_t N, class F>
void walk(std::span<const int64_t> shape, const std::array<Dims, N>& strides, F&& f) {
  for (int64_t d : shape)
    if (d <= 0) return;
  Dims at{};
  std::array<int64_t, N> offsets{};
  while (true) {
    f(at, offsets);
    size_t axis = shape.size();
    while (true) {
      if (axis == 0) return;
      --axis;
      if (++at[axis] < shape[axis]) {
        for (size_t k = 0; k < N; ++k) offsets[k] += strides[k][axis];
        break;
      }
      for (size_t k = 0; k < N; ++k) offsets[k] -= strides[k][axis] * (shape[axis] - 1);
      at[axis] = 0;
    }
  }
}

// -1 is the last axis; the result is in [0, rank) or rank when the axis does not exist.
inline size_t normal_axis(int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < 0) axis += r;
  return axis < 0 || axis >= r ? rank : static_cast<size_t>(axis);
}

}  // namespace hone
