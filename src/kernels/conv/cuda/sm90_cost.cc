#include "kernels/conv/cuda/sm90_cost.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// Cycles of one 64 x n x 16 product: the tensor cores' rate, or the reading of both operands from shared
// memory (128 bytes a cycle), whichever is longer.
double product_cycles(int n) { return std::max(n / 2.0, 16.0 + n / 4.0) * 1.08; }

}  // namespace

double sm90_cost_us(const Sm90Variant& v, const CudaConv& c, const GpuTraits& gpu, const Sm90Plan& p) {
  constexpr double kFillBytesPerCycle = 45, kStageCycles = 45, kLatencyCycles = 900, kLaunchUs = 1.0;
  const int units = v.m * (v.ping_pong ? 1 : v.warpgroups), phases = v.kind == 2 ? 4 : 1;
  const double products = static_cast<double>(p.chunks_per_rank) * p.steps * static_cast<double>(c.taps());
  const double stages =
      static_cast<double>(p.chunks_per_rank) * static_cast<double>(c.taps()) / p.taps_per_stage;
  const double stage_bytes = sm90_stage_bytes(v, p.steps, p.taps_per_stage);
  const double multiply = products * units * product_cycles(v.n);
  const double a_bytes = static_cast<double>(p.chunks_per_rank) * phases * p.a_bytes;
  const double b_bytes = stages * stage_bytes;
  // A warpgroup alone cannot hide what lies between its groups of products.
  const double alone = std::max(multiply, stages * (kStageCycles + 30)) + stages * kStageCycles * 0.2;
  const double epilogue = 350 + 9.0 * v.accumulators() * (v.ping_pong ? 1 : v.warpgroups) +
                          (c.has_residual ? 200 : 0) + (v.split > 1 ? 700 : 0);

  const double blocks_at_once = p.blocks_per_multiprocessor;
  const double per_multiprocessor = std::ceil(static_cast<double>(p.tiles) * v.split /
                                              gpu.multiprocessors);  // tiles (or parts) one SM does
  double cycles = 0;
  if (p.persistent) {
    const double fill = (a_bytes + (p.streaming ? b_bytes : 0)) / kFillBytesPerCycle;
    const double at_once = blocks_at_once * (v.ping_pong ? v.warpgroups : 1);
    const double rounds = std::ceil(per_multiprocessor / at_once);
    cycles =
        kLatencyCycles + (p.streaming ? 0 : 0.5 * b_bytes / kFillBytesPerCycle) +
        std::max({per_multiprocessor * multiply, per_multiprocessor * fill, rounds * (alone + epilogue)}) +
        (rounds * at_once > 1 ? epilogue * 0.5 : 0);
  } else {
    const double fill = (a_bytes + b_bytes) / kFillBytesPerCycle;
    const double ahead = 0.5 * std::min<double>(p.ring_b, stages) * stage_bytes / kFillBytesPerCycle;
    const double rounds = std::ceil(per_multiprocessor / blocks_at_once);
    cycles = std::max({per_multiprocessor * multiply, per_multiprocessor * fill - ahead,
                       rounds * (std::max(alone, fill - ahead) + epilogue + kLatencyCycles)});
  }
  const double us = cycles / (gpu.clock_ghz * 1e3);
  const double bytes =
      2.0 * static_cast<double>(c.batch * (c.in_channels * c.in_area() +
                                           (c.has_residual ? 2 : 1) * c.out_channels * c.out_area()));
  // What does not stay in L2 passes device memory.
  const double memory =
      std::max(0.0, bytes - 0.3 * static_cast<double>(gpu.l2_bytes)) / (gpu.bytes_per_ns * 1e3 * 0.85);
  return kLaunchUs + std::max(us, memory);
}

}  // namespace hone
