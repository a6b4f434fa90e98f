#include "kernels/conv/cuda/mma_cost.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Cycles and rates of an H200 held to sm_86's limits, fitted to timings of YOLOv8m's layers.
constexpr double kProduct = 8.5;       // m16n8k16 on a quarter of a multiprocessor
constexpr double kOperandPiece = 5.7;  // 512 bytes from shared memory to a warp
constexpr double kBoth = 0.36;         // how little products and operands overlap
constexpr double kFillBytes = 33.5;    // into a multiprocessor's shared memory in a cycle
constexpr double kStage = 520.0, kStep = 10.0, kRingLatency = 1490.0, kLatency = 2100.0;
constexpr double kEpilogue = 1670.0, kEpiloguePerSum = 36.6;
constexpr double kBesideOther = 0.83, kMemoryRate = 0.56, kLaunchUs = 0.1;
constexpr double kExchangeUs = 1.9, kExchangeUsPerPart = 0.27;

// sm_86 and sm_89 multiply half as fast with f32 sums.
double product_cycles(int capability) { return capability == 89 ? 2 * kProduct : kProduct; }

}  // namespace

double mma_cost_us(const MmaVariant& v, const CudaConv& c, const GpuTraits& gpu, const MmaPlan& p) {
  const double warps = v.threads() / 32.0, quarter = std::max(1.0, warps / 4);
  const double m16 = v.m / v.warps_m / 16.0, n8 = v.n / v.warps_n / 8.0;
  const double taps = static_cast<double>(c.taps()), chunks = p.chunks_per_part;
  const double steps = chunks * taps * p.steps / v.warps_k, stages = chunks * taps / p.taps_per_stage;

  const double products = c.type == DType::f32 ? 3 : 1;
  const double multiply = m16 * n8 * product_cycles(gpu.capability) * quarter * products;
  const double operands = warps * kOperandPiece * (m16 + n8 / 2);
  const double compute = steps * (std::max(multiply, operands) + kBoth * std::min(multiply, operands));
  const double fill = (chunks * p.halo_pixels * p.steps + chunks * taps * p.steps * v.n) * 32.0 / kFillBytes;
  const double ring = stages * kRingLatency / std::max(p.stages - 1, 1);
  const double epilogue =
      kEpilogue + kEpiloguePerSum * v.accumulators() * std::max(1.0, warps / 4 / v.warps_k);
  const double alone =
      kLatency + std::max({compute + steps * kStep + stages * kStage, fill, ring}) + epilogue;

  const double tiles = std::ceil(static_cast<double>(p.tiles) * p.parts / gpu.multiprocessors);
  const double blocks = p.blocks_per_multiprocessor, at_once = std::min(blocks, tiles);
  const double rounds = std::ceil(tiles / blocks), share = std::max(compute, fill);
  const double cycles =
      std::max(alone + (at_once - 1) * share * kBesideOther + (rounds - 1) * std::max(alone, share * at_once),
               tiles * share + kLatency + epilogue);
  const double bytes =
      (c.type == DType::f32 ? 4.0 : 2.0) *
      static_cast<double>(
          c.batch * (c.in_channels * c.in_area() + c.out_channels * c.out_area() * (c.has_residual ? 2 : 1)));
  return std::max(cycles / (gpu.clock_ghz * 1e3), bytes / (gpu.bytes_per_ns * 1e3 * kMemoryRate)) +
         kLaunchUs + (p.parts > 1 ? kExchangeUs + kExchangeUsPerPart * p.parts : 0);
}

}  // namespace hone
