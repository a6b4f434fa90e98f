#if defined(__x86_64__)
#include "kernels/decode/decode_tile.h"

namespace hone {

const DecodeFunction kDecodeAvx512 = HONE_ISA::decode;

}  // namespace hone
#endif
