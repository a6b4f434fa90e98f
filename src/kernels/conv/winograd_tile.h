// Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, 2015) on channel blocks, for one instruction set.
//
// The interpolation points are 0, +-1/sqrt2, +-sqrt2 and infinity instead of the usual 0, +-1, +-2: the error
// is about a third, hardly above that of the direct sum (measured; README.md). With a = 1/sqrt2, b = sqrt2:
//   B^T = [1  0  -5/2    0   1  0]      A^T = [1   1    1    1    1   0]
//         [0 -2a  -2     a   1  0]            [0   a   -a    b   -b   0]
//         [0  2a  -2    -a   1  0]            [0  1/2  1/2   2    2   0]
//         [0 -b/2 -1/2   b   1  0]            [0  a^3 -a^3  b^3 -b^3  1]
//         [0  b/2 -1/2  -b   1  0]
//         [0  1    0   -5/2  0  1]
#pragma once

#include "kernels/conv/direct_tile.h"

namespace hone {
namespace HONE_ISA {

inline constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;
inline constexpr int kTileIn = 6, kTileOut = 4, kPoints = 36;

// Six vectors `step` apart, in place.
HONE_INLINE void transform_input_line(vec& d0, vec& d1, vec& d2, vec& d3, vec& d4, vec& d5) {
  const vec even_a = d4 - 2.0f * d2, odd_a = d3 - 2.0f * d1;
  const vec even_b = d4 - 0.5f * d2, odd_b = d3 - 0.5f * d1;
  d0 = d0 + (d4 - 2.5f * d2);
  d5 = d1 + (d5 - 2.5f * d3);
  d1 = even_a + kA * odd_a;
  d2 = even_a - kA * odd_a;
  d3 = even_b + kB * odd_b;
  d4 = even_b - kB * odd_b;
}

// Writes the 36 points of one tile's block of lanes. pixel(r, c) loads an input vector.
template <class Pixel>
HONE_INLINE void transform_input_tile(Pixel pixel, float* out, int64_t point_stride) {
  vec t[kTileIn][kTileIn];
#pragma GCC unroll 6
  for (int c = 0; c < kTileIn; ++c) {
    vec d[kTileIn];
#pragma GCC unroll 6
    for (int r = 0; r < kTileIn; ++r) d[r] = pixel(r, c);
    transform_input_line(d[0], d[1], d[2], d[3], d[4], d[5]);
#pragma GCC unroll 6
    for (int r = 0; r < kTileIn; ++r) t[r][c] = d[r];
  }
#pragma GCC unroll 6
  for (int r = 0; r < kTileIn; ++r) {
    transform_input_line(t[r][0], t[r][1], t[r][2], t[r][3], t[r][4], t[r][5]);
#pragma GCC unroll 6
    for (int c = 0; c < kTileIn; ++c) store(out + (r * kTileIn + c) * point_stride, t[r][c]);
  }
}

inline void winograd_input(const WinogradInput& p) {
  for (int64_t i = 0; i < p.tile_count; ++i) {
    const int64_t tile = p.tile_begin + i;
    const int64_t y = tile / p.tiles_x * kTileOut - p.pad_top, x = tile % p.tiles_x * kTileOut - p.pad_left;
    const float* corner = p.input + (y * p.width + x) * kBlock;
    float* out = p.transformed + i * kBlock;
    const bool inside = y >= 0 && x >= 0 && y + kTileIn <= p.height && x + kTileIn <= p.width;
    if (inside) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectorsPerBlock; ++v)
        transform_input_tile(
            [&](int r, int c) { return load(corner + (r * p.width + c) * kBlock + v * kLanes); },
            out + v * kLanes, p.point_stride);
      continue;
    }
    alignas(64) float patch[kPoints * kBlock];
    for (int r = 0; r < kTileIn; ++r)
      for (int c = 0; c < kTileIn; ++c)
        for (int v = 0; v < kVectorsPerBlock; ++v) {
          const bool in = y + r >= 0 && y + r < p.height && x + c >= 0 && x + c < p.width;
          store(patch + (r * kTileIn + c) * kBlock + v * kLanes,
                in ? load(corner + (r * p.width + c) * kBlock + v * kLanes) : vec{});
        }
    for (int v = 0; v < kVectorsPerBlock; ++v)
      transform_input_tile(
          [&](int r, int c) { return load(patch + (r * kTileIn + c) * kBlock + v * kLanes); },
          out + v * kLanes, p.point_stride);
  }
}

