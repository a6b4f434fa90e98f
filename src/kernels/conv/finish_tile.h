// The epilogue over sums that stand in the output already: cheap beside the sums, and the inner loops stay
// small.
#pragma once

#include "kernels/conv/lanes.h"
#include "kernels/conv/tile_table.h"

namespace hone {
namespace HONE_ISA {

// Calls f(function on a vector) for activations with a vector form; false for the others.
template <class F>
HONE_INLINE bool with_activation(const Epilogue& e, F&& f) {
  const vec alpha = splat(e.alpha), beta = splat(e.beta), zero = splat(0.0f), one = splat(1.0f);
  switch (e.activation) {
    case UnaryKind::identity:
      f([](vec x) { return x; });
      return true;
    case UnaryKind::relu:
      f([=](vec x) { return most(zero, x); });
      return true;
    case UnaryKind::leaky_relu:
      f([=](vec x) { return x < zero ? x * alpha : x; });
      return true;
    case UnaryKind::silu:
      f([](vec x) { return fast_silu(x); });
      return true;
    case UnaryKind::sigmoid:
      f([](vec x) { return fast_sigmoid(x); });
      return true;
    case UnaryKind::hard_sigmoid:
      f([=](vec x) { return least(one, most(zero, x * alpha + beta)); });
      return true;
    case UnaryKind::hard_swish:
      f([=](vec x) { return x * least(one, most(zero, x * (1.0f / 6.0f) + 0.5f)); });
      return true;
    case UnaryKind::tanh:
      f([](vec x) { return tanh(x); });
      return true;
    case UnaryKind::gelu:
      f([](vec x) { return gelu(x); });
      return true;
    case UnaryKind::gelu_tanh:
      f([](vec x) { return gelu_tanh(x); });
      return true;
    case UnaryKind::mish:
      f([](vec x) { return mish(x); });
      return true;
    case UnaryKind::clip:
      f([=](vec x) { return least(beta, most(alpha, x)); });
      return true;
    default:
      return false;
  }
}

HONE_INLINE vec lane_mask(int vector, int channels) {
  ivec index{};
  for (int i = 0; i < kLanes; ++i) index[i] = vector * kLanes + i;
  return from_bits(index < channels);
}
HONE_INLINE vec masked(vec x, vec mask) { return from_bits(bits(x) & bits(mask)); }

// act over rows; the residual and the padding's zeros only where there are any.
template <bool kResidual, bool kMask, class Act>
HONE_INLINE void finish_rows(const FinishBlock& b, Act act) {
  vec mask[kVectorsPerBlock];
  for (int v = 0; v < kVectorsPerBlock; ++v) mask[v] = lane_mask(v, b.channels);
  for (int64_t r = 0; r < b.rows; ++r) {
    float* out = b.output + r * b.row_stride;
    const float* residual = kResidual ? b.residual + r * b.residual_row_stride : nullptr;
    for (int64_t i = 0; i < b.row_pixels * kBlock; i += kBlock)
#pragma GCC unroll 4
      for (int v = 0; v < kVectorsPerBlock; ++v) {
        vec y = act(load(out + i + v * kLanes));
        if constexpr (kResidual) y += load(residual + i + v * kLanes);
        if constexpr (kMask) y = masked(y, mask[v]);
        store(out + i + v * kLanes, y);
      }
  }
}

inline void finish_block(const FinishBlock& b) {
  const bool mask = b.channels < kBlock;
  const auto rows = [&](auto act) {
    if (b.residual)
      mask ? finish_rows<true, true>(b, act) : finish_rows<true, false>(b, act);
    else
      mask ? finish_rows<false, true>(b, act) : finish_rows<false, false>(b, act);
  };
  if (b.epilogue->activation == UnaryKind::identity && !b.residual && !mask) return;
  if (with_activation(*b.epilogue, rows)) return;
  for (int64_t r = 0; r < b.rows; ++r)
    b.epilogue->scalar(b.output + r * b.row_stride, b.row_pixels * kBlock, b.epilogue->activation,
                       b.epilogue->alpha, b.epilogue->beta);
  if (b.residual || mask) rows([](vec x) { return x; });
}

}  // namespace HONE_ISA
}  // namespace hone
