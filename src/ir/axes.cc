#include "ir/axes.h"

#include <algorithm>

namespace hone {

Result<size_t> resolve_axis(int64_t axis, size_t rank) {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank)
    return error(StatusCode::invalid_argument,
                 "axis " + std::to_string(axis) + " is not one of a tensor of rank " + std::to_string(rank));
  return static_cast<size_t>(axis < 0 ? axis + signed_rank : axis);
}

Result<std::vector<size_t>> resolve_axes(std::span<const int64_t> axes, size_t rank) {
  if (axes.size() > rank)
    return error(StatusCode::invalid_argument,
                 std::to_string(axes.size()) + " axes for a tensor of rank " + std::to_string(rank));
  std::vector<size_t> resolved;
  for (int64_t axis : axes) {
    HONE_ASSIGN(const size_t index, resolve_axis(axis, rank));
    if (std::find(resolved.begin(), resolved.end(), index) != resolved.end())
      return error(StatusCode::invalid_argument, "axis " + std::to_string(axis) + " is given twice");
    resolved.push_back(index);
  }
  return resolved;
}

namespace {

AxisSlice slice_axis(int64_t extent, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += extent;  // a negative number and an extent cannot overflow
  if (end < 0) end += extent;
  AxisSlice slice;
  slice.step = step;
  using Wide = __int128;
  if (step > 0) {
    slice.start = std::clamp<int64_t>(start, 0, extent);
    end = std::clamp<int64_t>(end, 0, extent);
    if (end > slice.start) slice.count = static_cast<int64_t>((Wide{end} - slice.start + step - 1) / step);
  } else {
    slice.start = std::clamp<int64_t>(start, 0, std::max<int64_t>(extent - 1, 0));
    end = std::clamp<int64_t>(end, -1, extent - 1);
    if (slice.start > end)
      slice.count = static_cast<int64_t>((Wide{slice.start} - end - step - 1) / -Wide{step});
  }
  if (extent == 0) slice.count = 0;
  return slice;
}

}  // namespace

Result<std::vector<AxisSlice>> resolve_slices(std::span<const int64_t> shape, std::span<const int64_t> starts,
                                              std::span<const int64_t> ends, std::span<const int64_t> axes,
                                              std::span<const int64_t> steps) {
  if (starts.size() != ends.size() || (!axes.empty() && axes.size() != starts.size()) ||
      (!steps.empty() && steps.size() != starts.size()))
    return error(StatusCode::invalid_argument,
                 "starts, ends, axes and steps have " + std::to_string(starts.size()) + ", " +
                     std::to_string(ends.size()) + ", " + std::to_string(axes.size()) + " and " +
                     std::to_string(steps.size()) + " elements instead of the same number");
  std::vector<int64_t> usual;
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) usual.push_back(static_cast<int64_t>(i));
    axes = usual;
  }
  HONE_ASSIGN(const std::vector<size_t> resolved, resolve_axes(axes, shape.size()));
  std::vector<AxisSlice> slices;
  for (int64_t extent : shape) slices.push_back({0, 1, extent});
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t step = steps.empty() ? 1 : steps[i];
    if (step == 0) return error(StatusCode::invalid_argument, "a step is 0");
    slices[resolved[i]] = slice_axis(shape[resolved[i]], starts[i], ends[i], step);
  }
  return slices;
}

}  // namespace hone