// One point: P tiles times B output blocks over all input channels.
template <int B, int P>
HONE_INLINE void multiply_tile(const float* in, int64_t in_block_stride, int64_t in_blocks, const float* w,
                               float* out, int64_t out_block_stride) {
  constexpr int N = B * kVectorsPerBlock;
  vec acc[P][N] = {};
  for (int64_t block = 0; block < in_blocks; ++block) {
    multiply_add<kBlock>(acc, w, [&](int i, int k) { return splat(in[i * kBlock + k]); });
    in += in_block_stride;
    w += kBlock * N * kLanes;
  }
#pragma GCC unroll 32
  for (int i = 0; i < P; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < N; ++v)
      store(out + (v / kVectorsPerBlock) * out_block_stride + i * kBlock + v % kVectorsPerBlock * kLanes,
            acc[i][v]);
}

template <int B, int P>
HONE_INLINE void multiply_tiles(const WinogradProduct& p, int64_t tile) {
  for (; tile + P <= p.tiles; tile += P)
    multiply_tile<B, P>(p.transformed + tile * kBlock, p.in_block_stride, p.in_blocks, p.weights,
                        p.products + tile * kBlock, p.product_block_stride);
  if constexpr (P > 1)
    if (tile < p.tiles) multiply_tiles<B, P / 2>(p, tile);
}

inline void winograd_multiply(const WinogradProduct& p, int panel_blocks) {
  switch (panel_blocks) {
    case 1:
      return multiply_tiles<1, tile_pixels(1)>(p, 0);
    case 2:
      return multiply_tiles<2, tile_pixels(2)>(p, 0);
    case 3:
      return multiply_tiles<3, tile_pixels(3)>(p, 0);
    default:
      return multiply_tiles<4, tile_pixels(4)>(p, 0);
  }
}

HONE_INLINE void transform_output_line(const vec (&m)[kTileIn], vec (&y)[kTileOut]) {
  const vec sum_a = m[1] + m[2], difference_a = m[1] - m[2];
  const vec sum_b = m[3] + m[4], difference_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = kA * difference_a + kB * difference_b;
  y[2] = 0.5f * sum_a + 2.0f * sum_b;
  y[3] = (kA * 0.5f) * difference_a + (kB * 2.0f) * difference_b + m[5];
}

// The 4x4 outputs of one tile's lanes.
HONE_INLINE void transform_output_tile(const float* in, int64_t point_stride, vec bias,
                                       vec (&y)[kTileOut][kTileOut]) {
  vec t[kTileOut][kTileIn];
#pragma GCC unroll 6
  for (int c = 0; c < kTileIn; ++c) {
    vec m[kTileIn], column[kTileOut];
#pragma GCC unroll 6
    for (int r = 0; r < kTileIn; ++r) m[r] = load(in + (r * kTileIn + c) * point_stride);
    transform_output_line(m, column);
#pragma GCC unroll 4
    for (int r = 0; r < kTileOut; ++r) t[r][c] = column[r];
  }
#pragma GCC unroll 4
  for (int r = 0; r < kTileOut; ++r) {
    transform_output_line(t[r], y[r]);
#pragma GCC unroll 4
    for (int c = 0; c < kTileOut; ++c) y[r][c] += bias;
  }
}

// One tile after another: transform, activation, residual, store (clipped at the right and lower border).
template <class Act>
HONE_INLINE void output_tiles(const WinogradOutput& p, Act act) {
  for (int v = 0; v < kVectorsPerBlock; ++v) {
    const vec mask = lane_mask(v, p.channels), bias = load(p.bias + v * kLanes);
    for (int64_t i = 0; i < p.tile_count; ++i) {
      const int64_t tile = p.tile_begin + i;
      const int64_t y0 = tile / p.tiles_x * kTileOut, x0 = tile % p.tiles_x * kTileOut;
      vec y[kTileOut][kTileOut];
      transform_output_tile(p.products + i * kBlock + v * kLanes, p.point_stride, bias, y);
      const int64_t rows = p.height - y0 < kTileOut ? p.height - y0 : kTileOut;
      const int64_t columns = p.width - x0 < kTileOut ? p.width - x0 : kTileOut;
      const int64_t corner = (y0 * p.width + x0) * kBlock + v * kLanes;
      for (int r = 0; r < rows; ++r)
        for (int c = 0; c < columns; ++c) {
          const int64_t at = corner + (r * p.width + c) * kBlock;
          vec value = act(y[r][c]);
          if (p.residual) value += load(p.residual + at);
          store(p.output + at, masked(value, mask));
        }
    }
  }
}

inline void winograd_output(const WinogradOutput& p) {
  if (with_activation(*p.epilogue, [&](auto act) { output_tiles(p, act); })) return;
  output_tiles(p, [&](vec x) {
    float lanes[kLanes];
    store(lanes, x);
    p.epilogue->scalar(lanes, kLanes, p.epilogue->activation, p.epilogue->alpha, p.epilogue->beta);
    return load(lanes);
  });
}

}  // namespace HONE_ISA
}  // namespace hone
