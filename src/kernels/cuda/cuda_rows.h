// Host side of rows.cuh: which axes number the rows and which run along one.
#pragma once

#include "kernels/cuda/operands.h"

namespace hone {

// As rows.cuh declares it.
struct CudaRows {
  int64_t count = 1, length = 1;
  int32_t kept_rank = 0, reduced_rank = 0;
  int64_t kept_extent[kMaxRank] = {}, kept_x[kMaxRank] = {}, kept_y[kMaxRank] = {};
  int64_t reduced_extent[kMaxRank] = {}, reduced_x[kMaxRank] = {}, reduced_y[kMaxRank] = {};

  // Axes outermost first; neighbours that x and y walk alike become one.
  void keep(int64_t extent, int64_t x, int64_t y);
  void reduce(int64_t extent, int64_t x, int64_t y);
  // One block a row, as wide as the row makes sensible.
  cuda::LaunchShape launch() const;
};

}  // namespace hone
