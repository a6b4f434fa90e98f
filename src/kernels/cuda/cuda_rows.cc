#include "kernels/cuda/cuda_rows.h"

#include <algorithm>

namespace hone {
namespace {

void add(int32_t& rank, int64_t* extents, int64_t* xs, int64_t* ys, int64_t extent, int64_t x, int64_t y) {
  if (extent == 1) return;
  if (rank > 0 && xs[rank - 1] == x * extent && ys[rank - 1] == y * extent) {
    extents[rank - 1] *= extent, xs[rank - 1] = x, ys[rank - 1] = y;
    return;
  }
  extents[rank] = extent, xs[rank] = x, ys[rank] = y;
  ++rank;
}

}  // namespace

void CudaRows::keep(int64_t extent, int64_t x, int64_t y) {
  add(kept_rank, kept_extent, kept_x, kept_y, extent, x, y);
  count *= extent;
}

void CudaRows::reduce(int64_t extent, int64_t x, int64_t y) {
  add(reduced_rank, reduced_extent, reduced_x, reduced_y, extent, x, y);
  length *= extent;
}

cuda::LaunchShape CudaRows::launch() const {
  cuda::LaunchShape shape;
  shape.grid[0] = static_cast<unsigned>(std::clamp<int64_t>(count, 1, 1 << 20));
  shape.block[0] = static_cast<unsigned>(std::clamp<int64_t>((length + 31) / 32 * 32, 32, 512));
  return shape;
}

}  // namespace hone
