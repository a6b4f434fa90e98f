// B in panels of neighbouring columns, as the tile reads it.
#pragma once

#include "kernels/matmul/tile.h"

namespace hone {

// Element (k, j) lies at b[k * k_step + j * column_step].
struct PanelSource {
  const float* b;
  int64_t depth, columns, k_step, column_step;
};
int64_t panel_count(int64_t columns);
int64_t panel_floats(int64_t depth);
// One panel of panel_floats(depth); columns behind the last are zero.
void pack_panel(const PanelSource& source, int64_t panel, float* packed);

}  // namespace hone
