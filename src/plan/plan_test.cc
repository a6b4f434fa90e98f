#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "passes/passes.h"
#include "plan/test_graphs.h"

namespace hone {
namespace {

using testing_plan::Builder;
using testing_plan::Tensors;

size_t steps_of(const Plan& plan, std::string_view op) {
  size_t count = 0;
  for (const Step& step : plan.steps) count += op_name(step.op) == op;
  return count;
}
size_t copies(const Plan& plan) {
  size_t count = 0;
  for (const Step& step : plan.steps) count += step.node_id < 0;
  return count;
}

// Written by steps that only move data.
size_t moved_bytes(const Plan& plan) {
  size_t bytes = 0;
  for (const Step& step : plan.steps) {
    const std::string_view op = op_name(step.op);
    if (step.node_id >= 0 && op != "Concat" && op != "Split" && op != "Slice" && op != "Reshape") continue;
    for (const TensorDesc& desc : step.output_descs) bytes += byte_count(desc.type, desc.shape).value_or(0);
  }
  return bytes;
}

void expect_near(const Tensors& actual, const Tensors& wanted, float tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(actual[i].size(), wanted[i].size());
    for (size_t k = 0; k < wanted[i].size(); ++k)
      ASSERT_LE(std::abs(actual[i][k] - wanted[i][k]), tolerance * (1 + std::abs(wanted[i][k])))
          << what << ": output " << i << " element " << k << " is " << actual[i][k] << ", wanted "
          << wanted[i][k];
  }
}

// The network's body: what must not copy anything.
Graph yolo_like(int64_t images, int64_t size, int64_t width) {
  Builder b(3);
  const ValueId x = b.input("images", {images, 16, size, size});
  const ValueId p3 = b.c2f(x, 16, width, 2, true);
  const ValueId p4 = b.c2f(b.conv(p3, width, width, 3, 2), width, width, 1, true);
  const ValueId p5 = b.sppf(b.conv(p4, width, width, 3, 2), width, width);
  const ValueId n4 = b.c2f(b.concat({b.upsample(p5), p4}), 2 * width, width, 1, false);
  const ValueId n3 = b.c2f(b.concat({b.upsample(n4), p3}), 2 * width, width, 1, false);
  const ValueId m4 = b.c2f(b.concat({b.conv(n3, width, width, 3, 2), n4}), 2 * width, width, 1, false);
  const ValueId m5 = b.c2f(b.concat({b.conv(m4, width, width, 3, 2), p5}), 2 * width, width, 1, false);
  b.graph.outputs = {n3, m4, m5};
  auto bound = b.bind();
  EXPECT_TRUE(bound) << bound.error().message;
  return *bound;
}

TEST(PlanBound, a_yolo_body_in_plain_layout_copies_nothing) {
  const Graph graph = yolo_like(1, 16, 16);
  const auto plan = plan_bound(graph, testing_plan::reference_choices(graph), {});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(steps_of(*plan, "Concat"), 0u) << print(*plan);
  EXPECT_EQ(steps_of(*plan, "Split"), 0u) << print(*plan);
  EXPECT_EQ(copies(*plan), 0u) << print(*plan);
  const Tensors inputs = testing_plan::random_inputs(graph, 5);
  const auto actual = testing_plan::run_plan(*plan, inputs, 1);
  const auto wanted = testing_plan::run_by_reference(graph, inputs);
  ASSERT_TRUE(actual && wanted);
  expect_near(*actual, *wanted, 0, "plain");
}

TEST(PlanBound, a_yolo_body_with_the_cost_models_kernels_copies_nothing_and_is_right) {
  const auto device = make_cpu_device(2);
  for (const int64_t images : {1, 2}) {
    const Graph graph = yolo_like(images, 16, 32);
    const auto choices = choose_fast(graph, *device, nullptr, 2);
    ASSERT_TRUE(choices) << choices.error().message;
    const auto plan = plan_bound(graph, *choices, {.thread_count = 2});
    ASSERT_TRUE(plan) << plan.error().message;
    const Tensors inputs = testing_plan::random_inputs(graph, 5);
    const auto actual = testing_plan::run_plan(*plan, inputs, 2);
    const auto wanted = testing_plan::run_by_reference(graph, inputs);
    ASSERT_TRUE(actual && wanted);
    expect_near(*actual, *wanted, 2e-4f, print(*plan));
    if (images == 1) {
      EXPECT_EQ(steps_of(*plan, "Concat"), 0u) << print(*plan);
      EXPECT_EQ(steps_of(*plan, "Split"), 0u) << print(*plan);
    }
  }
}

class RandomGraphs : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomGraphs, give_the_same_numbers_with_and_without_aliasing_and_those_of_the_reference) {
  const auto device = make_cpu_device(1);
  size_t bytes_aliased = 0, bytes_copied = 0;
  for (uint32_t seed = GetParam() * 40; seed < GetParam() * 40 + 40; ++seed) {
    SCOPED_TRACE(seed);
    const auto graph = testing_plan::random_graph(seed);
    ASSERT_TRUE(graph) << graph.error().message;
    const Tensors inputs = testing_plan::random_inputs(*graph, seed);
    const auto wanted = testing_plan::run_by_reference(*graph, inputs);
    ASSERT_TRUE(wanted) << wanted.error().message;
    const auto fast = choose_fast(*graph, *device, nullptr, 1);
    ASSERT_TRUE(fast) << fast.error().message;
    for (const Choices& choices : {testing_plan::reference_choices(*graph), *fast}) {
      const auto aliased = plan_bound(*graph, choices, {.thread_count = 1});
      const auto copied = plan_bound(*graph, choices, {.thread_count = 1, .allow_aliasing = false});
      ASSERT_TRUE(aliased) << aliased.error().message;
      ASSERT_TRUE(copied) << copied.error().message;
      bytes_aliased += moved_bytes(*aliased), bytes_copied += moved_bytes(*copied);
      const auto a = testing_plan::run_plan(*aliased, inputs, 1),
                 c = testing_plan::run_plan(*copied, inputs, 1);
      ASSERT_TRUE(a && c);
      expect_near(*a, *c, 0, print(*aliased) + print(*copied));
      expect_near(*a, *wanted, 1e-3f, print(*aliased));
    }
  }
  EXPECT_LT(bytes_aliased, bytes_copied);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphs, testing::Range(0u, 10u));

