#include "kernels/conv/cuda/sm90_cost.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Cycles and rates of an H200, fitted to 18,000 timings of YOLOv8m's layers at five shapes (every row, many
// plans).
constexpr double kFillBytes = 52.3;       // what one multiprocessor's shared memory takes in a cycle
constexpr double kFirstFillBytes = 62.0;  // the same for a block's first tile
constexpr double kAhead = 0.79;           // of the weights that fit into the ring: there before the input is
constexpr double kInputLatency = 1075.0;  // from asking for an input stage to having it, in a busy chip
constexpr double kWeightLatency = 803.0;  // the same for weights, which neighbours share
constexpr double kRingShare = 0.133;      // of the rings' waits that nothing hides
constexpr double kLatency = 268.0;        // of the first stage
constexpr double kStageLeast = 211.0;     // a stage of few products takes as long as its waits
constexpr double kStageExtra = 12.0, kTileExtra = 11.0;
constexpr double kEpilogue = 924.0, kEpiloguePerSum = 11.5, kExchange = 2750.0, kPersistentEpilogue = 0.74;
constexpr double kOverlapFirst = 0.343, kBeside = 0.8, kBoth = 0.1;
constexpr double kLaunchUs = 0.555, kBlockUs = 0.147, kMemoryRate = 0.68;

// Of 1x1 layers inside a network, where 96 channels in three tiles took 1.18 times one tile's time.
constexpr double kAgain = 0.03, kPartOfLine = 0.12;

// Cycles of one 64 x n x 16 product: the tensor cores' rate, or the reading of both operands from shared
// memory.
double product_cycles(int n) { return std::max({n / 2.0 * 1.09, 19.8 + n * 0.4, 32.5}); }

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
  const double steady = std::max({alone, fill, rings}) + kRingShare * rings;

  const double ahead = kAhead * std::min<double>(p.ring_b, stages_b) / stages_b * bytes_b;
  const double first_fill =
      std::max((bytes_a + bytes_b - ahead) / kFirstFillBytes, rings) + kRingShare * rings;
  const double first = kLatency + std::max(alone, first_fill + kOverlapFirst * alone) + epilogue;

  const double room = reachable(gpu.multiprocessors, v.split), blocks = p.blocks_per_multiprocessor;
  double tiles = 0, rounds = 0, chain = 0;  // of one multiprocessor; one after another
  if (p.persistent) {
    tiles = std::ceil(static_cast<double>(p.tiles) / p.grid) * std::ceil(p.grid / room);
    rounds = std::ceil(static_cast<double>(p.tiles) / p.grid / own_tiles);
    chain = v.ping_pong ? std::max(steady, alone + epilogue) : steady + kPersistentEpilogue * epilogue;
  } else {
    tiles = std::ceil(static_cast<double>(p.tiles) * v.split / room);
    rounds = std::ceil(tiles / blocks);
    chain = steady + epilogue;
  }
  const double share = std::max(multiply + kTileExtra, fill) + kBoth * std::min(multiply, fill);
  const double at_once = std::min(blocks * own_tiles, tiles);
  const double cycles = std::max({first + (rounds - 1) * chain, kLatency + tiles * share,
                                  first + (at_once - 1) * share * kBeside + (rounds - 1) * share * at_once});
  const double us = cycles / (gpu.clock_ghz * 1e3) + kLaunchUs +
                    kBlockUs * std::min(static_cast<double>(p.grid) / gpu.multiprocessors, 2.0);
  const double bytes =
      2.0 * static_cast<double>(c.batch * (c.in_channels * c.in_area() +
                                           c.out_channels * c.out_area() * (c.has_residual ? 2 : 1)));
  // Tiles that share pixels read them again, and write less than a line of them at once.
  const double again = 1 + kAgain * (p.n_tiles - 1) + (p.n_tiles > 1 && v.n < 64 ? kPartOfLine : 0);
  const double memory = again * bytes / (gpu.bytes_per_ns * 1e3 * kMemoryRate) + kLaunchUs;
  return std::max(us, memory) + (memory > 0.3 * us ? 0.15 * std::min(us, memory) : 0);
}

}  // namespace hone
