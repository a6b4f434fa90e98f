#include "kernels/conv/cuda/mma_plan.h"

#include <algorithm>

#include "kernels/conv/cuda/mma_cost.h"

namespace hone {
namespace {

constexpr int kReservedPerBlock = 1024;  // shared memory that the driver takes for itself
constexpr int kMostParts = 6;
constexpr int kMostF32Sums = 48;       // of a thread: the parts of f32 factors need registers
constexpr int64_t kOrderedWidth = 64;  // widest map whose pixels may go in order

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool single_row(const CudaConv& c) { return c.out_height == 1 && c.in_height == 1 && c.batch == 1; }

// Where pixels go. False: cannot be.
bool arrange(const MmaVariant& v, const CudaConv& c, int arrangement, int tile_w_log2, MmaPlan& p) {
  p.arrangement = arrangement, p.tile_w_log2 = tile_w_log2;
  const bool alone = c.taps() == 1;
  const int64_t stride_w = alone ? 1 : c.stride_w, stride_h = alone ? 1 : c.stride_h;
  const int64_t reach_w = (c.kernel_w - 1) * c.dilation_w + 1, reach_h = (c.kernel_h - 1) * c.dilation_h + 1;
  int64_t width = 0, rows = 1;
  if (arrangement == 0) {
    width = int64_t{1} << tile_w_log2, rows = v.m >> tile_w_log2;
    p.tile_h = static_cast<int>(rows);
    p.tiles_x = static_cast<int>(ceil_div(c.out_width, width));
    p.tiles_per_image = p.tiles_x * static_cast<int>(ceil_div(c.out_height, rows));
  } else {
    width = arrangement == 1 ? c.out_width : v.m;
    rows = arrangement == 1 ? (c.out_width - 1 + v.m - 1) / c.out_width + 1 : 1;
    p.tiles_per_image = static_cast<int>(ceil_div(c.out_area(), v.m));
  }
  const int64_t halo_w = (width - 1) * stride_w + reach_w, halo_h = (rows - 1) * stride_h + reach_h;
  if (halo_w * halo_h > 4096) return false;
  p.halo_w = static_cast<int>(halo_w), p.halo_pixels = static_cast<int>(halo_w * halo_h);
  p.n_tiles = static_cast<int>(ceil_div(c.out_channels, v.n));
  const int64_t tiles = c.batch * p.tiles_per_image * p.n_tiles;
  if (tiles >= (int64_t{1} << 30)) return false;
  p.tiles = static_cast<int>(tiles);
  return true;
}

// Rings. False: they do not fit.
bool fill(const MmaVariant& v, const CudaConv& c, const GpuTraits& gpu, MmaPlan& p) {
  const int pitch = p.steps > 4   ? 256
                    : p.steps > 2 ? 128
                                  : p.steps * 32,
            rings = c.taps() == 1 ? p.stages : 2;
  p.shared_bytes = rings * ((p.halo_pixels * pitch + 255) / 256 * 256) +
                   p.stages * p.taps_per_stage * p.steps * v.n * 32 + p.halo_pixels * 4;
  if (v.warps_k > 1) p.shared_bytes = std::max(p.shared_bytes, v.m * v.n * 4);
  if (static_cast<size_t>(p.shared_bytes) + 512 > gpu.shared_per_block_bytes) return false;
  const auto by_shared = static_cast<int>(gpu.shared_per_multiprocessor_bytes /
                                          static_cast<size_t>(p.shared_bytes + 512 + kReservedPerBlock));
  const int by_registers = 65536 / (v.threads() * v.registers());
  p.blocks_per_multiprocessor = std::max(1, std::min(by_shared, by_registers));
  p.chunks = static_cast<int>(ceil_div(ceil_div(c.in_channels, mma_step_channels(c)), p.steps));
  return true;
}

std::string check(const MmaVariant& v, const CudaConv& c, const GpuTraits& gpu) {
  if (gpu.capability < 80) return "needs sm_80";
  if (c.type != DType::f16 && c.type != DType::bf16 && c.type != DType::f32)
    return "is for f32, f16 and bf16";
  if (c.type == DType::f32 && v.accumulators() > kMostF32Sums) return "keeps too many sums for f32";
  if (c.plain_input) return "wants channels innermost";
  if (c.group != 1) return "takes no groups";
  if (!whole_vectors(c.in_channels))
    return "input channels " + std::to_string(c.in_channels) + " are no multiple of 8";
  if (c.stride_h > 4 || c.stride_w > 4 || c.taps() > 128) return "the filter is too large";
  const int64_t padded = ceil_div(c.out_channels, v.n) * v.n, least = ceil_div(c.out_channels, 32) * 32;
  if (padded * 3 > least * 4) return "the tile is wider than the output channels";
  return {};
}

}  // namespace

CudaConv flat_view(CudaConv c) {
  if (c.taps() != 1 || c.stride_h != 1 || c.stride_w != 1 || c.pad_top != 0 || c.pad_left != 0 ||
      c.out_area() != c.in_area() || c.residual_upsampled)
    return c;
  c.in_width = c.out_width = c.out_pixels();
  c.in_height = c.out_height = c.batch = 1;
  return c;
}

const std::vector<MmaVariant>& mma_variants() {
  static const std::vector<MmaVariant> all = {
      {64, 32, 2, 2, 1},   {64, 32, 2, 2, 2},  {64, 48, 4, 1, 1},  {64, 48, 2, 1, 2},   {64, 64, 2, 2, 1},
      {64, 64, 2, 2, 2},   {64, 96, 2, 2, 1},  {64, 96, 2, 2, 2},  {64, 128, 2, 2, 2},  {128, 32, 4, 1, 2},
      {128, 48, 4, 1, 1},  {128, 48, 4, 1, 2}, {128, 64, 2, 2, 1}, {128, 64, 4, 1, 2},  {128, 80, 4, 1, 1},
      {128, 96, 2, 2, 1},  {128, 96, 2, 2, 2}, {128, 96, 4, 2, 1}, {128, 128, 2, 2, 2}, {128, 128, 4, 2, 1},
      {128, 192, 2, 4, 1}, {256, 48, 8, 1, 1}, {256, 64, 4, 2, 1}, {256, 96, 4, 2, 1},
  };
  return all;
}

std::string mma_name(const MmaVariant& v) {
  return "conv.cuda.mma_m" + std::to_string(v.m) + "n" + std::to_string(v.n) + "_w" +
         std::to_string(v.warps_m) + "x" + std::to_string(v.warps_n) +
         (v.warps_k > 1 ? "x" + std::to_string(v.warps_k) : "");
}

int MmaVariant::blocks_at_once() const {
  const int at_most_48 = accumulators() <= 48 ? 1 : 0;
  return threads() <= 128 ? 2 + at_most_48 : 1 + at_most_48;
}

int MmaVariant::registers() const {
  return std::min(accumulators() + 95, std::min(255, 65536 / (threads() * blocks_at_once()) / 8 * 8));
}

std::vector<MmaPlan> mma_plans(const MmaVariant& v, const CudaConv& real, const GpuTraits& gpu,
                               std::string& reason) {
  reason = check(v, real, gpu);
  if (!reason.empty()) return {};
  const CudaConv c = flat_view(real);
  std::vector<MmaPlan> plans;
  const auto channel_steps = static_cast<int>(ceil_div(c.in_channels, mma_step_channels(c))),
             taps = static_cast<int>(c.taps());
  const auto add_parts = [&](MmaPlan p) {
    for (int parts = 1; parts <= std::min(kMostParts, p.chunks); ++parts) {
      p.chunks_per_part = static_cast<int>(ceil_div(p.chunks, parts));
      if ((parts - 1) * p.chunks_per_part >= p.chunks) continue;
      if (parts > 1 && int64_t{p.tiles} * (parts - 1) > 2 * gpu.multiprocessors) break;
      p.parts = parts;
      p.estimated_us = mma_cost_us(v, c, gpu, p);
      plans.push_back(p);
    }
  };
  // Unrolled steps that one tile's loop may have: where code is made for sm_80 this one spills beyond.
  const bool tight = gpu.capability == 80 && v.m == 64 && v.n == 96;
  const int most_steps = !tight ? 12 : v.warps_k > 1 ? 9 : 6;
  const auto add = [&](int arrangement, int tile_w_log2) {
    MmaPlan placed;
    if (!arrange(v, c, arrangement, tile_w_log2, placed)) return;
    for (const int steps : {8, 4, 3, 2, 1}) {
      if (steps > (channel_steps + 1) / 2 * 2 || (steps == 8 && taps > 1) ||
          (v.warps_k > 1 && steps % 2 != 0))
        continue;
      // Fewer steps a chunk only where they waste less or where more would not fit.
      if (steps < 3 && channel_steps % steps != 0 && channel_steps > 1) continue;
      for (const int group : {static_cast<int>(c.kernel_w), 1}) {
        if (group == 1 && c.kernel_w == 1 && taps > 1) continue;
        if (group > 1 && (group > 3 || group * steps > most_steps)) continue;
        for (const int stages : {4, 3, 2}) {
          if (taps > 1 && stages > taps / group) continue;
          MmaPlan p = placed;
          p.steps = steps, p.stages = stages, p.taps_per_stage = group;
          if (fill(v, c, gpu, p)) add_parts(p);
        }
        if (c.kernel_w == 1) break;
      }
    }
  };
  if (single_row(c)) {
    add(2, 0);
  } else {
    for (const int tile_w_log2 : {3, 4})
      if ((v.m >> tile_w_log2) >= 4) add(0, tile_w_log2);
    if (c.out_width <= kOrderedWidth) add(1, 0);
  }
  if (plans.empty()) reason = "its rings do not fit into shared memory";
  return plans;
}

bool best_mma_plan(const MmaVariant& v, const CudaConv& c, const GpuTraits& gpu, MmaPlan& plan,
                   std::string& reason) {
  const std::vector<MmaPlan> plans = mma_plans(v, c, gpu, reason);
  if (plans.empty()) return false;
  plan = *std::ranges::min_element(plans, {}, &MmaPlan::estimated_us);
  return true;
}

}  // namespace hone