TEST(PlanBound, what_feeds_two_concats_is_copied_into_one_of_them) {
  Builder b;
  const ValueId x = b.input("x", {1, 8, 4, 4});
  const ValueId a = b.conv(x, 8, 8, 1), c = b.conv(x, 8, 8, 1), d = b.conv(x, 8, 8, 1);
  b.graph.outputs = {b.conv(b.concat({a, c}), 16, 8, 1), b.conv(b.concat({a, d}), 16, 8, 1)};
  const Graph graph = *b.bind();
  const auto plan = plan_bound(graph, testing_plan::reference_choices(graph), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(steps_of(*plan, "Concat"), 0u);
  EXPECT_EQ(copies(*plan), 1u) << print(*plan);
  const Tensors inputs = testing_plan::random_inputs(graph, 5);
  expect_near(*testing_plan::run_plan(*plan, inputs, 1), *testing_plan::run_by_reference(graph, inputs), 0,
              print(*plan));
}

TEST(PlanBound, outputs_are_written_into_the_callers_buffers_even_when_one_value_is_two_outputs_or_an_input) {
  Builder b;
  const ValueId x = b.input("x", {2, 3, 4, 4});
  const ValueId y = b.conv(x, 3, 4, 3);
  b.graph.outputs = {y, y, x};
  const Graph graph = *b.bind();
  const auto plan = plan_bound(graph, testing_plan::reference_choices(graph), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->steps[0].outputs[0].place, Operand::Place::output);
  EXPECT_EQ(copies(*plan), 2u) << print(*plan);
  const Tensors inputs = testing_plan::random_inputs(graph, 5);
  expect_near(*testing_plan::run_plan(*plan, inputs, 1), *testing_plan::run_by_reference(graph, inputs), 0,
              print(*plan));
}

TEST(PlanBound, reshapes_cost_no_step_and_no_memory) {
  Builder b;
  const ValueId x = b.input("x", {1, 8, 4, 4});
  const ValueId y = b.conv(x, 8, 8, 1);
  b.graph.outputs = {b.unary(b.reshape(b.reshape(y, {8, 16}), {2, 64}), UnaryKind::relu)};
  const Graph graph = *b.bind();
  const auto plan = plan_bound(graph, testing_plan::reference_choices(graph), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->steps.size(), 2u) << print(*plan);
  EXPECT_EQ(plan->arena_bytes, 8u * 16 * 4 + 64);
}

TEST(PlanBound, equal_weights_are_packed_once) {
  Builder b;
  const ValueId x = b.input("x", {1, 16, 8, 8});
  Conv op;
  op.pads = {1, 1, 1, 1};
  const ValueId w = b.weights({16, 16, 3, 3});
  const ValueId y = b.graph.add("a", op, {x, w});
  b.graph.outputs = {b.graph.add("b", op, {y, w})};
  const Graph graph = *b.bind();
  const auto device = make_cpu_device(1);
  const auto choices = choose_fast(graph, *device, nullptr, 1);
  ASSERT_TRUE(choices);
  const auto plan = plan_bound(graph, *choices, {});
  ASSERT_TRUE(plan);
  std::vector<const Step*> convs;
  for (const Step& step : plan->steps)
    if (std::holds_alternative<Conv>(step.op)) convs.push_back(&step);
  ASSERT_EQ(convs.size(), 2u);
  ASSERT_GE(convs[0]->packed, 0) << print(*plan);
  if (convs[0]->kernel == convs[1]->kernel && convs[0]->input_descs == convs[1]->input_descs) {
    EXPECT_EQ(convs[0]->packed, convs[1]->packed) << print(*plan);
  }
}

TEST(PlanBound, a_choice_that_is_missing_or_unknown_is_an_error_that_names_the_node) {
  Builder b;
  const ValueId x = b.input("x", {1, 8, 4, 4});
  b.graph.outputs = {b.conv(x, 8, 8, 1)};
  const Graph graph = *b.bind();
  Choices choices = testing_plan::reference_choices(graph);
  choices.by_node.begin()->second.kernel = "conv.gone";
  const auto unknown = plan_bound(graph, choices, {});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message,
              testing::AllOf(testing::HasSubstr("node conv (Conv)"), testing::HasSubstr("conv.gone")));
  EXPECT_FALSE(plan_bound(graph, {}, {}));
  choices = testing_plan::reference_choices(graph);
  choices.by_node.begin()->second.inputs.clear();
  EXPECT_FALSE(plan_bound(graph, choices, {}));
}

