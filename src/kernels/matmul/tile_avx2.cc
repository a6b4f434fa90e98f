#include "kernels/matmul/tile_body.h"

namespace hone {

const MatMulTile& matmul_tile_avx2() {
  static const MatMulTile tile = HONE_ISA::make_tile();
  return tile;
}

}  // namespace hone
