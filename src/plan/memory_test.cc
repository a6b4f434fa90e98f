#include "plan/memory.h"

#include <gtest/gtest.h>

#include <random>

namespace hone {
namespace {

bool live_together(const Lifetime& a, const Lifetime& b) { return a.first <= b.last && b.first <= a.last; }

TEST(LayOut, buffers_that_live_together_never_overlap_and_keep_their_slack) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> buffers(1 + random() % 40);
    size_t sum = 0;
    for (Lifetime& b : buffers) {
      b.bytes = random() % 5 == 0 ? 0 : random() % 5000;
      b.first = static_cast<int32_t>(random() % 30);
      b.last = b.first + static_cast<int32_t>(random() % 8);
      sum += (b.bytes + 64 + 63) / 64 * 64;
    }
    const ArenaLayout layout = lay_out(buffers);
    ASSERT_EQ(layout.offsets.size(), buffers.size());
    EXPECT_LE(layout.bytes, sum);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(layout.offsets[i] % 64, 0u);
      EXPECT_LE(layout.offsets[i] + buffers[i].bytes + 64, layout.bytes);
      for (size_t j = 0; j < i; ++j) {
        if (!live_together(buffers[i], buffers[j])) continue;
        const bool apart = layout.offsets[i] + buffers[i].bytes + 64 <= layout.offsets[j] ||
                           layout.offsets[j] + buffers[j].bytes + 64 <= layout.offsets[i];
        EXPECT_TRUE(apart) << i << " and " << j;
      }
    }
  }
}

TEST(LayOut, a_chain_needs_two_buffers_at_a_time) {
  std::vector<Lifetime> chain;
  for (int32_t i = 0; i < 20; ++i) chain.push_back({.bytes = 1024 - 64, .first = i, .last = i + 1});
  EXPECT_EQ(lay_out(chain).bytes, 2048u);
}

TEST(LayOut, nothing_needs_nothing) { EXPECT_EQ(lay_out({}).bytes, 0u); }

}  // namespace
}  // namespace hone
