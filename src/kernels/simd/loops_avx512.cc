#include "kernels/simd/loops_body.h"

namespace hone {

const Loops& loops_avx512() {
  static const Loops table = HONE_ISA::make_loops("avx512");
  return table;
}

}  // namespace hone
