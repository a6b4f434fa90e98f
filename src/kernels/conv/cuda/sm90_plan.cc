#include "kernels/conv/cuda/sm90_plan.h"

#include <algorithm>

#include "kernels/conv/cuda/sm90_cost.h"

namespace hone {
namespace {

constexpr int kHeaderBytes = 2048, kAlignment = 1024, kBarriers = 62;
constexpr int kReservedPerBlock = 1024;  // shared memory that the driver takes for itself
constexpr int kRasterWidth = 45;         // wider maps are better off in blocks of 8x8
constexpr double kIdlePartner = 1.5, kWideRaster = 1.5;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

int phases(const Sm90Variant& v) { return v.kind == 2 ? 4 : 1; }

// Where pixels go: everything that does not depend on rings and grid. False: cannot be.
bool arrange(const Sm90Variant& v, const CudaConv& c, int arrangement, int sub_x, Sm90Plan& p) {
  p.arrangement = arrangement;
  const int units = v.m * (v.ping_pong ? 1 : v.warpgroups), pixels = v.tile_pixels();
  const auto width = static_cast<int>(c.out_width), height = static_cast<int>(c.out_height);
  const int behind = v.kind == 2 ? 0 : 1;  // halo after the tile, in pixels of one parity
  int64_t m_tiles = 0;
  if (v.kind == 1) {
    p.box_w = pixels, p.box_h = 1;
    m_tiles = ceil_div(c.out_pixels(), pixels);
    p.tiles_per_image = static_cast<int>(m_tiles);
  } else if (arrangement == 0) {
    p.sub_x = sub_x, p.sub_y = units / sub_x;
    p.box_w = sub_x * 8 + 1 + behind, p.box_h = p.sub_y * 8 + 1 + behind;
    p.tiles_x = static_cast<int>(ceil_div(width, sub_x * 8));
    p.tiles_per_image = p.tiles_x * static_cast<int>(ceil_div(height, p.sub_y * 8));
    p.group_stride = p.box_w * 128;
    m_tiles = p.tiles_per_image * c.batch;
  } else {
    p.pitch = width + 1;
    p.box_w = p.pitch, p.box_h = static_cast<int>(ceil_div(p.pitch - 1 + pixels, p.pitch)) + 1 + behind;
    if (p.box_w > 256 || p.box_h > 256) return false;
    p.tiles_per_image = static_cast<int>(ceil_div(int64_t{p.pitch} * height, pixels));
    m_tiles = p.tiles_per_image * c.batch;
  }
  p.n_tiles = static_cast<int>(ceil_div(c.out_channels, v.n));
  if (m_tiles * p.n_tiles >= (int64_t{1} << 30)) return false;
  p.tiles = static_cast<int>(m_tiles) * p.n_tiles;
  p.a_bytes = p.box_w * p.box_h * 128;
  p.a_stride =
      static_cast<int>(ceil_div(p.a_bytes + (v.kind != 1 && arrangement == 1 ? 128 : 0), 1024)) * 1024;
  return true;
}

// Rings and grid for `share` blocks a multiprocessor. False: it does not fit.
bool fill(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu, int share, int ring_a,
          bool persistent, Sm90Plan& p) {
  const int stage = sm90_stage_bytes(v, p.steps, p.taps_per_stage);
  const int stages_a = p.chunks_per_rank * phases(v),
            stages_b = p.chunks_per_rank * static_cast<int>(c.taps()) / p.taps_per_stage;
  const int groups = (v.n + 31) / 32, units = v.m * 2 * groups;
  p.units_per_rank = (units + v.split - 1) / v.split;
  const int receive = v.split > 1 ? (v.split - 1) * p.units_per_rank * 2 * v.warpgroups * 128 * 16 : 0;
  const auto most = static_cast<int>(
      std::min(gpu.shared_per_block_bytes,
               gpu.shared_per_multiprocessor_bytes / static_cast<size_t>(share) - kReservedPerBlock));
  const int budget = most - kAlignment - kHeaderBytes - receive - 256;
  p.ring_a = persistent ? ring_a : std::min(ring_a, stages_a);
  if (p.ring_a < 2 && stages_a > 1) return false;  // a stage is given back one group late
  if (budget < p.ring_a * p.a_stride) return false;
  p.ring_b = std::min({(budget - p.ring_a * p.a_stride) / stage, stages_b, kBarriers - p.ring_a});
  if (p.ring_b < 1 || (p.ring_b < 2 && stages_b > 1)) return false;
  p.receive_offset = (kHeaderBytes + p.ring_a * p.a_stride + p.ring_b * stage + 127) / 128 * 128;
  p.shared_bytes = kAlignment + p.receive_offset + receive + 128;
  p.blocks_per_multiprocessor = std::min(share, v.blocks_at_once(c.has_residual));
  p.persistent = persistent;
  p.streaming = true;
  int blocks = p.tiles;
  if (persistent) {
    int most_blocks = gpu.multiprocessors * p.blocks_per_multiprocessor;
    if (most_blocks < p.n_tiles) return false;
    most_blocks = most_blocks / p.n_tiles * p.n_tiles;  // each block keeps one tile of weights
    blocks = std::min(blocks, most_blocks);
    const int waves = (p.tiles + blocks - 1) / blocks;  // as many waves with fewer blocks
    const auto even = static_cast<int>(ceil_div(ceil_div(p.tiles, waves), p.n_tiles)) * p.n_tiles;
    blocks = std::min(blocks, even);
    p.streaming = p.ring_b != stages_b;
  }
  if (v.ping_pong && (p.streaming || p.ring_a % (v.warpgroups * stages_a) != 0)) return false;
  p.grid = blocks * v.split;
  return true;
}

std::vector<int> input_rings(const Sm90Variant& v, const Sm90Plan& p) {
  const int stages = p.chunks_per_rank * phases(v);
  // A warpgroup must always meet the same stages: a wait for a parity tells only neighbouring fills apart.
  if (v.ping_pong) {
    const int round = v.warpgroups * stages;
    return {round, 2 * round, 3 * round};
  }
  if (v.kind == 1) return {3, 5, 7};
  if (v.kind == 2) return {4, 8};
  return {2, 3, 4};
}

std::string check(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu) {
  if (gpu.capability != 90) return "needs sm_90a";
  if (c.type != DType::f16 && c.type != DType::bf16) return "is for f16 and bf16";
  if (c.plain_input) return "wants channels innermost";
  if (c.group != 1) return "takes no groups";
  const bool filter_1 = c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 &&
                        c.pad_top == 0 && c.pad_left == 0 && c.out_area() == c.in_area();
  const bool filter_3 = c.kernel_h == 3 && c.kernel_w == 3 && c.dilation_h == 1 && c.dilation_w == 1 &&
                        c.pad_top == 1 && c.pad_left == 1 && c.stride_h == c.stride_w && c.stride_h <= 2 &&
                        c.out_height == (c.in_height - 1) / c.stride_h + 1 &&
                        c.out_width == (c.in_width - 1) / c.stride_w + 1;
  const int kind = filter_1 ? 1 : filter_3 ? (c.stride_h == 1 ? 3 : 2) : 0;
  if (kind != v.kind) return "is for another filter, stride or padding";
  if (c.residual_upsampled && kind != 1) return "takes an upsampled residual at 1x1 alone";
  if (kind == 2 && (c.in_height < 2 || c.in_width < 2)) return "the input is smaller than two pixels";
  if (!whole_vectors(c.in_channels))
    return "input channels " + std::to_string(c.in_channels) + " are no multiple of 8";
  const int64_t padded = ceil_div(c.out_channels, v.n) * v.n, least = ceil_div(c.out_channels, 16) * 16;
  if (padded * 3 > least * 4) return "the tile is wider than the output channels";
  return {};
}

}  // namespace

int Sm90Variant::blocks_at_once(bool residual) const {
  const int registers = (accumulators() + (split > 1 ? 76 : residual ? 56 : 40) + 7) / 8 * 8;
  return std::clamp(65536 / ((threads() + 127) / 128 * 128 * registers), 1, 4);
}

int sm90_steps(int64_t channels) {
  if (channels <= 64) return static_cast<int>(ceil_div(channels, 16));
  // 48 where 64 would multiply by more zeros.
  return ceil_div(channels, 48) * 48 < ceil_div(channels, 64) * 64 ? 3 : 4;
}

int sm90_stage_bytes(const Sm90Variant& v, int steps, int taps_per_stage) {
  return taps_per_stage * steps * v.n * 32;
}

std::vector<Sm90Plan> sm90_plans(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu,
                                 std::string& reason) {
  reason = check(v, c, gpu);
  if (!reason.empty()) return {};
  Sm90Plan base;
  base.steps = sm90_steps(c.in_channels);
  base.chunks = static_cast<int>(ceil_div(c.in_channels, base.steps * 16));
  base.taps_per_stage = v.kind == 3 && v.n * base.steps <= 288 ? 3 : 1;
  base.chunks_per_rank = (base.chunks + v.split - 1) / v.split;
  if ((v.split - 1) * base.chunks_per_rank >= base.chunks) {
    reason = "too few input channels to split them";
    return {};
  }
  std::vector<Sm90Plan> plans;
  const auto add = [&](int arrangement, int sub_x) {
    Sm90Plan placed = base;
    if (!arrange(v, c, arrangement, sub_x, placed)) return;
    const int shares = std::min(v.blocks_at_once(c.has_residual), 2);
    for (int share = 1; share <= shares; ++share)
      for (const int ring_a : input_rings(v, placed)) {
        Sm90Plan plan = placed;
        if (!fill(v, c, gpu, share, ring_a, v.persistent, plan)) continue;
        plan.estimated_us = sm90_cost_us(v, c, gpu, plan);
        // What a tuned engine holds must run at every size, if not well.
        if (v.raster && c.out_width > kRasterWidth) plan.estimated_us *= kWideRaster;
        // With a tile a block nobody stores while another multiplies.
        if (v.ping_pong && plan.tiles <= gpu.multiprocessors) plan.estimated_us *= kIdlePartner;
        plans.push_back(plan);
      }
  };
  if (v.kind == 1) {
    add(2, 1);
  } else {
    const int units = v.m * (v.ping_pong ? 1 : v.warpgroups);
    for (int sub_x = 1; sub_x <= units && !v.raster; sub_x *= 2)
      if (units % sub_x == 0) add(0, sub_x);
    if (v.raster) add(1, 1);
  }
  if (plans.empty()) reason = "its rings do not fit into shared memory";
  return plans;
}

bool best_sm90_plan(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu, Sm90Plan& plan,
                    std::string& reason) {
  const std::vector<Sm90Plan> plans = sm90_plans(v, c, gpu, reason);
  if (plans.empty()) return false;
  plan = *std::ranges::min_element(plans, {}, &Sm90Plan::estimated_us);
  return true;
}

const std::vector<Sm90Variant>& sm90_variants() {
  static const std::vector<Sm90Variant> all = [] {
    std::vector<Sm90Variant> v;
    for (const int kind : {1, 3, 2}) {
      const auto add = [&](int n, int m, int warpgroups, int split, bool ping_pong) {
        for (const bool raster : {false, true})
          for (const bool persistent : {false, true})
            if ((!raster || kind != 1) && (ping_pong ? persistent : !persistent || split == 1))
              v.push_back({.kind = kind,
                           .n = n,
                           .m = m,
                           .warpgroups = warpgroups,
                           .split = split,
                           .ping_pong = ping_pong,
                           .persistent = persistent,
                           .raster = raster});
      };
      for (const int n : {16, 32, 48, 64, 80, 96, 128, 144, 192, 256}) {
        add(n, 1, 1, 1, false);
        add(n, 1, 2, 1, false);
        if (n <= 192) add(n, 2, 2, 1, false);
        if (n <= 144) add(n, 1, 2, 1, true);
        if (n <= 96) add(n, 1, 3, 1, true);
        if (n <= 96) add(n, 2, 2, 1, true);
        if (n >= 32 && n <= 128)
          for (const int split : {2, 3, 4}) add(n, 1, 1, split, false);
      }
    }
    return v;
  }();
  return all;
}

std::string sm90_name(const Sm90Variant& v) {
  std::string name = "conv.cuda.sm90_" +
                     std::string(v.kind == 1   ? "k1"
                                 : v.kind == 3 ? "k3"
                                               : "k3s2") +
                     "_n" + std::to_string(v.n) + "_m" + std::to_string(v.m) + "w" +
                     std::to_string(v.warpgroups);
  if (v.ping_pong || v.persistent) name += v.ping_pong ? "_pp" : "_p";
  if (v.raster) name += "_r";
  if (v.split > 1) name += "_s" + std::to_string(v.split);
  return name;
}

}  // namespace hone