TEST(PlanBound, print_has_a_line_a_step) {
  const Graph graph = yolo_like(1, 16, 16);
  const auto plan = plan_bound(graph, testing_plan::reference_choices(graph), {});
  ASSERT_TRUE(plan);
  const std::string text = print(*plan);
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), plan->steps.size() + 2);
  EXPECT_THAT(text, testing::HasSubstr("images:1x16x16x16"));
}

TEST(Specialise, binds_a_dynamic_shape_and_agrees_with_the_reference) {
  Builder b;
  const ValueId x = b.input("x", {-1, 8, -1, -1});
  b.graph.outputs = {b.c2f(b.conv(x, 8, 16, 3, 2), 16, 16, 1, true)};
  const auto device = make_cpu_device(1);
  for (const Shape& shape : {Shape{1, 8, 8, 12}, Shape{2, 8, 6, 6}}) {
    const auto plan = specialise(b.graph, {{"x", shape}}, *device, nullptr, testing_plan::evaluator(), {});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->inputs[0].shape, shape);
    EXPECT_EQ(plan->outputs[0].shape, (Shape{shape[0], 16, shape[2] / 2, shape[3] / 2}));
    EXPECT_GT(plan->planning_ms, 0);
    Graph bound = b.graph;
    ASSERT_TRUE(bind_shapes(bound, {{"x", shape}}, testing_plan::evaluator()));
    const Tensors inputs = testing_plan::random_inputs(bound, 5);
    expect_near(*testing_plan::run_plan(*plan, inputs, 1), *testing_plan::run_by_reference(bound, inputs),
                1e-3f, print(*plan));
  }
  EXPECT_FALSE(specialise(b.graph, {}, *device, nullptr, testing_plan::evaluator(), {}));
}

TEST(Specialise, a_tuned_choice_is_taken_where_it_is_legal) {
  Builder b;
  const ValueId x = b.input("x", {1, 8, 8, 8});
  b.graph.outputs = {b.conv(x, 8, 8, 3)};
  const Graph graph = *b.bind();
  const auto device = make_cpu_device(1);
  const Choices reference = testing_plan::reference_choices(graph);
  const auto plan = specialise(b.graph, {}, *device, &reference, testing_plan::evaluator(), {});
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->steps[0].kernel->is_reference());
}

TEST(Plan, joined_convolutions_compute_what_they_did_apart_and_their_split_costs_nothing) {
  Builder b(5);
  const ValueId x = b.input("x", {1, 16, 9, 7});
  const ValueId y = b.conv(x, 16, 24, 1);
  b.graph.outputs = {b.conv(b.conv(y, 24, 8, 3), 8, 8, 3), b.conv(b.conv(y, 24, 16, 3), 16, 8, 1),
                     b.conv(y, 24, 16, 1)};
  const auto apart = b.bind();
  ASSERT_TRUE(apart) << apart.error().message;
  Graph joined = *apart;
  ASSERT_TRUE(join_convolutions(joined));
  ASSERT_TRUE(verify(joined));
  EXPECT_EQ(joined.nodes.size(), apart->nodes.size());  // two convolutions less one, and the Split
  const Tensors inputs = testing_plan::random_inputs(*apart, 2);
  const auto wanted = testing_plan::run_by_reference(*apart, inputs);
  const auto plan = plan_bound(joined, testing_plan::reference_choices(joined), {});
  ASSERT_TRUE(wanted && plan);
  EXPECT_EQ(copies(*plan) + steps_of(*plan, "Split"), 0u) << print(*plan);
  const auto got = testing_plan::run_plan(*plan, inputs, 1);
  ASSERT_TRUE(got) << got.error().message;
  expect_near(*got, *wanted, 1e-5f, "joined");
}

}  // namespace
}  // namespace hone
