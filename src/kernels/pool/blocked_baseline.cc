// Pooling tiles for one instruction set; see blocked_pool.h.
#include "kernels/pool/blocked_tile.h"

namespace hone {

const PoolTable kPoolBaseline = {
    .block = HONE_ISA::kBlock, .row = HONE_ISA::pool_row, .columns = HONE_ISA::pool_columns};

}  // namespace hone
