#include "kernels/decode/decode_tile.h"

namespace hone {

const DecodeFunction kDecodeBaseline = HONE_ISA::decode;

}  // namespace hone
