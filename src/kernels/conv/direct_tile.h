// Direct convolution of channel blocks, and its depthwise form: the register-blocked loops, for one
// instruction set.
//
// A tile is P pixels of one output row times B channel blocks, all in registers. For every input channel and
// filter tap it loads B vectors of weights and broadcasts P inputs. Tiles at the border take the inputs
// outside from a block of zeros, so that no padded copy of the picture is made.
#pragma once

#include "kernels/conv/finish_tile.h"

namespace hone {
namespace HONE_ISA {

alignas(64) inline constexpr float kZeros[kBlock] = {};

// Pixels of a tile for a panel of B blocks: the accumulators fill the registers but for what weights and
// inputs need.
constexpr int tile_pixels(int blocks) {
#if defined(__AVX512F__) || defined(__aarch64__)
  const int pixels = 24 / (blocks * kVectorsPerBlock);
#else
  const int pixels = 12 / (blocks * kVectorsPerBlock);
#endif
  return pixels < 1 ? 1 : pixels > 12 ? 12 : pixels;
}

// acc[i][v] += input(i, k) * weights[k][v] for kIn channels. What is fewer, inputs or weights, stays in
// registers: GCC keeps this order, and one vector more than there are registers halves the speed.
template <int kIn, int P, int N, class Input>
HONE_INLINE void multiply_add(vec (&acc)[P][N], const float* w, Input input) {
  constexpr int kStep = kIn % 4 == 0 ? 4 : kIn;
#pragma GCC unroll 1
  for (int first = 0; first < kIn; first += kStep) {
#pragma GCC unroll 4
    for (int j = 0; j < kStep; ++j) {
      const int k = first + j;
      if constexpr (N <= P) {
        vec weights[N];
#pragma GCC unroll 16
        for (int v = 0; v < N; ++v) weights[v] = load(w + (k * N + v) * kLanes);
#pragma GCC unroll 32
        for (int i = 0; i < P; ++i) {
          const vec in = input(i, k);
#pragma GCC unroll 16
          for (int v = 0; v < N; ++v) acc[i][v] += in * weights[v];
        }
      } else {
        vec in[P];
#pragma GCC unroll 32
        for (int i = 0; i < P; ++i) in[i] = input(i, k);
#pragma GCC unroll 16
        for (int v = 0; v < N; ++v) {
          const vec weight = load(w + (k * N + v) * kLanes);
#pragma GCC unroll 32
          for (int i = 0; i < P; ++i) acc[i][v] += in[i] * weight;
        }
      }
    }
  }
}

// kStride 0: any stride, and pixels that may lie outside. kIn: channels that lie together (a block; 1 for
// plain input).
template <int B, int P, int kStride, int kIn>
HONE_INLINE void direct_tile(const DirectPanel& p, int64_t y, int64_t x) {
  constexpr int N = B * kVectorsPerBlock;  // vectors of output channels
  vec acc[P][N];
  float* const out = p.output + (y * p.out_width + x) * kBlock;
  const auto at = [&](int i, int v) {
    return out + (v / kVectorsPerBlock) * p.out_block_stride + i * kBlock + v % kVectorsPerBlock * kLanes;
  };
  if (p.bias) {
#pragma GCC unroll 16
    for (int v = 0; v < N; ++v) {
      const vec bias = load(p.bias + v * kLanes);
#pragma GCC unroll 32
      for (int i = 0; i < P; ++i) acc[i][v] = bias;
    }
  } else {
#pragma GCC unroll 32
    for (int i = 0; i < P; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < N; ++v) acc[i][v] = load(at(i, v));
  }

  const int64_t in_y = y * p.stride_h - p.pad_top, in_x = x * p.stride_w - p.pad_left;
  int64_t tap_begin = 0, tap_end = p.kernel_h;
  if (in_y < 0) tap_begin = (-in_y + p.dilation_h - 1) / p.dilation_h;
  if (in_y + (p.kernel_h - 1) * p.dilation_h >= p.in_height)
    tap_end = in_y >= p.in_height ? 0 : (p.in_height - 1 - in_y) / p.dilation_h + 1;
  const int64_t row_weights = p.kernel_w * kIn * N * kLanes;
  const float* plane = p.input;
  const float* block_weights = p.weights;
  for (int64_t block = 0; block < p.in_blocks; ++block) {
    for (int64_t r = tap_begin; r < tap_end; ++r) {
      const float* row = plane + (in_y + r * p.dilation_h) * p.in_width * kIn;
      const float* w = block_weights + r * row_weights;
      for (int64_t c = 0; c < p.kernel_w; ++c) {
        const int64_t first = in_x + c * p.dilation_w;
        const float* base = row + first * kIn;
        const float* pixel[P];
        if constexpr (kStride == 0) {
#pragma GCC unroll 32
          for (int i = 0; i < P; ++i) {
            const int64_t place = first + i * p.stride_w;
            const bool inside = static_cast<uint64_t>(place) < static_cast<uint64_t>(p.in_width);
            pixel[i] = inside ? row + place * kIn : kZeros;
          }
        }
        multiply_add<kIn>(acc, w, [&](int i, int k) {
          return splat(kStride == 0 ? pixel[i][k] : base[i * kStride * kIn + k]);
        });
        w += kIn * N * kLanes;
      }
    }
    plane += p.in_block_stride;
    block_weights += p.kernel_h * row_weights;
  }
#pragma GCC unroll 32
  for (int i = 0; i < P; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < N; ++v) store(at(i, v), acc[i][v]);
}

// Tiles of P pixels over [x, x_end), the rest in halves.
template <int B, int P, int kStride, int kIn>
[[gnu::noinline]] void direct_run(const DirectPanel& p, int64_t y, int64_t x, int64_t x_end) {
  for (; x + P <= x_end; x += P) direct_tile<B, P, kStride, kIn>(p, y, x);
  if constexpr (P > 1)
    if (x < x_end) direct_run<B, P / 2, kStride, kIn>(p, y, x, x_end);
}

template <int B, int kIn>
void direct_rows(const DirectPanel& p) {
  constexpr int P = tile_pixels(B);
  // Columns whose taps all lie inside.
  const int64_t reach = (p.kernel_w - 1) * p.dilation_w;
  int64_t inner_begin = (p.pad_left + p.stride_w - 1) / p.stride_w;
  int64_t inner_end =
      p.in_width - 1 - reach + p.pad_left < 0 ? 0 : (p.in_width - 1 - reach + p.pad_left) / p.stride_w + 1;
  if (p.stride_w > 2) inner_begin = inner_end = p.col_end;  // no fast form
  for (int64_t y = p.row_begin; y < p.row_end; ++y) {
    int64_t x = p.col_begin;
    // Whole tiles, so that few pixels go the slow way alone.
    if (x < inner_begin) {
      const int64_t end = p.col_begin + (inner_begin - x + P - 1) / P * P;
      const int64_t stop = end < p.col_end ? end : p.col_end;
      direct_run<B, P, 0, kIn>(p, y, x, stop);
      x = stop;
    }
    const int64_t limit = inner_end < p.col_end ? inner_end : p.col_end;
    if (x < limit) {
      const int64_t stop = limit == p.col_end ? limit : x + (limit - x) / P * P;
      if (p.stride_w == 1)
        direct_run<B, P, 1, kIn>(p, y, x, stop);
      else
        direct_run<B, P, 2, kIn>(p, y, x, stop);
      x = stop;
    }
    if (x < p.col_end) direct_run<B, P, 0, kIn>(p, y, x, p.col_end);
  }
}

template <int kIn>
void direct_blocks(const DirectPanel& p, int panel_blocks) {
  switch (panel_blocks) {
    case 1:
      return direct_rows<1, kIn>(p);
    case 2:
      return direct_rows<2, kIn>(p);
    case 3:
      return direct_rows<3, kIn>(p);
    default:
      return direct_rows<4, kIn>(p);
  }
}
inline void direct_panel(const DirectPanel& p, int panel_blocks) {
  p.plain_input ? direct_blocks<1>(p, panel_blocks) : direct_blocks<kBlock>(p, panel_blocks);
}

// ---- depthwise: every channel has its own filter, so a vector of channels goes through together ----

template <int P, bool kInside>
HONE_INLINE void depthwise_tile(const DepthwiseBand& p, int64_t y, int64_t x) {
  vec acc[P][kVectorsPerBlock];
#pragma GCC unroll 16
  for (int i = 0; i < P; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kVectorsPerBlock; ++v) acc[i][v] = load(p.bias + v * kLanes);
  const float* w = p.weights;
  for (int64_t r = 0; r < p.kernel_h; ++r) {
    const int64_t in_y = y * p.stride_h - p.pad_top + r * p.dilation_h;
    if (in_y < 0 || in_y >= p.in_height) {
      w += p.kernel_w * kBlock;
      continue;
    }
    const float* row = p.input + in_y * p.in_width * kBlock;
    for (int64_t c = 0; c < p.kernel_w; ++c, w += kBlock) {
      const int64_t first = x * p.stride_w - p.pad_left + c * p.dilation_w;
#pragma GCC unroll 16
      for (int i = 0; i < P; ++i) {
        const int64_t place = first + i * p.stride_w;
        const float* pixel = row + place * kBlock;
        if constexpr (!kInside)
          if (place < 0 || place >= p.in_width) pixel = kZeros;
#pragma GCC unroll 4
        for (int v = 0; v < kVectorsPerBlock; ++v)
          acc[i][v] += load(pixel + v * kLanes) * load(w + v * kLanes);
      }
    }
  }
  float* out = p.output + (y * p.out_width + x) * kBlock;
#pragma GCC unroll 16
  for (int i = 0; i < P; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < kVectorsPerBlock; ++v) store(out + i * kBlock + v * kLanes, acc[i][v]);
}

inline void depthwise_band(const DepthwiseBand& p) {
  constexpr int P = 8 / kVectorsPerBlock;
  const int64_t reach = (p.kernel_w - 1) * p.dilation_w;
  for (int64_t y = p.row_begin; y < p.row_end; ++y)
    for (int64_t x = 0; x < p.out_width;) {
      const int64_t first = x * p.stride_w - p.pad_left;
      if (x + P > p.out_width)
        depthwise_tile<1, false>(p, y, x++);
      else {
        if (first >= 0 && first + (P - 1) * p.stride_w + reach < p.in_width)
          depthwise_tile<P, true>(p, y, x);
        else
          depthwise_tile<P, false>(p, y, x);
        x += P;
      }
    }
}

}  // namespace HONE_ISA
}  // namespace hone
