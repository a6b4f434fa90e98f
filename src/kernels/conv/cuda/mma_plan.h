// How a convolution is laid out for the kernel of sm_80 and newer (conv_mma.cu), and how long that should
// take.
#pragma once

#include <string>
#include <vector>

#include "device/device.h"
#include "kernels/conv/cuda/cuda_conv.h"

namespace hone {

// A tile of m pixels by n output channels, cut among warps_m x warps_n warps; warps_k such groups share the
// channels.
struct MmaVariant {
  int m = 64, n = 64, warps_m = 2, warps_n = 2, warps_k = 1;

  int threads() const { return warps_m * warps_n * warps_k * 32; }
  int accumulators() const { return m * n / (warps_m * warps_n * 32); }  // a thread
  int blocks_at_once() const;  // what the kernel's launch bounds promise
  int registers() const;       // a thread, about
};
const std::vector<MmaVariant>& mma_variants();
std::string mma_name(const MmaVariant& variant);

struct MmaPlan {
  int steps = 4, stages = 4, taps_per_stage = 1;  // steps a chunk; weight stages in the ring
  int chunks = 1, chunks_per_part = 1, parts = 1;
  int arrangement = 0, tile_w_log2 = 3, tile_h = 8;  // as in conv_mma.cu
  int tiles_x = 1, tiles_per_image = 1, n_tiles = 1, tiles = 1, halo_w = 1, halo_pixels = 1;
  int shared_bytes = 0, blocks_per_multiprocessor = 1;
  double estimated_us = 0;

  size_t sums_bytes(const MmaVariant& v) const {
    return parts > 1 ? static_cast<size_t>(tiles) * static_cast<size_t>(parts * v.m * v.n) * sizeof(float)
                     : 0;
  }
};

// Input channels of a step: 32 bytes of them.
inline int mma_step_channels(const CudaConv& conv) { return conv.type == DType::f32 ? 8 : 16; }

// 1x1 convolutions see the whole batch as one row of pixels.
CudaConv flat_view(CudaConv conv);
// Every way to run the variant, unordered; empty with a reason where there is none.
std::vector<MmaPlan> mma_plans(const MmaVariant& variant, const CudaConv& conv, const GpuTraits& gpu,
                               std::string& reason);
// The one that should be fastest.
bool best_mma_plan(const MmaVariant& variant, const CudaConv& conv, const GpuTraits& gpu, MmaPlan& plan,
                   std::string& reason);

}  // namespace hone
