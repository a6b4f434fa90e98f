#include "kernels/conv/cuda/sm90_cost.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Cycles and rates of an H200, fitted to 15,000 timings of YOLOv8m's layers at five shapes (every row, many
// plans).
constexpr double kFillBytes = 52.0;       // what one multiprocessor's shared memory takes in a cycle
constexpr double kInputLatency = 1060.0;  // from asking for an input stage to having it, in a busy chip
constexpr double kWeightLatency = 960.0;  // the same for weights, which neighbours share
constexpr double kLatency = 500.0;        // of the first stage
constexpr double kBlockStart = 45.0;
constexpr double kStageLeast = 216.0;  // a stage of few products takes as long as its waits
constexpr double kStageExtra = 12.5;
constexpr double kEpilogue = 985.0, kEpiloguePerSum = 9.4, kExchange = 2380.0;
constexpr double kTileExtra = 25.0;
constexpr double kOverlapFirst = 0.35, kOverlapLast = 0.56;
constexpr double kLaunchUs = 0.59, kMemoryRate = 0.65;

// Cycles of one 64 x n x 16 product: the tensor cores' rate, or the reading of both operands from shared
// memory.
double product_cycles(int n) { return std::max(n / 2.0 * 1.04, 19.6 + n * 0.4); }

// Multiprocessors that clusters of this size reach: those of one cluster share a GPC, whose rest stays idle.
double reachable(int multiprocessors, int cluster) {
  return cluster <= 2 ? multiprocessors : multiprocessors * (cluster == 3 ? 0.865 : 0.91);
}

// Cycles that a ring of `depth` stages needs for `stages`, each given back one group late and then a latency
// away.
double ring_cycles(double stages, double depth, double late, double latency) {
  return stages * latency / std::max(depth - late, 0.5);
}

}  // namespace

double sm90_cost_us(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu, const Sm90Plan& p) {
  const double own_tiles = v.ping_pong ? v.warpgroups : 1;  // tiles of a block at once
  const double units = v.m * v.warpgroups / own_tiles;
  const double taps = static_cast<double>(c.taps()), chunks = p.chunks_per_rank;
  const double stages_a = chunks * (v.kind == 2 ? 4 : 1), stages_b = chunks * taps / p.taps_per_stage;
  const double bytes_a = stages_a * p.a_bytes,
               bytes_b = stages_b * sm90_stage_bytes(v, p.steps, p.taps_per_stage);

  const double multiply = chunks * p.steps * taps * units * product_cycles(v.n);
  const double alone = std::max(multiply, stages_b * kStageLeast) + stages_b * kStageExtra;
  const double epilogue = kEpilogue + kEpiloguePerSum * v.accumulators() * v.warpgroups / own_tiles +
                          (v.split > 1 ? kExchange : 0);
  double rings = 0;
  if (p.persistent)
    rings = ring_cycles(stages_a * own_tiles, p.ring_a, own_tiles * 0.5, kInputLatency);
  else if (stages_a > p.ring_a)
    rings = ring_cycles(stages_a, p.ring_a, 1, kInputLatency);
  if (p.streaming && (p.persistent || stages_b > p.ring_b))
    rings = std::max(rings, ring_cycles(stages_b, p.ring_b, 1, kWeightLatency));
  const double fill = (bytes_a + (p.streaming ? bytes_b : 0)) / kFillBytes;
  const double steady = std::max({alone, fill, rings});

  // Weights that fit into the ring are there before the input is.
  const double ahead = std::min<double>(p.ring_b, stages_b) / stages_b * bytes_b;
  const double first_fill = std::max((bytes_a + bytes_b - ahead) / kFillBytes, rings);
  const double first = kLatency + std::max(alone, first_fill + kOverlapFirst * alone) + epilogue;

  const double room = reachable(gpu.multiprocessors, v.split), blocks = p.blocks_per_multiprocessor;
  double tiles = 0, rounds = 0, chain = 0;  // of one multiprocessor; one after another
  if (p.persistent) {
    tiles = std::ceil(static_cast<double>(p.tiles) / p.grid) * std::ceil(p.grid / room);
    rounds = std::ceil(static_cast<double>(p.tiles) / p.grid / own_tiles);
    chain = v.ping_pong ? std::max(steady, alone + epilogue) : steady + epilogue;
  } else {
    tiles = std::ceil(static_cast<double>(p.tiles) * v.split / room);
    rounds = std::ceil(tiles / blocks);
    chain = steady + epilogue + kBlockStart;
  }
  const double share = std::max(multiply + kTileExtra, fill), at_once = std::min(blocks * own_tiles, tiles);
  const double cycles =
      std::max({first + (rounds - 1) * chain, kLatency + tiles * share + epilogue * kOverlapLast,
                first + (at_once - 1) * share * 0.8 + (rounds - 1) * share * at_once});
  const double us = cycles / (gpu.clock_ghz * 1e3) + kLaunchUs;
  const double bytes =
      2.0 * static_cast<double>(c.batch * (c.in_channels * c.in_area() +
                                           c.out_channels * c.out_area() * (c.has_residual ? 2 : 1)));
  const double memory = bytes / (gpu.bytes_per_ns * 1e3 * kMemoryRate) + kLaunchUs;
  return std::max(us, memory) + (memory > 0.3 * us ? 0.15 * std::min(us, memory) : 0);
}

}  // namespace hone
