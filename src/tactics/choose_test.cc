#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tactics/data_movement.h"
#include "tactics/node_options.h"
#include "tactics/tactics.h"

namespace hone {
namespace {

// Three convolutions, two of them alike, and a concat; bound by hand.
Graph small_net(int64_t images = 1) {
  Graph graph;
  const std::vector<float> weights(16 * 16 * 9, 0.01f);
  Conv op;
  op.pads = {1, 1, 1, 1};
  op.strides = {1, 1};
  const TensorDesc desc(DType::f32, {images, 16, 12, 12});
  const ValueId x = graph.add_input("x", desc);
  std::vector<ValueId> parts;
  for (int i = 0; i < 3; ++i) {
    if (i == 2) op.activation.kind = UnaryKind::silu;
    const ValueId w = graph.add_constant("w", Constant::floats({16, 16, 3, 3}, weights));
    parts.push_back(graph.add("conv", op, {x, w}));
    graph.value(parts.back()).desc = desc;
  }
  const ValueId y = graph.add("concat", Concat{1}, parts);
  graph.value(y).desc = TensorDesc(DType::f32, {images, 48, 12, 12});
  graph.outputs = {y};
  return graph;
}

TEST(Choose, every_node_gets_a_kernel_that_may_and_the_others_have_a_time_or_a_reason) {
  const Graph graph = small_net();
  const auto device = make_cpu_device(1);
  TimingCache cache;
  const auto choices = choose(graph, *device, {.level = 5, .thread_count = 1, .cache = &cache});
  ASSERT_TRUE(choices) << choices.error().message;
  EXPECT_TRUE(choices->timed);
  EXPECT_EQ(choices->shapes, "x:1x16x12x12");
  ASSERT_EQ(choices->by_node.size(), graph.nodes.size());
  for (const Node& node : graph.nodes) {
    const Choice& choice = choices->by_node.at(node.id);
    EXPECT_EQ(choice.inputs.size(), node.inputs.size());
    EXPECT_TRUE(choice.kernel == kViewKernel || find_kernel(choice.kernel) != nullptr) << choice.kernel;
    for (const Candidate& candidate : choice.candidates)
      EXPECT_TRUE(candidate.ms >= 0 || !candidate.reason.empty()) << candidate.kernel;
  }
  EXPECT_GT(cache.size(), 0u);
}

TEST(Choose, equal_problems_are_timed_once_and_a_full_cache_leaves_nothing_to_time) {
  const Graph graph = small_net();
  const auto device = make_cpu_device(1);
  TimingCache cache;
  ASSERT_TRUE(choose(graph, *device, {.level = 4, .thread_count = 1, .cache = &cache}));
  const size_t size = cache.size();
  const size_t peak = device->peak_allocated_bytes();
  EXPECT_GT(peak, 0u);
  const auto second_device = make_cpu_device(1);
  ASSERT_TRUE(choose(graph, *second_device, {.level = 4, .thread_count = 1, .cache = &cache}));
  EXPECT_EQ(cache.size(), size);
  EXPECT_EQ(second_device->peak_allocated_bytes(), 0u)
      << "something was packed or run although the cache knew it";
  EXPECT_EQ(device->allocated_bytes(), 0u) << "tuning kept memory";
}

TEST(Choose, level_0_times_nothing) {
  const Graph graph = small_net();
  const auto device = make_cpu_device(1);
  const auto choices = choose(graph, *device, {.level = 0, .thread_count = 1});
  ASSERT_TRUE(choices);
  EXPECT_FALSE(choices->timed);
  EXPECT_EQ(device->peak_allocated_bytes(), 0u);
}

TEST(Choose, a_deadline_that_has_passed_and_a_memory_limit_are_kept_and_on_record) {
  const Graph graph = small_net();
  const auto device = make_cpu_device(1);
  const auto late =
      choose(graph, *device, {.level = 5, .deadline = std::chrono::milliseconds(0), .thread_count = 1});
  ASSERT_TRUE(late);
  const auto tight = choose(graph, *device, {.level = 5, .memory_limit_bytes = 1, .thread_count = 1});
  ASSERT_TRUE(tight);
  size_t late_reasons = 0, tight_reasons = 0;
  for (const auto& [id, choice] : late->by_node)
    for (const Candidate& c : choice.candidates)
      late_reasons += c.reason.find("deadline of 0 ms") != std::string::npos;
  for (const auto& [id, choice] : tight->by_node)
    for (const Candidate& c : choice.candidates)
      tight_reasons += c.reason.find("memory limit is 1") != std::string::npos;
  const bool has_rivals = kernels_for(Conv::name, DeviceKind::cpu).size() > 1;
  EXPECT_EQ(late_reasons > 0, has_rivals);
  EXPECT_EQ(tight_reasons > 0, has_rivals);
}

TEST(ChooseFast, takes_known_choices_where_they_are_legal_and_the_cost_models_else) {
  const Graph graph = small_net();
  const auto device = make_cpu_device(1);
  Choices known;
  const auto rows = kernels_for(Conv::name, DeviceKind::cpu);
  const Choice reference{.kernel = std::string(rows.back()->name()),
                         .version = rows.back()->version(),
                         .inputs = {Layout::plain, Layout::plain},
                         .outputs = {Layout::plain},
                         .candidates = {}};
  known.by_node[graph.nodes[0].id] = reference;
  known.by_node[graph.nodes[1].id] = reference;
  known.by_node[graph.nodes[1].id].kernel = "conv.of.another.version";
  known.by_node[graph.nodes[2].id] = reference;
  known.by_node[graph.nodes[2].id].inputs = {Layout::nchw8c, Layout::nchw16c};
  const auto choices = choose_fast(graph, *device, &known, 1);
  ASSERT_TRUE(choices);
  EXPECT_EQ(choices->by_node.at(graph.nodes[0].id).kernel, rows.back()->name());
  EXPECT_NE(choices->by_node.at(graph.nodes[1].id).kernel, "conv.of.another.version");
  EXPECT_EQ(choices->by_node.at(graph.nodes[2].id).inputs[1], Layout::plain);
}

TEST(ChooseFast, names_the_node_that_no_kernel_computes_and_says_why) {
  Graph graph;
  const ValueId x = graph.add_input("x", TensorDesc(DType::string, {2, 2}));
  const ValueId y = graph.add("shout", Unary{{UnaryKind::relu, 0, 0}}, {x});
  graph.value(y).desc = TensorDesc(DType::string, {2, 2});
  graph.outputs = {y};
  const auto device = make_cpu_device(1);
  const auto fast = choose_fast(graph, *device, nullptr, 1);
  ASSERT_FALSE(fast);
  EXPECT_EQ(fast.error().code, StatusCode::unsupported);
  EXPECT_THAT(fast.error().message,
              testing::AllOf(testing::HasSubstr("node shout (Unary)"), testing::HasSubstr("strings")));
  const auto timed = choose(graph, *device, {.thread_count = 1});
  ASSERT_FALSE(timed);
  EXPECT_EQ(timed.error().message, fast.error().message);
}

TEST(DataMovement, ranges_of_an_axis_are_runs_of_memory_only_behind_extents_of_one) {
  TensorDesc plain(DType::f32, {2, 24, 5, 6});
  EXPECT_EQ(run_offset(plain, 0, 1, 1), 1);
  EXPECT_EQ(run_offset(plain, 1, 3, 4), 3 * 30);
  EXPECT_EQ(run_offset(plain, 2, 1, 2), std::nullopt);
  EXPECT_EQ(run_offset(TensorDesc(DType::f32, {2, 1, 5, 6}), 2, 1, 2), 6);
  EXPECT_EQ(run_offset(TensorDesc(DType::f32, {2, 1, 1, 6}), 3, 4, 2), 4);
  TensorDesc blocked = plain;
  blocked.layout = Layout::nchw8c;
  EXPECT_EQ(run_offset(blocked, 1, 8, 16), 8 * 30);
  EXPECT_EQ(run_offset(blocked, 1, 4, 8), std::nullopt);
  EXPECT_EQ(run_offset(blocked, 1, 8, 4), std::nullopt);
  EXPECT_EQ(run_offset(blocked, 2, 1, 2), std::nullopt);
  TensorDesc ragged(DType::f32, {2, 20, 5, 6});
  ragged.layout = Layout::nchw8c;
  EXPECT_EQ(run_offset(ragged, 1, 16, 4), 16 * 30);  // the last part brings the padding along
  TensorDesc channels_last = plain;
  channels_last.layout = Layout::nhwc;
  EXPECT_EQ(run_offset(channels_last, 1, 8, 8), 8);  // in each pixel
  EXPECT_EQ(run_offset(channels_last, 0, 1, 1), 30);
  EXPECT_EQ(run_offset(channels_last, 2, 2, 3), std::nullopt);
  EXPECT_EQ(run_offset(plain, 1, 20, 8), std::nullopt);  // leaves the axis
}

}  // namespace
}  // namespace hone
