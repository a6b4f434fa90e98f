// Convolution of few input channels (a picture's 3): the first layer. A block's part of the picture lies in shared
// memory as pixels of four 16-bit channels, so that a pair of channels of one tap is one word of a product's operand:
// k = 4 * tap + channel.
//
// Options: INPUT (type of an input element), PLAIN (input is NCHW, else NHWC), CIN, KH, KW, SH, SW, DH, DW, NT (8 output
// channels each, of a block), KS (steps of four taps).
// In front: types.cuh, activation.cuh, epilogue.cuh, mma.cuh.

struct Params {
  const INPUT* in;
  const uint2* weights;  // [block of channels][step][NT][lane]: the product's second operand
  const float* bias;
  void* out;
  i64 in_image;  // elements from image to image
  int in_pixel;  // elements from pixel to pixel, where channels are innermost
  int out_stride, in_h, in_w, out_h, out_w, out_channels, pad_top, pad_left, tiles_x, tiles_y;
  float alpha, beta;
};

constexpr int kTileW = 64, kTileH = 4, kWarps = 8;
constexpr int kRows = (kTileH - 1) * SH + (KH - 1) * DH + 1, kColumns = (kTileW - 1) * SW + (KW - 1) * DW + 1;
constexpr bool kStaged = KS * NT <= 24;  // the weights are read from shared memory
constexpr int kAtOnce = 5;            // pixels a thread asks for at once

// Words from a pixel to the first and second tap pair that a thread's `quad` multiplies in step s; taps behind the last
// have zero weights.
__device__ __forceinline__ int tap_offset(int s, int half, int quad) {
  const int tap = s * 4 + half * 2 + (quad >> 1), known = tap < KH * KW ? tap : 0;
  return (known / KW * DH * kColumns + known % KW * DW) * 2 + (quad & 1);
}

extern "C" __global__ void __launch_bounds__(kWarps * 32, NT <= 6 ? 4 : 3) conv_stem(const __grid_constant__ Params p) {
  __shared__ __align__(16) uint2 patch[kRows * kColumns];
  __shared__ __align__(16) uint2 staged[kStaged ? KS * NT * 32 : 1];
  __shared__ __align__(16) float bias[NT * 8];
  __shared__ int2 tap_at[KS][4];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, quad = lane & 3, row = lane >> 2;
  const int tile_x = blockIdx.x % p.tiles_x, rest = blockIdx.x / p.tiles_x;
  const int tile_y = rest % p.tiles_y, image = rest / p.tiles_y, first = blockIdx.y * NT * 8;
  const uint2* weights = p.weights + (i64)blockIdx.y * KS * NT * 32;
  release_successors();
  if constexpr (kStaged)
    for (int i = tid; i < KS * NT * 32; i += kWarps * 32) staged[i] = weights[i];
  if (tid < NT * 8) bias[tid] = p.bias[first + tid] * kBiasScale;
  for (int i = tid; i < KS * 4; i += kWarps * 32)
    tap_at[i / 4][i % 4] = make_int2(tap_offset(i / 4, 0, i % 4), tap_offset(i / 4, 1, i % 4));
  wait_for_predecessors();

  const int y0 = tile_y * kTileH * SH - p.pad_top, x0 = tile_x * kTileW * SW - p.pad_left;
  const INPUT* picture = p.in + image * p.in_image;
  const int plane = p.in_h * p.in_w;
#pragma unroll 1
  for (int first_pixel = 0; first_pixel < kRows * kColumns; first_pixel += kWarps * 32 * kAtOnce) {
    INPUT v[kAtOnce][CIN];  // many loads under way before the first is used
#pragma unroll
    for (int j = 0; j < kAtOnce; j++) {
      const int i = first_pixel + j * (kWarps * 32) + tid, r = i / kColumns, y = y0 + r, x = x0 + i - r * kColumns;
      const bool inside = i < kRows * kColumns && y >= 0 && y < p.in_h && x >= 0 && x < p.in_w;
      const int pixel = y * p.in_w + x;
#pragma unroll
      for (int c = 0; c < CIN; c++)
        v[j][c] = inside ? (PLAIN ? picture[c * plane + pixel] : picture[pixel * p.in_pixel + c]) : INPUT{};
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; j++) {
      const int i = first_pixel + j * (kWarps * 32) + tid;
      if (i >= kRows * kColumns) break;
      float f[4] = {0.f, 0.f, 0.f, 0.f};
#pragma unroll
      for (int c = 0; c < CIN; c++) f[c] = to_float(v[j][c]);
      patch[i] = make_uint2(pack_pair(f[0], f[1]), pack_pair(f[2], f[3]));
    }
  }
  __syncthreads();

  const u32* words = (const u32*)patch;
#pragma unroll 1
  for (int strip = warp; strip < kTileH * kTileW / 16; strip += kWarps) {
    const int ys = strip / (kTileW / 16), xs = strip % (kTileW / 16) * 16;
    const u32* at = words + (ys * SH * kColumns + (xs + row) * SW) * 2;
    float d[NT][4];
#pragma unroll
    for (int j = 0; j < NT; j++) d[j][0] = d[j][1] = d[j][2] = d[j][3] = 0.f;
#pragma unroll 1  // else every step's operands are fetched at once, and half as many blocks fit
    for (int s = 0; s < KS; s++) {
      const int2 tap = tap_at[s][quad];
      const u32 a[4] = {at[tap.x], at[tap.x + 16 * SW], at[tap.y], at[tap.y + 16 * SW]};
#pragma unroll
      for (int j = 0; j < NT; j++) {
        const uint2 b = (kStaged ? staged : weights)[(s * NT + j) * 32 + lane];
        mma(d[j], a, b.x, b.y);
      }
    }
    const int y = tile_y * kTileH + ys;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int x = tile_x * kTileW + xs + row + h * 8;
      if (y >= p.out_h || x >= p.out_w) continue;
      const int pixel = (image * p.out_h + y) * p.out_w + x;
#pragma unroll
      for (int g = 0; g < (NT + 3) / 4; g++) {
        const int count = g == NT / 4 ? 4 : 8, in_block = g * 32 + quad * count;
        float v[8];
#pragma unroll
        for (int j = 0; j < count; j++)
          v[j] = finish(d[g * 4 + j / 2][h * 2 + (j & 1)], bias[in_block + j], p.alpha, p.beta);
        store_channels(p.out, pixel, p.out_stride, first + in_block, count, p.out_channels, v);
      }
    }
  }
}
