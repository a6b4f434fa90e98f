// The sliding window of convolutions and poolings, defaults filled in.
#pragma once

#include <algorithm>
#include <span>

#include "ir/op.h"
#include "kernels/index_walk.h"

namespace hone {

struct Window {
  size_t rank = 0;  // spatial axes
  Dims kernel{}, stride{}, dilation{}, pad_begin{}, pad_end{};
};

inline Window make_window(std::span<const int64_t> kernel, const Ints& strides, const Ints& pads,
                          const Ints& dilations) {
  Window w;
  w.rank = kernel.size();
  for (size_t i = 0; i < w.rank; ++i) {
    w.kernel[i] = kernel[i];
    w.stride[i] = strides.empty() ? 1 : strides[i];
    w.dilation[i] = dilations.empty() ? 1 : dilations[i];
    w.pad_begin[i] = pads.empty() ? 0 : pads[i];
    w.pad_end[i] = pads.empty() ? 0 : pads[w.rank + i];
  }
  return w;
}

// Attribute lists are empty or have one entry a spatial axis (pads two), with strides and dilations of at
// least 1.
inline std::string check_window(size_t rank, const Ints& strides, const Ints& pads, const Ints& dilations) {
  const auto least_one = [](int64_t v) { return v >= 1; };
  if (rank < 1 || rank > 8) return "has " + std::to_string(rank) + " spatial axes, takes 1 to 8";
  if (!strides.empty() && (strides.size() != rank || !std::ranges::all_of(strides, least_one)))
    return "has strides that do not fit its window";
  if (!dilations.empty() && (dilations.size() != rank || !std::ranges::all_of(dilations, least_one)))
    return "has dilations that do not fit its window";
  if (!pads.empty() && pads.size() != 2 * rank) return "has pads that do not fit its window";
  return {};
}

}  // namespace hone
