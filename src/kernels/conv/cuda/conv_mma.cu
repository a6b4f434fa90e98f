// Convolution for sm_80 and newer: 16-bit or f32 NHWC in, f32 sums, implicit GEMM of BM pixels by BN channels.
//
// A block's input with its halo lies in shared memory once for a chunk of NK steps of 32 bytes of channels, one row of PITCH bytes a
// pixel, 16-byte pieces swizzled by the pixel's number; since ldmatrix takes an address for each row, a filter tap is the
// same tile read elsewhere, and tile pixels may lie anywhere. Weights pass by, TPS taps at a time, through a ring of STAGES,
// packed as the fragments of m16n8: a lane's 16 bytes serve two products. Output channels are permuted in the pack, so
// that a thread stores 8 consecutive ones. With WARPS_K = 2 two groups of warps take half of the channels each.
//
// With split > 1 blocks share the input channels of a tile: each leaves its sums in memory, the last to come adds them up
// in order.
//
// Options: BM, BN, WARPS_M, WARPS_N, WARPS_K, NK, KH, KW, TPS, STAGES, BLOCKS (a multiprocessor, for registers), SPLIT,
// RESIDUAL, F32.
// In front: types.cuh, activation.cuh, epilogue.cuh, mma.cuh.

struct Params {
  const u8* in;
  const u8* weights;  // [tile of channels][step][tap][16 outputs][lane][16 bytes]
  const float* bias;
  const void* residual;
  void* out;
  float4* sums;   // with SPLIT: [tile][part][fragment][thread]
  u32* arrivals;  // with SPLIT: one a tile, zero before and after
  int in_stride, residual_stride, out_stride;  // elements from pixel to pixel
  int batch, in_h, in_w, out_h, out_w, in_channels, out_channels;
  int steps, chunks, chunks_per_part, parts;  // of 32 bytes of channels, of NK steps, for one block
  int stride_h, stride_w, load_stride_h, load_stride_w;  // in the halo; in the input
  int pad_top, pad_left, dilation_h, dilation_w;
  int arrangement;  // 0: rectangles of 2^tile_w_log2 columns, 1: pixels in order, 2: the same of a single row
  int tile_w_log2, tile_h, tiles_x, tiles_per_image, n_tiles, halo_w, halo_pixels, swizzle_shift;
  Divisor by_n_tiles, by_tiles_per_image, by_tiles_x, by_halo_w, by_out_w;
  float alpha, beta;
};

#ifdef F32
constexpr int kElement = 4;
#else
constexpr int kElement = 2;
#endif
constexpr int kStepChannels = 32 / kElement, kPieceChannels = 16 / kElement;
constexpr int kTaps = KH * KW, kGroupWarps = WARPS_M * WARPS_N, kThreads = kGroupWarps * WARPS_K * 32;
constexpr int WM = BM / WARPS_M, WN = BN / WARPS_N, MT = WM / 16, NP = WN / 16;  // m16 tiles, pairs of n8 tiles
constexpr int PITCH = NK > 4 ? 256 : NK > 2 ? 128 : NK * 32, kPieces = PITCH / 16, kLoaded = NK * 2;
constexpr int kPairShift = kPieces >= 8 ? 0 : kPieces == 4 ? 1 : 2, kSwizzleMask = kPieces >= 8 ? 7 : kPieces - 1;
constexpr int kWeightBytes = TPS * NK * BN * 32, kWeightPieces = kWeightBytes / 16;
constexpr int kWeightLoads = (kWeightPieces + kThreads - 1) / kThreads;
constexpr int kStagesOfChunk = kTaps / TPS;
constexpr int kInputRing = kTaps == 1 ? STAGES : 2;
// The next chunk's input is asked for in this many parts, early enough to be there.
constexpr int kParts = kTaps == 1 ? 1 : kStagesOfChunk - STAGES + 1;
constexpr int kSteps = NK / WARPS_K;  // of a group of warps

struct Tile {
  int image, n, y, x;  // first row and column of the output
  int first;           // first pixel of the image, where pixels go in order
};

__device__ __forceinline__ Tile locate(const Params& p) {
  Tile t;
  const int m = divide(blockIdx.x, p.by_n_tiles);
  t.n = blockIdx.x - m * p.n_tiles;
  t.image = divide(m, p.by_tiles_per_image);
  const int rest = m - t.image * p.tiles_per_image;
  t.first = rest * BM;
  if (p.arrangement == 0) {
    const int row = divide(rest, p.by_tiles_x);
    t.y = row * p.tile_h;
    t.x = (rest - row * p.tiles_x) << p.tile_w_log2;
  } else {
    t.y = p.arrangement == 1 ? divide(t.first, p.by_out_w) : 0;
    t.x = p.arrangement == 1 ? 0 : t.first;
  }
  return t;
}

