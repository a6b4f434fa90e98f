// Which inputs make one output of a Resize along one axis, and with what weights.
#pragma once

#include <array>
#include <span>

#include "ir/op.h"
#include "kernels/kernel.h"

namespace hone {

struct ResizeTaps {
  int64_t count = 1;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{1, 0, 0, 0};
};

// Output over input extent along `axis`: from the scales input where there is one, else from the shapes.
double resize_scale(const Resize& resize, std::span<const TensorArg> inputs, size_t axis,
                    int64_t output_extent);
// Indices lie inside [0, in).
ResizeTaps resize_taps(const Resize& resize, int64_t at, int64_t in, int64_t out, double scale);

}  // namespace hone
