#include "measure/measure.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Statistics, OrderStatisticsAreThoseOfTrtexec) {
  const auto s = statistics({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(s.median, 2.5);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  std::vector<double> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_DOUBLE_EQ(percentile(hundred, 90), 90);
  EXPECT_DOUBLE_EQ(percentile(hundred, 99), 100);  // 1 - 0.99f is a little under 0.01
  EXPECT_DOUBLE_EQ(percentile(hundred, 100), 100);
  EXPECT_DOUBLE_EQ(percentile(std::vector<double>{7}, 50), 7);
  EXPECT_EQ(statistics({}).runs, 0u);
}

}  // namespace
}  // namespace hone
