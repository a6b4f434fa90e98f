// Convolution tiles for one instruction set; see tile_table.h.
#if defined(__x86_64__)
#include "kernels/conv/direct_tile.h"
#include "kernels/conv/winograd_tile.h"

namespace hone {

const TileTable kTilesAvx2 = {.isa = "avx2",
                              .block = HONE_ISA::kBlock,
                              .direct = HONE_ISA::direct_panel,
                              .depthwise = HONE_ISA::depthwise_band,
                              .finish = HONE_ISA::finish_block,
                              .winograd_input = HONE_ISA::winograd_input,
                              .winograd_multiply = HONE_ISA::winograd_multiply,
                              .winograd_output = HONE_ISA::winograd_output};

}  // namespace hone
#endif