// Row and column of the output of the tile's r-th pixel.
__device__ __forceinline__ int2 pixel_of(const Params& p, const Tile& t, int r) {
  if (p.arrangement == 0) return make_int2(t.y + (r >> p.tile_w_log2), t.x + (r & ((1 << p.tile_w_log2) - 1)));
  if (p.arrangement == 2) return make_int2(0, t.first + r);
  const int f = t.first + r, y = divide(f, p.by_out_w);
  return make_int2(y, f - y * p.out_w);
}

__device__ __forceinline__ int swizzle(const Params& p, int pixel) {
  return (pixel >> (p.swizzle_shift + kPairShift)) & kSwizzleMask;
}

extern "C" __global__ void __launch_bounds__(kThreads, BLOCKS) conv_mma(const __grid_constant__ Params p) {
  extern __shared__ __align__(256) u8 shared[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, group = warp / kGroupWarps;
  const int warp_n = warp % WARPS_N, warp_m = warp / WARPS_N % WARPS_M, quad = lane & 3;
  const Tile tile = locate(p);
  const int input_bytes = (p.halo_pixels * PITCH + 255) & ~255, rings = kInputRing * input_bytes;
  const u32 input = shared_address(shared), ring = input + rings;
  int* const offsets = (int*)(shared + rings + STAGES * kWeightBytes);  // of the halo's pixels, -1 for zeros
  const int c0 = SPLIT ? blockIdx.y * p.chunks_per_part : 0,
            c1 = SPLIT ? min(p.chunks, c0 + p.chunks_per_part) : p.chunks;
  const int stages = (c1 - c0) * kStagesOfChunk;
  release_successors();

  const int in_y = tile.y * p.load_stride_h - p.pad_top, in_x = tile.x * p.load_stride_w - p.pad_left;
  const u8* corner = p.in + ((i64)(tile.image * p.in_h + in_y) * p.in_w + in_x) * p.in_stride * kElement;
  {
    // Without neighbours only what the stride meets is loaded.
    const int hop_y = kTaps == 1 ? p.load_stride_h : 1, hop_x = kTaps == 1 ? p.load_stride_w : 1;
    for (int pixel = tid; pixel < p.halo_pixels; pixel += kThreads) {
      const int row = divide(pixel, p.by_halo_w), y = row * hop_y, x = (pixel - row * p.halo_w) * hop_x;
      const bool inside = in_y + y >= 0 && in_y + y < p.in_h && in_x + x >= 0 && in_x + x < p.in_w;
      offsets[pixel] = inside ? (y * p.in_w + x) * p.in_stride : -1;
    }
  }

  // Weight stages: where this thread's pieces lie from stage to stage.
  const u8* from = p.weights + ((i64)tile.n * p.steps + c0 * NK) * kTaps * (BN * 32);
  int piece_at[kWeightLoads], piece_step[kWeightLoads];
#pragma unroll
  for (int i = 0; i < kWeightLoads; i++) {
    const int e = i * kThreads + tid, t = e / (NK * BN * 2), k = e / (BN * 2) % NK;
    piece_at[i] = (k * kTaps + t) * (BN * 32) + e % (BN * 2) * 16;
    piece_step[i] = k;
  }
  int load_chunk = c0, load_tap = 0, load_slot = 0;  // of the next weight stage
  auto load_weights = [&] {
    const u32 to = ring + load_slot * kWeightBytes + tid * 16;
    const int left = p.steps - load_chunk * NK;
#pragma unroll
    for (int i = 0; i < kWeightLoads; i++) {
      if (kWeightPieces % kThreads != 0 && i * kThreads + tid >= kWeightPieces) break;
      const bool valid = piece_step[i] < left;
      copy_16(to + i * (kThreads * 16), valid ? from + piece_at[i] : p.weights, valid);
    }
    if (++load_slot == STAGES) load_slot = 0;
    from += TPS * BN * 32;
    load_tap += TPS;
    if (load_tap == kTaps) {
      load_tap = 0;
      load_chunk++;
      from += (NK - 1) * kTaps * (BN * 32);
    }
  };
  auto load_input = [&](int chunk, int slot, int part) {
    const int entries = p.halo_pixels * kLoaded, share = (entries + kParts - 1) / kParts;
    const int end = min(entries, (part + 1) * share);
    const u32 to = input + slot * input_bytes;
    for (int e = part * share + tid; e < end; e += kThreads) {
      const int pixel = e / kLoaded, piece = e - pixel * kLoaded;
      const int offset = offsets[pixel], channel = chunk * (NK * kStepChannels) + piece * kPieceChannels;
      const bool valid = offset >= 0 && channel < p.in_channels;
      copy_16(to + pixel * PITCH + ((piece ^ swizzle(p, pixel)) << 4), valid ? corner + ((i64)offset + channel) * kElement : p.in, valid);
    }
  };

  int at[MT];  // where in the halo this lane's row of each m16 tile begins
#pragma unroll
  for (int i = 0; i < MT; i++) {
    const int2 o = pixel_of(p, tile, warp_m * WM + i * 16 + (lane & 15));
    at[i] = (o.x - tile.y) * p.stride_h * p.halo_w + (o.y - tile.x) * p.stride_w;
  }

  load_weights();  // they do not depend on the kernel before
  __syncthreads();
  wait_for_predecessors();
  for (int part = 0; part < kParts; part++) load_input(c0, 0, part);
  close_copies();
#pragma unroll
  for (int s = 1; s < STAGES - 1; s++) {
    if (s < stages) {
      load_weights();
      if (kTaps == 1) load_input(c0 + s, s, 0);
    }
    close_copies();
  }

  float acc[MT][NP * 2][4];
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int j = 0; j < NP * 2; j++) acc[i][j][0] = acc[i][j][1] = acc[i][j][2] = acc[i][j][3] = 0.f;

  int chunk = c0, tap = 0, slot = 0, input_slot = 0, next_input = STAGES - 1, tap_x = 0, tap_row = 0;
#pragma unroll 1
  for (int s = 0; s < stages; s++) {
    wait_copies<STAGES - 2>();
    __syncthreads();
    const u32 tile_at = input + input_slot * input_bytes;
    const u8* weights = shared + rings + slot * kWeightBytes +
                        (group * kSteps * (BN / 16) + warp_n * NP) * 512 + lane * 16;
    u32 row[MT];
    u32 a[2][MT][4];
    uint4 b[2][NP];
    // Operands of the stage's i-th step; asked for in order, one step ahead of the products.
    auto load_step = [&](int i) {
      const int t = i / kSteps, k = i % kSteps;
      if (k == 0) {
        const int shift = tap_row + tap_x * p.dilation_w;
#pragma unroll
        for (int m = 0; m < MT; m++) {
          const int pixel = at[m] + shift;
          row[m] = (tile_at + pixel * PITCH + ((swizzle(p, pixel) ^ (lane >> 4)) << 4)) ^ (group * kSteps << 5);
        }
        if (kTaps > 1 && ++tap_x == KW) {
          tap_x = 0;
          tap_row += p.dilation_h * p.halo_w;
        }
      }
#pragma unroll
      for (int m = 0; m < MT; m++) load_matrices(a[i & 1][m], row[m] ^ (k << 5));
#pragma unroll
      for (int j = 0; j < NP; j++) b[i & 1][j] = *(const uint4*)(weights + ((t * NK + k) * (BN / 16) + j) * 512);
    };
    load_step(0);
#pragma unroll
    for (int i = 0; i < TPS * kSteps; i++) {
      if (i + 1 < TPS * kSteps) load_step(i + 1);
#pragma unroll
      for (int j = 0; j < NP; j++)
#pragma unroll
        for (int m = 0; m < MT; m++) {
          mma(acc[m][2 * j], a[i & 1][m], b[i & 1][j].x, b[i & 1][j].y);
          mma(acc[m][2 * j + 1], a[i & 1][m], b[i & 1][j].z, b[i & 1][j].w);
        }
      // What later stages need is asked for under the products of the first steps.
      if (i == 0 && s + STAGES - 1 < stages) load_weights();
      if (i == (TPS * kSteps > 1 ? 1 : 0)) {
        if (kTaps == 1) {
          if (s + STAGES - 1 < stages) load_input(c0 + s + STAGES - 1, next_input, 0);
        } else if (tap < kParts && chunk + 1 < c1) {
          load_input(chunk + 1, input_slot ^ 1, tap);
        }
      }
    }
    close_copies();
    if (++slot == STAGES) slot = 0;
    if (kTaps == 1) {
      if (++input_slot == STAGES) input_slot = 0;
      if (++next_input == STAGES) next_input = 0;
      chunk++;
    } else if (++tap == kStagesOfChunk) {
      tap = tap_x = tap_row = 0;
      chunk++;
      input_slot ^= 1;
    }
  }

  if constexpr (WARPS_K == 2) {  // the second group hands its sums to the first
    wait_copies<0>();
    __syncthreads();
    float4* sums = (float4*)shared + (tid & (kGroupWarps * 32 - 1));
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NP * 2; j++)
        if (group == 1)
          sums[(i * NP * 2 + j) * (kGroupWarps * 32)] =
              make_float4(acc[i][j][0], acc[i][j][1], acc[i][j][2], acc[i][j][3]);
    __syncthreads();
    if (group == 1) return;
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NP * 2; j++) {
        const float4 f = sums[(i * NP * 2 + j) * (kGroupWarps * 32)];
        acc[i][j][0] += f.x;
        acc[i][j][1] += f.y;
        acc[i][j][2] += f.z;
        acc[i][j][3] += f.w;
      }
  }

  if constexpr (SPLIT) {
    __shared__ u32 arrived;
    constexpr int kSumThreads = kGroupWarps * 32;
    float4* mine = p.sums + ((i64)blockIdx.x * p.parts + blockIdx.y) * (MT * NP * 2 * kSumThreads) + tid;
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NP * 2; j++)
        __stcg(mine + (i * NP * 2 + j) * kSumThreads, make_float4(acc[i][j][0], acc[i][j][1], acc[i][j][2], acc[i][j][3]));
    __threadfence();
    __syncthreads();
    if (tid == 0) arrived = atomicAdd(p.arrivals + blockIdx.x, 1u);
    __syncthreads();
    if (arrived != (u32)p.parts - 1) return;
    if (tid == 0) p.arrivals[blockIdx.x] = 0;
    __threadfence();
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
      for (int j = 0; j < NP * 2; j++) acc[i][j][0] = acc[i][j][1] = acc[i][j][2] = acc[i][j][3] = 0.f;
    const float4* all = p.sums + (i64)blockIdx.x * p.parts * (MT * NP * 2 * kSumThreads) + tid;
    for (int part = 0; part < p.parts; part++, all += MT * NP * 2 * kSumThreads)
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NP * 2; j++) {
          const float4 f = __ldcg(all + (i * NP * 2 + j) * kSumThreads);
          acc[i][j][0] += f.x;
          acc[i][j][1] += f.y;
          acc[i][j][2] += f.z;
          acc[i][j][3] += f.w;
        }
  }

  constexpr int kFull = WN / 32, kGroups = (WN + 31) / 32;
  const int first = tile.n * BN + warp_n * WN;
  float bias[kGroups][8];
