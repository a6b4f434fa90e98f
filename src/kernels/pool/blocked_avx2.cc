// Pooling tiles for one instruction set; see blocked_pool.h.
#if defined(__x86_64__)
#include "kernels/pool/blocked_tile.h"

namespace hone {

const PoolTable kPoolAvx2 = {
    .block = HONE_ISA::kBlock, .row = HONE_ISA::pool_row, .columns = HONE_ISA::pool_columns};

}  // namespace hone
#endif
