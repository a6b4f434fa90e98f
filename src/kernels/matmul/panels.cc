#include "kernels/matmul/panels.h"

#include <algorithm>

#include "base/cpu_features.h"

namespace hone {

const MatMulTile& matmul_tile_baseline();
const MatMulTile& matmul_tile_avx2();
const MatMulTile& matmul_tile_avx512();

const MatMulTile& matmul_tile() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return matmul_tile_avx512();
  if (cpu_features().avx2_fma) return matmul_tile_avx2();
#endif
  return matmul_tile_baseline();
}

int64_t panel_count(int64_t columns) { return (columns + matmul_tile().columns - 1) / matmul_tile().columns; }
int64_t panel_floats(int64_t depth) { return depth * matmul_tile().columns; }

void pack_panel(const PanelSource& source, int64_t panel, float* packed) {
  const int64_t width = matmul_tile().columns, first = panel * width;
  const int64_t columns = std::min(width, source.columns - first);
  const float* b = source.b + first * source.column_step;
  for (int64_t k = 0; k < source.depth; ++k, packed += width, b += source.k_step) {
    for (int64_t j = 0; j < columns; ++j) packed[j] = b[j * source.column_step];
    for (int64_t j = columns; j < width; ++j) packed[j] = 0;
  }
}

}  // namespace hone