#pragma unroll
  for (int g = 0; g < kGroups; g++) {
    const int count = g == kFull ? 4 : 8;
#pragma unroll
    for (int q = 0; q < count / 4; q++) {
      const float4 b = __ldg((const float4*)(p.bias + first + g * 32 + quad * count) + q);
      bias[g][q * 4] = b.x * kBiasScale;
      bias[g][q * 4 + 1] = b.y * kBiasScale;
      bias[g][q * 4 + 2] = b.z * kBiasScale;
      bias[g][q * 4 + 3] = b.w * kBiasScale;
    }
  }
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int2 o = pixel_of(p, tile, warp_m * WM + i * 16 + (lane >> 2) + h * 8);
      if (o.x >= p.out_h || o.y >= p.out_w) continue;
      const int pixel = (tile.image * p.out_h + o.x) * p.out_w + o.y;
      const int residual_pixel =
          RESIDUAL == 2 ? upsampled_pixel(tile.image, o.x, o.y, p.out_h, p.out_w) : pixel;
#ifndef F32
      uint4 rest[RESIDUAL ? kGroups : 1];
      if constexpr (RESIDUAL) {
#pragma unroll
        for (int g = 0; g < kGroups; g++) {
          const int count = g == kFull ? 4 : 8;
          rest[g] = load_residual((const u16*)p.residual, residual_pixel, p.residual_stride, first + g * 32 + quad * count,
                                  count, p.out_channels);
        }
      }
#endif
#pragma unroll
      for (int g = 0; g < kGroups; g++) {
        const int count = g == kFull ? 4 : 8, channel = first + g * 32 + quad * count;
        float v[8];
#pragma unroll
        for (int j = 0; j < count; j++) v[j] = acc[i][g * 4 + j / 2][h * 2 + (j & 1)];
        const auto add = [&] {
#ifdef F32
          const float* rest = (const float*)p.residual + (i64)residual_pixel * p.residual_stride + channel;
#pragma unroll
          for (int j = 0; j < count; j++)
            if (channel + j < p.out_channels) v[j] += rest[j];
#else
          add_residual(v, rest[RESIDUAL ? g : 0], count);
#endif
        };
        if constexpr (RESIDUAL == 2) add();
#pragma unroll
        for (int j = 0; j < count; j++) v[j] = finish(v[j], bias[g][j], p.alpha, p.beta);
        if constexpr (RESIDUAL == 1) add();
        store_channels(p.out, pixel, p.out_stride, channel, count, p.out_channels, v);
      }
    }
}
