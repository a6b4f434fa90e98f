#include "plan/lanes.h"

#include <gtest/gtest.h>

#include "plan/test_graphs.h"

namespace hone {
namespace {

using testing_plan::Builder;

Result<Plan> plan_in_lanes(const Graph& bound, int lanes) {
  return plan_bound(bound, testing_plan::reference_choices(bound), {.lanes = lanes});
}

TEST(Lanes, branches_run_side_by_side_and_meet_where_they_are_joined) {
  Builder b;
  const ValueId x = b.input("x", {1, 4, 6, 6});
  const ValueId stem = b.conv(x, 4, 8, 1);
  const ValueId left = b.conv(b.conv(stem, 8, 8, 3), 8, 8, 1);
  const ValueId right = b.conv(b.conv(stem, 8, 8, 1), 8, 8, 1);
  b.graph.outputs = {b.add(left, right)};
  const auto bound = b.bind();
  ASSERT_TRUE(bound) << bound.error().message;
  const auto plan = plan_in_lanes(*bound, 4);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->steps.size(), 6u) << print(*plan);
  EXPECT_EQ(plan->lanes, 2) << print(*plan);
  EXPECT_EQ(plan->steps[1].lane, plan->steps[0].lane);
  EXPECT_NE(plan->steps[3].lane, plan->steps[2].lane);
  EXPECT_EQ(plan->steps[3].waits, std::vector<uint32_t>{0});
  EXPECT_EQ(plan->steps[5].waits.size(), 1u);
}

TEST(Lanes, one_lane_waits_for_nothing) {
  Builder b;
  const ValueId x = b.input("x", {1, 4, 6, 6});
  b.graph.outputs = {b.add(b.conv(x, 4, 4, 1), b.conv(x, 4, 4, 3))};
  const auto bound = b.bind();
  ASSERT_TRUE(bound) << bound.error().message;
  const auto plan = plan_in_lanes(*bound, 1);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->lanes, 1);
  for (const Step& step : plan->steps) EXPECT_TRUE(step.waits.empty());
}

// Any order that respects lanes and waits gives the same result: here, always the step of the highest lane
// that may run.
Plan reordered(const Plan& plan) {
  Plan other = plan;
  other.steps.clear(), other.step_constants.clear();
  std::vector<size_t> place(plan.steps.size());
  std::vector<bool> done(plan.steps.size(), false);
  while (other.steps.size() < plan.steps.size()) {
    size_t next = plan.steps.size();
    for (size_t s = 0; s < plan.steps.size(); ++s) {
      if (done[s]) continue;
      bool ready = true;
      for (const uint32_t wait : plan.steps[s].waits) ready = ready && done[wait];
      for (size_t earlier = 0; earlier < s; ++earlier)
        ready = ready && (done[earlier] || plan.steps[earlier].lane != plan.steps[s].lane);
      if (ready && (next == plan.steps.size() || plan.steps[s].lane > plan.steps[next].lane)) next = s;
    }
    done[next] = true;
    place[next] = other.steps.size();
    other.steps.push_back(plan.steps[next]);
    other.step_constants.push_back(plan.step_constants[next]);
  }
  for (PackedUse& use : other.packed) use.step = place[use.step];
  return other;
}

TEST(Lanes, any_order_that_they_allow_computes_the_same) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    auto graph = testing_plan::random_graph(seed);
    ASSERT_TRUE(graph) << graph.error().message;
    const auto inputs = testing_plan::random_inputs(*graph, seed);
    const auto plan = plan_in_lanes(*graph, 3);
    ASSERT_TRUE(plan) << plan.error().message;
    const auto wanted = testing_plan::run_by_reference(*graph, inputs);
    const auto got = testing_plan::run_plan(reordered(*plan), inputs, 1);
    ASSERT_TRUE(wanted && got);
    for (size_t i = 0; i < wanted->size(); ++i)
      for (size_t k = 0; k < (*wanted)[i].size(); ++k)
        ASSERT_NEAR((*got)[i][k], (*wanted)[i][k], 1e-5 + 1e-5 * std::abs((*wanted)[i][k])) << print(*plan);
  }
}

}  // namespace
}  // namespace hone
