// Convolution on Hopper: 16-bit NHWC in, f32 sums, implicit GEMM of 64-pixel by BN-channel tiles.
//
// The input tile with its halo is loaded once into 128-byte-swizzled shared memory; a filter tap is the same tile
// read by wgmma through a descriptor shifted by whole pixels (a pixel is a row of 128 bytes, and the swizzle is a
// function of absolute address bits). A stride of 2 is four such tiles, one for each parity of row and column.
// Weights lie packed in wgmma's un-swizzled core-matrix order and arrive by bulk copies. Output channels are
// permuted inside the pack, so that a thread ends up with 8 consecutive ones: a 16-byte store.
//
// Options: BN output channels a tile; MI times 64 pixels a warpgroup; NWG warpgroups; KIND 1 (1x1), 3 (3x3), 2 (3x3
// at stride 2); NK steps of 16 input channels a chunk; TPS taps a weight stage; RESIDUAL (2: 1x1 alone); SPLIT (a cluster's blocks
// share the input channels); F32_OUT; SCALAR (output channels are no multiple of 8).
// In front: types.cuh, activation.cuh, epilogue.cuh, hopper.cuh, and wgmma(d, a, b) for this BN.

struct Params {
  TensorMap in[4];
  const u8* weights;
  const float* bias;
  const u16* residual;
  void* out;
  int residual_stride, out_stride;                  // elements from pixel to pixel
  int batch, out_h, out_w, pixels, out_channels;    // pixels: of the whole batch
  int chunks, chunk_channels, ring_a, ring_b;       // stages of input and of weights
  int a_bytes, a_stride, row_offset, group_stride;  // an input stage; a row of it / 16; 8 pixels further on
  int receive_offset, units_per_rank, split, chunks_per_rank;
  int arrangement;  // 0: blocks of 8x8 pixels, 1: a raster with one zero column, 2: 1x1
  int sub_x_log2, sub_x, sub_y, tiles_x, tiles_per_image, pitch, n_tiles, tiles;
  int streaming, ping_pong;  // weights pass by again for every tile; each warpgroup has a tile of its own
  u32 weight_tile_bytes, split_multiplier;
  Divisor by_n_tiles, by_tiles_per_image, by_tiles_x, by_pitch, by_out_h, by_out_w;
  float alpha, beta;
};

constexpr int kHeader = 2048;  // barriers in the first 1024 bytes, bias in the next
constexpr int kProducerWarps = MI * BN / 2 >= 128 ? 4 : 2;
constexpr int kConsumers = NWG * 128, kThreads = kConsumers + 32 * kProducerWarps;
// Blocks that share a multiprocessor, as Sm90Variant::blocks_at_once() has it: a block's warps are dealt out to four
// schedulers, each with a quarter of the registers.
constexpr int kHeldResidual = 6;  // 16-byte pieces
constexpr int kRegisters = (MI * BN / 2 + (SPLIT ? 76 : RESIDUAL ? 56 : 40) + 7) / 8 * 8;
constexpr int kFit = 65536 / ((kThreads + 127) / 128 * 128 * kRegisters);
constexpr int kBlocksAtOnce = kFit < 1 ? 1 : kFit > 4 ? 4 : kFit;
constexpr int kFullGroups = BN / 32, kGroups = (BN + 31) / 32, kUnits = MI * 2 * kGroups;
// Groups of channels whose residual is asked for before the last chunk's products (the first's at 1x1, where a chunk takes
// less time than a load); the others follow, each when one of these has been used.
constexpr int kAhead = RESIDUAL ? (kHeldResidual / (2 * MI) < kGroups ? kHeldResidual / (2 * MI) : kGroups) : 0;
constexpr int kTaps = KIND == 1 ? 1 : 9;
constexpr u32 kStageBytes = TPS * NK * BN * 32;

DEVICE u64 descriptor(u32 low, u32 high) { return (u64)low | ((u64)high << 32); }

// Where tile `m` of pixels begins.
struct Place {
  int image, rest, tile_y, tile_x;
};
DEVICE Place place_of(const Params& p, int m) {
  Place at;
  at.image = divide(m, p.by_tiles_per_image);
  at.rest = m - at.image * p.tiles_per_image;
  at.tile_y = divide(at.rest, p.by_tiles_x);
  at.tile_x = at.rest - at.tile_y * p.tiles_x;
  return at;
}

