#include "kernels/simd/loops_body.h"

namespace hone {

const Loops& loops_baseline() {
  static const Loops table = HONE_ISA::make_loops("baseline");
  return table;
}

}  // namespace hone
