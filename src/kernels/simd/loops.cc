#include "kernels/simd/loops.h"

#include "base/cpu_features.h"

namespace hone {

const Loops& loops_baseline();
const Loops& loops_avx2();
const Loops& loops_avx512();

const Loops& loops() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return loops_avx512();
  if (cpu_features().avx2_fma) return loops_avx2();
#endif
  return loops_baseline();
}

bool has_unary_loop(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::identity:
    case UnaryKind::relu:
    case UnaryKind::leaky_relu:
    case UnaryKind::silu:
    case UnaryKind::sigmoid:
    case UnaryKind::hard_sigmoid:
    case UnaryKind::hard_swish:
    case UnaryKind::tanh:
    case UnaryKind::gelu:
    case UnaryKind::gelu_tanh:
    case UnaryKind::elu:
    case UnaryKind::mish:
    case UnaryKind::softsign:
    case UnaryKind::clip:
    case UnaryKind::exp:
    case UnaryKind::erf:
    case UnaryKind::neg:
    case UnaryKind::abs:
    case UnaryKind::reciprocal:
    case UnaryKind::round:
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::sqrt:
      return true;
    default:
      return false;
  }
}

bool has_binary_loop(BinaryKind kind) {
  switch (kind) {
    case BinaryKind::add:
    case BinaryKind::sub:
    case BinaryKind::mul:
    case BinaryKind::div:
    case BinaryKind::min:
    case BinaryKind::max:
    case BinaryKind::prelu:
      return true;
    default:
      return false;
  }
}

bool has_reduce_loop(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::mean:
    case ReduceKind::l1:
    case ReduceKind::l2:
    case ReduceKind::sum_square:
    case ReduceKind::max:
    case ReduceKind::min:
      return true;
    default:
      return false;
  }
}

}  // namespace hone