// Where the residual of an output pixel, or of none (-1), lies.
DEVICE int residual_pixel(const Params& p, int pixel) {
  if (RESIDUAL != 2 || pixel < 0) return pixel;
  const int row = divide(pixel, p.by_out_w), image = divide(row, p.by_out_h);
  return upsampled_pixel(image, row - image * p.out_h, pixel - row * p.out_w, p.out_h, p.out_w);
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    conv_sm90(const __grid_constant__ Params p) {
  extern __shared__ u8 raw[];
  release_successors();
  const u32 base = (shared_address(raw) + 1023) & ~1023u;
  u8* const local = raw + (base - shared_address(raw));
  const int tid = threadIdx.x, warp = __shfl_sync(~0u, tid >> 5, 0), lane = tid & 31;
  const int ranks = SPLIT ? p.split : 1, rank = SPLIT ? (int)cluster_rank() : 0;
  const u32 full_a = base, empty_a = base + 8 * p.ring_a, full_b = base + 16 * p.ring_a,
            empty_b = full_b + 8 * p.ring_b;
  const u32 sum_barrier = base + 1016, a0 = base + kHeader, b0 = a0 + p.ring_a * p.a_stride;
  if (lane == 0) {  // shared out over the warps: the instruction takes uniform operands only
    for (int i = warp; i < p.ring_a; i += NWG * 4 + kProducerWarps) {
      barrier_init(full_a + 8 * i, 1);
      barrier_init(empty_a + 8 * i, p.ping_pong ? 4 : NWG * 4);
    }
    for (int i = warp; i < p.ring_b; i += NWG * 4 + kProducerWarps) {
      barrier_init(full_b + 8 * i, 1);
      barrier_init(empty_b + 8 * i, NWG * 4);
    }
    if (SPLIT && warp == 0) {  // partial sums of the other ranks arrive here
      u32 bytes = 0;
      for (int u = 0; u < kUnits; u++)
        if (u - (int)((u * p.split_multiplier) >> 16) * ranks == rank)
          bytes += (u / (2 * MI) == kFullGroups ? 16 : 32) * kConsumers * (ranks - 1);
      barrier_init(sum_barrier, 1);
      barrier_expect(sum_barrier, bytes);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  if (KIND != 1 && p.arrangement == 1) {  // one guard pixel behind each input stage must read as zero
    for (int s = 0; s < p.ring_a; s++)
      for (int i = p.a_bytes / 16 + tid; i < p.a_stride / 16; i += kThreads)
        *(uint4*)(local + kHeader + s * p.a_stride + i * 16) = make_uint4(0, 0, 0, 0);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();
  if (SPLIT) cluster_sync();
  const int tile_pixels = p.ping_pong ? 64 * MI : 64 * MI * NWG;
  const int first = SPLIT ? blockIdx.x / ranks : blockIdx.x, step = SPLIT ? gridDim.x / ranks : gridDim.x;
  const int c0 = SPLIT ? rank * p.chunks_per_rank : 0,
            c1 = SPLIT ? min(p.chunks, c0 + p.chunks_per_rank) : p.chunks;

  if (warp >= NWG * 4) {
    if constexpr (kProducerWarps == 4) asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (warp == NWG * 4) {  // loads input
      if (elect_one()) {
        asm volatile("prefetch.tensormap [%0];" ::"l"(&p.in[0]) : "memory");
        int sa = 0;
        u32 phase = 1;
        const int ring = p.ring_a;
        const u32 bytes = p.a_bytes, stride = p.a_stride;
        const TensorMap* maps = &p.in[0];
        for (int t = first; t < p.tiles; t += step) {
          const int m = divide(t, p.by_n_tiles);
          int x, y = 0, image = 0;
          if (KIND == 1) {
            x = m * tile_pixels;
          } else {
            const Place at = place_of(p, m);
            image = at.image;
            if (p.arrangement == 0) {
              x = at.tile_x * p.sub_x * 8 - 1;
              y = at.tile_y * p.sub_y * 8 - 1;
            } else {
              x = -1;
              y = divide(at.rest * tile_pixels, p.by_pitch) - 1;
            }
          }
          if (t == first) wait_for_predecessors();
          int channel = c0 * p.chunk_channels;
          for (int c = c0; c < c1; c++, channel += p.chunk_channels) {
#pragma unroll
            for (int s = 0; s < (KIND == 2 ? 4 : 1); s++) {
              barrier_wait(empty_a + 8 * sa, phase);
              barrier_expect(full_a + 8 * sa, bytes);
              copy_tile(a0 + sa * stride, maps + s, full_a + 8 * sa, channel, x, y, image);
              if (++sa == ring) {
                sa = 0;
                phase ^= 1;
              }
            }
          }
        }
      }
    } else if (warp == NWG * 4 + 1) {  // loads weights, which no kernel before has written
      if (elect_one()) {
        int sb = 0;
        u32 phase = 1;
        const int ring = p.ring_b, stages = (c1 - c0) * (kTaps / TPS);
        for (int t = first; t < p.tiles; t += step) {
          const int n = t - divide(t, p.by_n_tiles) * p.n_tiles;
          const u8* w = p.weights + (u64)n * p.weight_tile_bytes + (u64)c0 * (kTaps * NK * BN * 32);
          for (int i = 0; i < stages; i++, w += kStageBytes) {
            barrier_wait(empty_b + 8 * sb, phase);
            barrier_expect(full_b + 8 * sb, kStageBytes);
            copy_bytes(b0 + sb * kStageBytes, w, kStageBytes, full_b + 8 * sb);
            if (++sb == ring) {
              sb = 0;
              phase ^= 1;
            }
          }
          if (!p.streaming) break;
        }
      }
    }
    __syncwarp();
  } else {
    if constexpr (kProducerWarps == 4) asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    const int wg = p.ping_pong ? 0 : warp >> 2;  // place inside the tile
    float* const bias = (float*)(local + 1024);
    {
      const int n = first - divide(first, p.by_n_tiles) * p.n_tiles;  // the same for every tile of this block
      for (int i = tid; i < BN; i += kConsumers) bias[i] = __ldg(p.bias + n * BN + i) * kBiasScale;
      asm volatile("bar.sync 1, %0;" ::"n"(kConsumers) : "memory");
    }
    const u32 a_high = (u32)(p.group_stride >> 4) | (1u << 30);  // 128-byte swizzle
    constexpr u32 b_high = 256 >> 4;                             // none: 128 along k, 256 along n
    u32 sub[MI];
#pragma unroll
    for (int mi = 0; mi < MI; mi++) {
      const int i = wg * MI + mi;
      sub[mi] = KIND != 1 && p.arrangement == 0
                    ? (u32)(((i >> p.sub_x_log2) * 8 * p.group_stride + (i & (p.sub_x - 1)) * 1024) >> 4)
                    : (u32)i * 512;
    }
    // In a cluster shared addresses carry the block's rank in high bits.
    const u32 a_base = ((a0 & 0x3FFFF) >> 4) + (1u << 16), b_base = ((b0 & 0x3FFFF) >> 4) + ((128u >> 4) << 16),
              a_step = p.a_stride >> 4, row_offset = p.row_offset, streaming = p.streaming;
    const int ring_a = p.ring_a, ring_b = p.ring_b;
    int sa = 0, sb = 0;
    u32 phase_a = 0, phase_b = 0;
    bool seen_b = false;
    auto free_b = [&](int s) {
      if (streaming && lane == 0) barrier_arrive(empty_b + 8 * s);
    };
    const int stages_a = (c1 - c0) * (KIND == 2 ? 4 : 1), my_step = p.ping_pong ? step * NWG : step;
    auto skip_a = [&](int n) {
      for (int i = 0; i < n; i++)
        if (++sa == ring_a) {
          sa = 0;
          phase_a ^= 1;
        }
    };
    if (p.ping_pong) skip_a((warp >> 2) * stages_a);
    const int my_first = first + (p.ping_pong ? (warp >> 2) * step : 0);
    for (int t = my_first; t < p.tiles; t += my_step) {
      const int m = divide(t, p.by_n_tiles), n = t - m * p.n_tiles;
      Place at = {0, 0, 0, 0};
      u32 tile_offset = 0;
      if (KIND != 1) {
        at = place_of(p, m);
        if (p.arrangement == 1) {
          const int f0 = at.rest * tile_pixels;
          tile_offset = (u32)(f0 - divide(f0, p.by_pitch) * p.pitch - 1) * 8;
        }
      }
      float acc[MI][BN / 2];
#pragma unroll
      for (int mi = 0; mi < MI; mi++)
#pragma unroll
        for (int i = 0; i < BN / 2; i++) acc[mi][i] = 0.f;
      int pixel[MI][2];  // output pixels of this thread's rows, or -1
#pragma unroll
      for (int mi = 0; mi < MI; mi++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
          const int i = wg * MI + mi, r = (warp & 3) * 16 + (lane >> 2) + h * 8;
          if (KIND == 1) {
            const int x = m * tile_pixels + i * 64 + r;
            pixel[mi][h] = x < p.pixels ? x : -1;
          } else {
            int x, y;
            if (p.arrangement == 0) {
              y = (at.tile_y * p.sub_y + (i >> p.sub_x_log2)) * 8 + (r >> 3);
              x = (at.tile_x * p.sub_x + (i & (p.sub_x - 1))) * 8 + (r & 7);
            } else {
              const int f = at.rest * tile_pixels + i * 64 + r;
              y = divide(f, p.by_pitch);
              x = f - y * p.pitch - 1;
            }
            const bool inside = x >= 0 && x < p.out_w && y < p.out_h && at.image < p.batch;
            pixel[mi][h] = inside ? (at.image * p.out_h + y) * p.out_w + x : -1;
          }
        }
      int last_a = -1, last_b = -1;
      if (!streaming) sb = 0;
      seen_b = false;
      // One weight stage; taps[i] is the offset of its i-th tap.
      auto stage = [&](u32 a, const u32 (&taps)[TPS], bool last_of_a) {
        if (!seen_b) barrier_wait(full_b + 8 * sb, phase_b);
        const u32 b = b_base + sb * (kStageBytes / 16);
        wgmma_fence();
#pragma unroll
        for (int tt = 0; tt < TPS; tt++)
#pragma unroll
          for (int kk = 0; kk < NK; kk++)
#pragma unroll
            for (int mi = 0; mi < MI; mi++)
              wgmma(acc[mi], descriptor(a + taps[tt] + sub[mi] + kk * 2, a_high),
                    descriptor(b + (tt * NK + kk) * BN * 2, b_high));
        wgmma_commit();
        const int current = sb;
        if (++sb == ring_b) {
          sb = 0;
          phase_b ^= streaming;
        }
        seen_b = barrier_test(full_b + 8 * sb, phase_b);  // look ahead while the tensor cores work
        wgmma_wait<1>();                                  // the group before is done: give its stages back
        if (last_b >= 0) free_b(last_b);
        if (last_a >= 0 && lane == 0) barrier_arrive(empty_a + 8 * last_a);
        last_b = current;
        last_a = last_of_a ? sa : -1;
      };
      auto next_a = [&] {
        if (++sa == ring_a) {
          sa = 0;
          phase_a ^= 1;
        }
      };
      uint4 rest[RESIDUAL ? kAhead * 2 * MI : 1];
      const int quad = lane & 3;
      auto fetch_residual = [&](int g) {
        const int count = g == kFullGroups ? 4 : 8;
#pragma unroll
        for (int mh = 0; mh < 2 * MI; mh++)
          rest[g % kAhead * 2 * MI + mh] = load_residual(p.residual, residual_pixel(p, pixel[mh >> 1][mh & 1]),
                                                         p.residual_stride, n * BN + g * 32 + quad * count, count,
                                                         p.out_channels);
      };
      auto fetch_ahead = [&] {
        if (t == my_first) wait_for_predecessors();
#pragma unroll
        for (int g = 0; g < kAhead; g++) fetch_residual(g);
      };
      if constexpr (RESIDUAL && KIND == 1) fetch_ahead();
      for (int c = c0; c < c1; c++) {
        if constexpr (RESIDUAL && KIND != 1)
          if (c == c1 - 1) fetch_ahead();
        if constexpr (KIND == 1) {
          barrier_wait(full_a + 8 * sa, phase_a);
          stage(a_base + sa * a_step, {0u}, true);
          next_a();
        } else if constexpr (KIND == 3) {
          barrier_wait(full_a + 8 * sa, phase_a);
          const u32 a = a_base + sa * a_step + tile_offset;
#pragma unroll
          for (int g = 0; g < 9 / TPS; g++) {
            u32 taps[TPS];
#pragma unroll
            for (int tt = 0; tt < TPS; tt++) {
              const int tap = g * TPS + tt;
              taps[tt] = (tap / 3) * row_offset + (tap % 3) * 8;
            }
            stage(a, taps, g == 9 / TPS - 1);
          }
          next_a();
        } else {
#pragma unroll
          for (int parity = 0; parity < 4; parity++) {  // of row and column: (1,1) (1,0) (0,1) (0,0)
            barrier_wait(full_a + 8 * sa, phase_a);
            const u32 a = a_base + sa * a_step + tile_offset;
#pragma unroll
            for (int i = parity < 2 ? 0 : 1; i < 2; i++)
#pragma unroll
              for (int j = parity & 1; j < 2; j++)
                stage(a, {i * row_offset + j * 8}, i == 1 && j == 1);
            next_a();
          }
        }
      }
      wgmma_wait<0>();
#pragma unroll
      for (int mi = 0; mi < MI; mi++)
#pragma unroll
        for (int i = 0; i < BN / 2; i++) asm volatile("" : "+f"(acc[mi][i])::"memory");
      free_b(last_b);
      if (lane == 0) barrier_arrive(empty_a + 8 * last_a);
      if (p.ping_pong) skip_a((NWG - 1) * stages_a);
      if constexpr (SPLIT) {  // push units to the rank that finishes them (one tile a block in this mode)
#pragma unroll
        for (int g = 0; g < kGroups; g++)
#pragma unroll
          for (int mh = 0; mh < 2 * MI; mh++) {
            const int u = g * 2 * MI + mh, mi = mh >> 1, h = mh & 1;
            const int slot = (u * p.split_multiplier) >> 16, owner = u - slot * ranks;
            if (owner == rank) continue;
            const int source = rank < owner ? rank : rank - 1;
            const u32 target = address_in_peer(
                base + p.receive_offset + (((source * p.units_per_rank + slot) * 2) * kConsumers + tid) * 16,
                owner);
            const u32 barrier = address_in_peer(sum_barrier, owner);
#pragma unroll
            for (int q = 0; q < (g == kFullGroups ? 1 : 2); q++) {
              const int k = (g * 4 + q * 2) * 4 + h * 2;
              store_to_peer(target + q * kConsumers * 16, acc[mi][k], acc[mi][k + 1], acc[mi][k + 4],
                            acc[mi][k + 5], barrier);
            }
          }
        barrier_wait_cluster(sum_barrier, 0);
      }
#pragma unroll
      for (int g = 0; g < kGroups; g++) {
        const int count = g == kFullGroups ? 4 : 8;  // consecutive channels of this thread
        const int in_tile = g * 32 + quad * count, channel = n * BN + in_tile;
        float b[8];
#pragma unroll
        for (int q = 0; q < count / 4; q++) {
          const float4 f = *(const float4*)(bias + in_tile + q * 4);
          b[q * 4] = f.x;
          b[q * 4 + 1] = f.y;
          b[q * 4 + 2] = f.z;
          b[q * 4 + 3] = f.w;
        }
#pragma unroll
        for (int mh = 0; mh < 2 * MI; mh++) {
          const int u = g * 2 * MI + mh, mi = mh >> 1, h = mh & 1;
          if constexpr (SPLIT) {
            const int slot = (u * p.split_multiplier) >> 16;
            if (u - slot * ranks != rank) continue;
            for (int s = 0; s < ranks - 1; s++) {
              const float4* sums = (const float4*)(local + p.receive_offset) +
                                   ((s * p.units_per_rank + slot) * 2) * kConsumers + tid;
#pragma unroll
              for (int q = 0; q < count / 4; q++) {
                const float4 f = sums[q * kConsumers];
                const int k = (g * 4 + q * 2) * 4 + h * 2;
                acc[mi][k] += f.x;
                acc[mi][k + 1] += f.y;
                acc[mi][k + 4] += f.z;
                acc[mi][k + 5] += f.w;
              }
            }
          }
          float v[8];
#pragma unroll
          for (int j = 0; j < count; j++) v[j] = acc[mi][(g * 4 + j / 2) * 4 + h * 2 + (j & 1)];
          if constexpr (RESIDUAL == 2) add_residual(v, rest[g % kAhead * 2 * MI + mh], count);
#pragma unroll
          for (int j = 0; j < count; j++) v[j] = finish(v[j], b[j], p.alpha, p.beta);
          if constexpr (RESIDUAL == 1) add_residual(v, rest[g % kAhead * 2 * MI + mh], count);
          if (pixel[mi][h] >= 0) store_channels(p.out, pixel[mi][h], p.out_stride, channel, count, p.out_channels, v);
        }
        if constexpr (RESIDUAL)
          if (g + kAhead < kGroups) fetch_residual(g + kAhead);
      }
    }
  }
  if (SPLIT) cluster_sync();  // nobody leaves while a peer may still write here
}
