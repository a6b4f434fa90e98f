// How a convolution is laid out for the Hopper kernel (conv_sm90.cu): which part of the picture is a tile,
// how deep the rings are, how many blocks run, and how long that should take.
#pragma once

#include <string>
#include <vector>

#include "device/device.h"
#include "kernels/conv/cuda/cuda_conv.h"

namespace hone {

// What is compiled: a tile is 64 * m * warpgroups pixels (64 * m where each warpgroup has a tile of its own)
// by n output channels.
struct Sm90Variant {
  int kind = 1;  // 1: 1x1; 3: 3x3 at stride 1; 2: 3x3 at stride 2
  int n = 64, m = 1, warpgroups = 1;
  int split = 1;           // blocks of a cluster that share the input channels of a tile
  bool ping_pong = false;  // persistent, weights resident, a warpgroup stores while another multiplies
  // How it runs, of no account to what is compiled: blocks that take tile after tile; tiles that are
  // stretches of a raster with one zero column instead of squares of 8x8.
  bool persistent = false, raster = false;

  int accumulators() const { return m * n / 2; }  // a thread
  int producer_warps() const { return accumulators() >= 128 ? 4 : 2; }
  int threads() const { return warpgroups * 128 + 32 * producer_warps(); }
  int blocks_at_once(bool residual) const;  // what the kernel's launch bounds promise
  int tile_pixels() const { return 64 * m * (ping_pong ? 1 : warpgroups); }
};

// Every variant that is a row.
const std::vector<Sm90Variant>& sm90_variants();
std::string sm90_name(const Sm90Variant& variant);

struct Sm90Plan {
  int steps = 4, chunks = 1, taps_per_stage = 1;  // 16-channel steps a chunk
  int arrangement = 0, sub_x = 1, sub_y = 1;      // as in conv_sm90.cu
  int box_w = 1, box_h = 1, pitch = 0, tiles_x = 1, tiles_per_image = 1, n_tiles = 1, tiles = 1;
  int chunks_per_rank = 1, units_per_rank = 0;
  int ring_a = 2, ring_b = 2, a_bytes = 0, a_stride = 0, group_stride = 1024;
  bool persistent = false, streaming = true;
  int grid = 1, shared_bytes = 0, receive_offset = 0, blocks_per_multiprocessor = 1;
  double estimated_us = 0;
};

// Sixteenths of a chunk of input channels, a function of the channels alone, so that packed weights serve
// every shape.
int sm90_steps(int64_t in_channels);
int sm90_stage_bytes(const Sm90Variant& variant, int steps, int taps_per_stage);

// Every way to run the variant, unordered; empty with a reason where there is none.
std::vector<Sm90Plan> sm90_plans(const Sm90Variant& variant, const CudaConv& conv, const GpuTraits& gpu,
                                 std::string& reason);
// The one that should be fastest.
bool best_sm90_plan(const Sm90Variant& variant, const CudaConv& conv, const GpuTraits& gpu, Sm90Plan& plan,
                    std::string& reason);

}  // namespace hone
