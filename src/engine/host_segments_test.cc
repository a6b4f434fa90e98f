// Plans for a GPU that leave operators to the CPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "device/cuda/cuda_device.h"
#include "engine/cuda_plan.h"
#include "plan/test_graphs.h"

namespace hone {
namespace {

using testing_plan::Builder;
using testing_plan::Tensors;

Result<Plan> plan_for(const Graph& bound, Device& device, const RowRules& rules, Choices* choices = nullptr) {
  HONE_ASSIGN(Choices chosen, choose_fast(bound, device, nullptr, 2, rules));
  if (choices != nullptr) *choices = chosen;
  return plan_bound(bound, chosen,
                    {.thread_count = 2, .device = &device, .lanes = kGpuLanes, .rules = rules});
}

// Two branches that meet: a GPU gives each a lane.
Graph branches() {
  Builder b;
  const ValueId x = b.input("x", {2, 16, 8, 8});
  const ValueId a = b.conv(x, 16, 16, 3), c = b.pool(b.conv(x, 16, 16, 1), 5);
  b.graph.outputs = {b.unary(b.conv(b.concat({a, c}), 32, 16, 1), UnaryKind::sigmoid)};
  return *b.bind();
}

TEST(Segments, a_plan_of_rows_that_a_gpu_has_is_one) {
  const auto device = make_cuda_target(86);
  const auto plan = plan_for(branches(), **device, {});
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(segments_of(*plan).size(), 1u) << print(*plan);
  EXPECT_EQ(segments_text(*plan), "one segment, cuda");
  EXPECT_GT(plan->lanes, 1);
  EXPECT_EQ(cpu_part_text(*plan, {}), "");
}

TEST(Segments, an_operator_taken_away_is_the_cpus_between_two_of_the_gpu_and_the_report_says_so) {
  const auto device = make_cuda_target(86);
  Choices choices;
  const auto plan = plan_for(branches(), **device, {.cpu_ops = {"Pool"}}, &choices);
  ASSERT_TRUE(plan) << plan.error().message;
  const auto segments = segments_of(*plan);
  ASSERT_EQ(segments.size(), 3u) << print(*plan);
  EXPECT_EQ(segments[0].device, DeviceKind::cuda);
  EXPECT_EQ(segments[1].device, DeviceKind::cpu);
  EXPECT_EQ(segments[1].count, 1u);
  EXPECT_EQ(segments[2].device, DeviceKind::cuda);
  EXPECT_EQ(plan->lanes, 1);
  const Step& step = plan->steps[segments[1].first];
  for (const auto* descs : {&step.input_descs, &step.output_descs})
    for (const TensorDesc& desc : *descs) EXPECT_EQ(desc.layout, Layout::plain);
  EXPECT_THAT(segments_text(*plan), testing::StartsWith("3 segments: cuda of "));
  EXPECT_THAT(cpu_part_text(*plan, choices), testing::HasSubstr("1 of "));
  EXPECT_THAT(cpu_part_text(*plan, choices), testing::HasSubstr("(as told)"));
  EXPECT_THAT(print(*plan), testing::HasSubstr("3 segments"));
}

TEST(Segments, an_operator_that_no_row_of_the_gpu_takes_is_the_cpus_with_the_reason) {
  // No kernel for GPUs takes 2^31 elements.
  Builder b;
  const ValueId x = b.input("x", {50000, 50000});
  b.graph.outputs = {b.unary(b.unary(x, UnaryKind::tanh), UnaryKind::neg)};
  const Graph graph = *b.bind();
  const auto device = make_cuda_target(86);
  Choices choices;
  const auto plan = plan_for(graph, **device, {}, &choices);
  ASSERT_TRUE(plan) << plan.error().message;
  for (const Step& step : plan->steps) EXPECT_EQ(step.kernel->device(), DeviceKind::cpu) << print(*plan);
  EXPECT_THAT(cpu_part_text(*plan, choices), testing::HasSubstr("Unary x2 (")) << print(*plan);
}

TEST(Segments, a_tuned_choice_of_the_cpu_is_kept_by_plans_for_other_shapes) {
  const auto device = make_cuda_target(86);
  const Graph graph = branches();
  const auto tuned = choose_fast(graph, **device, nullptr, 2, {.cpu_ops = {"Pool"}});
  ASSERT_TRUE(tuned) << tuned.error().message;
  const auto again = choose_fast(graph, **device, &*tuned, 2);
  ASSERT_TRUE(again) << again.error().message;
  const auto plan = plan_bound(graph, *again, {.thread_count = 2, .device = device->get()});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(segments_of(*plan).size(), 3u) << print(*plan);
}

// On a GPU, against the reference: slices, views and outputs in place, whatever is taken away.
class SegmentsOnGpu : public testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    auto device = open_device("cuda:0");
    if (!device) GTEST_SKIP() << "skipped: " << device.error().message;
    device_ = std::static_pointer_cast<CudaDevice>(*device);
  }

  Result<Tensors> run(const Plan& plan, const Tensors& inputs) {
    EngineData engine;
    ThreadPool threads(2);
    HONE_ASSIGN(const auto ready,
                CudaPlan::make(std::make_shared<const Plan>(plan), engine, device_, threads));
    HONE_ASSIGN(const auto arena, device_->allocate(plan.arena_bytes));
    HONE_TRY(device_->fill(*arena, std::byte{0xff}));
    Tensors outputs;
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const auto& values : inputs) in.push_back(values.data());
    for (const TensorDesc& desc : plan.outputs)
      outputs.emplace_back(static_cast<size_t>(*element_count(desc.shape)), std::nanf(""));
    for (auto& values : outputs) out.push_back(values.data());
    for (int twice = 0; twice < 2; ++twice)  // the second time replays
      HONE_TRY(ready->run(in, out, static_cast<std::byte*>(arena->address()), threads, {}));
    return outputs;
  }

  std::shared_ptr<CudaDevice> device_;
};

TEST_P(SegmentsOnGpu, give_the_numbers_of_the_reference) {
  const std::vector<std::vector<std::string>> taken = {
      {}, {"Conv"}, {"Concat", "Split", "Slice"}, {"Unary", "Pool"}, {"Binary", "Reshape"}};
  const auto graph = testing_plan::random_graph(GetParam());
  ASSERT_TRUE(graph) << graph.error().message;
  const Tensors inputs = testing_plan::random_inputs(*graph, GetParam());
  const auto wanted = testing_plan::run_by_reference(*graph, inputs);
  ASSERT_TRUE(wanted) << wanted.error().message;
  for (const auto& ops : taken) {
    const auto plan = plan_for(*graph, *device_, {.cpu_ops = ops});
    ASSERT_TRUE(plan) << plan.error().message;
    SCOPED_TRACE(print(*plan));
    const auto got = run(*plan, inputs);
    ASSERT_TRUE(got) << got.error().message;
    for (size_t k = 0; k < wanted->size(); ++k)
      for (size_t i = 0; i < (*wanted)[k].size(); ++i)
        ASSERT_NEAR((*got)[k][i], (*wanted)[k][i], 2e-3f * (1 + std::abs((*wanted)[k][i])))
            << "output " << k << " element " << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, SegmentsOnGpu, testing::Range(0u, 12u));

}  // namespace
}  // namespace hone
