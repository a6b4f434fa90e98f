// Axes and slices as ONNX writes them: negative numbers count from the end, ends are clamped.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hone/types.h"

namespace hone {

// axis in [-rank, rank) as an index, or an error.
Result<size_t> resolve_axis(int64_t axis, size_t rank);
// Every axis once; the order is kept.
Result<std::vector<size_t>> resolve_axes(std::span<const int64_t> axes, size_t rank);

// What a Slice takes of one axis: count elements from start on, every step-th.
struct AxisSlice {
  int64_t start = 0, step = 1, count = 0;
  bool whole(int64_t extent) const { return start == 0 && step == 1 && count == extent; }
};
// One for each axis of the shape. Empty `axes`: 0, 1, …; empty `steps`: ones.
Result<std::vector<AxisSlice>> resolve_slices(std::span<const int64_t> shape, std::span<const int64_t> starts,
                                              std::span<const int64_t> ends, std::span<const int64_t> axes,
                                              std::span<const int64_t> steps);

}  // namespace hone
