// What the GPU rows do on the host: exact division by multiplication, the order of packed channels, plans
// that fit.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "device/cuda/cuda_device.h"
#include "kernels/conv/cuda/mma_plan.h"
#include "kernels/conv/cuda/sm90_plan.h"

namespace hone {
namespace {

TEST(Divisor, DividesAsIntegersDo) {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto d = static_cast<int64_t>(random() >> (random() % 31 + 1)) + 1;
    const auto x = static_cast<uint64_t>(random() >> 1);
    const Divisor by = make_divisor(d);
    const uint64_t quotient = by.multiplier ? (x * by.multiplier >> 32) >> by.shift : x;
    ASSERT_EQ(quotient, x / static_cast<uint64_t>(d)) << x << " / " << d;
  }
}

TEST(ChannelAt, IsAPermutationThatGivesAThreadNeighbours) {
  for (const int n : {16, 32, 48, 64, 80, 96, 128, 144, 192, 256}) {
    std::vector<int> seen(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i) ++seen[static_cast<size_t>(channel_at(i, n))];
    EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), n);
    for (const int count : seen) EXPECT_EQ(count, 1);
    // The two columns that an instruction gives to a thread.
    for (int i = 0; i < n; i += 2) EXPECT_EQ(channel_at(i + 1, n), channel_at(i, n) + 1);
  }
}

CudaConv conv(int64_t batch, int64_t in, int64_t out, int64_t size, int64_t kernel, int64_t stride) {
  CudaConv c;
  c.batch = batch, c.in_channels = in, c.out_channels = out, c.in_height = c.in_width = size;
  c.kernel_h = c.kernel_w = kernel, c.stride_h = c.stride_w = stride, c.pad_top = c.pad_left = kernel / 2;
  c.out_height = c.out_width = (size - 1) / stride + 1;
  return c;
}

const CudaConv kLayers[] = {conv(1, 192, 192, 40, 3, 1), conv(16, 96, 96, 80, 3, 1),
                            conv(1, 8, 255, 7, 1, 1),    conv(33, 1152, 576, 20, 1, 1),
                            conv(2, 48, 96, 320, 3, 2),  conv(1, 576, 64, 20, 3, 1)};

TEST(Sm90Plans, FitTheChipAndKeepTheRulesOfTheirRings) {
  const auto device = make_cuda_target(90);
  ASSERT_TRUE(device) << device.error().message;
  const GpuTraits& gpu = *(*device)->gpu();
  for (const CudaConv& c : kLayers) {
    size_t plans = 0;
    for (const Sm90Variant& v : sm90_variants()) {
      std::string reason;
      for (const Sm90Plan& p : sm90_plans(v, c, gpu, reason)) {
        ++plans;
        EXPECT_LE(static_cast<size_t>(p.shared_bytes), gpu.shared_per_block_bytes) << sm90_name(v);
        EXPECT_LE(p.ring_a + p.ring_b, 62) << sm90_name(v);
        EXPECT_GT(p.estimated_us, 0) << sm90_name(v);
        EXPECT_EQ(p.grid % v.split, 0) << sm90_name(v);
        // A block keeps its weights; a warpgroup meets the same stages every time.
        EXPECT_EQ(p.persistent ? p.grid % p.n_tiles : 0, 0) << sm90_name(v);
        const int round = v.warpgroups * p.chunks_per_rank * (v.kind == 2 ? 4 : 1);
        EXPECT_EQ(v.ping_pong ? p.ring_a % round : 0, 0) << sm90_name(v);
      }
    }
    EXPECT_GT(plans, 0u);
  }
}

TEST(MmaPlans, FitEveryChip) {
  for (const int capability : {80, 86, 87, 89, 90}) {
    const auto device = make_cuda_target(capability);
    ASSERT_TRUE(device) << device.error().message;
    const GpuTraits& gpu = *(*device)->gpu();
    for (const CudaConv& c : kLayers) {
      size_t plans = 0;
      for (const MmaVariant& v : mma_variants()) {
        std::string reason;
        for (const MmaPlan& p : mma_plans(v, c, gpu, reason)) {
          ++plans;
          EXPECT_LE(static_cast<size_t>(p.shared_bytes), gpu.shared_per_block_bytes) << mma_name(v);
          EXPECT_LT((p.parts - 1) * p.chunks_per_part, p.chunks) << mma_name(v) << ": a part has work";
          EXPECT_GT(p.estimated_us, 0) << mma_name(v);
        }
      }
      EXPECT_GT(plans, 0u) << "sm_" << capability;
    }
  }
}

}  // namespace
}  // namespace hone
