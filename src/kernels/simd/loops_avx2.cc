#include "kernels/simd/loops_body.h"

namespace hone {

const Loops& loops_avx2() {
  static const Loops table = HONE_ISA::make_loops("avx2");
  return table;
}

}  // namespace hone
