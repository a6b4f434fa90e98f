// The inner loop of matrix products: a tile of rows times one panel of packed columns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone {

// B is packed in panels of `columns` neighbouring columns: [n / columns][k][columns], the last padded with
// zeros.
struct MatMulTile {
  int64_t columns;  // of a panel
  int64_t rows;     // that run() takes at most
  // c[r, j] = sum_k a[r * a_row + k * a_k] * panel[k, j] for r < rows, j < columns; c has rows of `columns`
  // floats.
  void (*run)(const float* a, int64_t a_row, int64_t a_k, int64_t rows, const float* panel, int64_t depth,
              float* c);
};
const MatMulTile& matmul_tile();  // the best for this CPU

inline constexpr int64_t kMaxPanelColumns = 32, kMaxTileRows = 12;

}  // namespace hone
