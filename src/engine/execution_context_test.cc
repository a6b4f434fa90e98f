#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "engine/engine_data.h"
#include "hone/engine.h"
#include "plan/plan.h"

namespace {
// Allocations of this thread while counting is on; the pool's threads run kernels, which are counted too.
std::atomic<bool> counting{false};
std::atomic<size_t> allocations{0};

void* counted(size_t bytes, size_t alignment) {
  if (counting) ++allocations;
  void* pointer = alignment <= alignof(std::max_align_t)
                      ? std::malloc(bytes == 0 ? 1 : bytes)
                      : std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment);
  if (pointer == nullptr) std::abort();
  return pointer;
}
}  // namespace

void* operator new(size_t bytes) { return counted(bytes, 1); }
void* operator new[](size_t bytes) { return counted(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, 1); }
void operator delete(void* pointer) noexcept { std::free(pointer); }
void operator delete[](void* pointer) noexcept { std::free(pointer); }
void operator delete(void* pointer, size_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, size_t) noexcept { std::free(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { std::free(pointer); }
void operator delete(void* pointer, size_t, std::align_val_t) noexcept { std::free(pointer); }
void operator delete[](void* pointer, size_t, std::align_val_t) noexcept { std::free(pointer); }

namespace hone {
namespace {

// Two outputs, a dynamic input: convolutions, a split whose halves meet again in a concat, and a
// shape-dependent end.
std::shared_ptr<const Engine> small_engine(std::vector<Profile> profiles = {},
                                           Shape shape = {-1, 3, -1, -1}) {
  auto data = std::make_shared<EngineData>();
  Graph& graph = data->portable;
  uint32_t state = 1;
  const auto weights = [&](Shape of) {
    size_t count = 1;
    for (const int64_t extent : of) count *= static_cast<size_t>(extent);
    std::vector<float> values(count);
    for (float& v : values) {
      state = state * 1664525u + 1013904223u;
      v = static_cast<float>(state >> 8) * 0x1p-24f * 0.4f - 0.2f;
    }
    return graph.add_constant("w", Constant::floats(std::move(of), values));
  };
  const auto conv = [&](ValueId x, int64_t from, int64_t to) {
    Conv op;
    op.pads = {1, 1, 1, 1};
    op.strides = {1, 1};
    op.dilations = {1, 1};
    op.activation.kind = UnaryKind::silu;
    op.has_bias = true;
    return graph.add("conv", op, {x, weights({to, from, 3, 3}), weights({to})});
  };
  const ValueId x =
      graph.add_input("images", TensorDesc(DType::f32, std::move(shape)), {"batch", "", "height", "width"});
  const ValueId y = conv(x, 3, 16);
  const size_t split = graph.add_node("split", Split{1}, {y}, 2);
  const ValueId a = graph.nodes[split].outputs[0], b = graph.nodes[split].outputs[1];
  const ValueId all = graph.add("concat", Concat{1}, {a, b, conv(b, 8, 8)});
  const ValueId mean = graph.add("mean", GlobalPool{}, {all});
  graph.outputs = {conv(all, 24, 5), mean};
  graph.rename(graph.outputs[0], "map");
  graph.rename(graph.outputs[1], "mean");
  data->source = graph;
  for (const ValueId id : graph.inputs)
    data->inputs.push_back({"images", DType::f32, graph.desc(id).shape, {}});
  data->outputs = {{"map", DType::f32, {-1, 5, -1, -1}, {}}, {"mean", DType::f32, {-1, 24, 1, 1}, {}}};
  data->profiles = std::move(profiles);
  return std::make_shared<const Engine>(std::move(data));
}

std::vector<float> pixels(const Shape& shape, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(*element_count(shape)));
  for (float& v : values) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(seed >> 8) * 0x1p-24f;
  }
  return values;
}

struct Outputs {
  std::vector<float> map, mean;
};

// Node by node with the reference kernels.
Outputs by_reference(const Engine& engine, const Shape& shape, const std::vector<float>& image) {
  Graph graph = engine.data().portable;
  EXPECT_TRUE(bind_shapes(graph, {{"images", shape}}, reference_evaluator()));
  std::vector<Bytes> values(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i)
    if (graph.values[i].constant != nullptr) values[i] = *graph.values[i].constant->bytes();
  const auto bytes = std::as_bytes(std::span(image));
  values[static_cast<size_t>(graph.inputs[0])] = Bytes::of({bytes.begin(), bytes.end()});
  for (const Node& node : graph.nodes) {
    std::vector<TensorDesc> inputs, outputs;
    std::vector<Bytes> data;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? TensorDesc{} : graph.desc(id));
      data.push_back(id == kNoValue ? Bytes{} : values[static_cast<size_t>(id)]);
    }
    for (const ValueId id : node.outputs) outputs.push_back(graph.desc(id));
    auto computed = run_reference(node.op, inputs, data, outputs);
    EXPECT_TRUE(computed) << node.name;
    for (size_t i = 0; i < node.outputs.size(); ++i)
      values[static_cast<size_t>(node.outputs[i])] = (*computed)[i];
  }
  const auto floats = [&](size_t k) {
    const auto view = values[static_cast<size_t>(graph.outputs[k])].as<float>();
    return std::vector<float>(view.begin(), view.end());
  };
  return {floats(0), floats(1)};
}

void expect_near(const std::vector<float>& actual, const std::vector<float>& wanted) {
  ASSERT_EQ(actual.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    ASSERT_NEAR(actual[i], wanted[i], 1e-4f + 1e-4f * std::abs(wanted[i])) << i;
}

Outputs room_for(const ExecutionContext& context) {
  return {std::vector<float>(static_cast<size_t>(*element_count(*context.tensor_shape("map")))),
          std::vector<float>(static_cast<size_t>(*element_count(*context.tensor_shape("mean"))))};
}

void run_and_compare(ExecutionContext& context, const Engine& engine, const Shape& shape, uint32_t seed) {
  ASSERT_TRUE(context.set_input_shape("images", shape));
  const auto image = pixels(shape, seed);
  Outputs outputs = room_for(context);
  const auto done =
      context.run({{"images", image.data()}}, {{"map", outputs.map.data()}, {"mean", outputs.mean.data()}});
  ASSERT_TRUE(done) << done.error().message;
  const Outputs wanted = by_reference(engine, shape, image);
  expect_near(outputs.map, wanted.map);
  expect_near(outputs.mean, wanted.mean);
}

TEST(ExecutionContext, runs_every_shape_in_turn_and_keeps_as_many_plans_as_it_may) {
  const auto engine = small_engine();
  auto context = ExecutionContext::create(engine, {.thread_count = 2, .plan_cache_size = 2});
  ASSERT_TRUE(context) << context.error().message;
  for (const Shape& shape :
       {Shape{1, 3, 8, 8}, Shape{2, 3, 8, 12}, Shape{1, 3, 5, 7}, Shape{1, 3, 8, 8}, Shape{3, 3, 9, 4}})
    run_and_compare(**context, *engine, shape, 7);
  EXPECT_GT((*context)->planning_ms(), 0);
  EXPECT_GT((*context)->memory_bytes(), 0u);
  EXPECT_THAT((*context)->describe(), testing::HasSubstr("images:3x3x9x4"));
}

TEST(ExecutionContext, a_shape_seen_before_is_not_planned_again) {
  const auto engine = small_engine();
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  ASSERT_TRUE(context->set_input_shape("images", {1, 3, 8, 8}));
  ASSERT_TRUE(context->set_input_shape("images", {1, 3, 16, 8}));
  const double ms = context->planning_ms();
  ASSERT_TRUE(context->set_input_shape("images", {1, 3, 8, 8}));
  EXPECT_EQ(context->planning_ms(), ms);
}

TEST(ExecutionContext, allocates_nothing_after_the_first_run_of_a_shape) {
  const auto engine = small_engine();
  const auto context = *ExecutionContext::create(engine, {.thread_count = 2});
  for (const Shape& shape : {Shape{1, 3, 8, 8}, Shape{2, 3, 16, 8}}) {
    ASSERT_TRUE(context->set_input_shape("images", shape));
    const auto image = pixels(shape, 3);
    Outputs outputs = room_for(*context);
    const std::array<const void*, 1> inputs = {image.data()};
    for (const bool with_null : {false, true}) {
      const std::array<void*, 2> targets = {outputs.map.data(),
                                            with_null ? nullptr : static_cast<void*>(outputs.mean.data())};
      ASSERT_TRUE(context->run(inputs, targets));
      allocations = 0;
      counting = true;
      const bool ran = context->run(inputs, targets).has_value() && context->run(inputs, targets).has_value();
      counting = false;
      EXPECT_TRUE(ran);
      EXPECT_EQ(allocations, 0u);
    }
  }
}

TEST(ExecutionContext, buffers_may_lie_at_any_address) {
  const auto engine = small_engine();
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  const Shape shape = {1, 3, 8, 8};
  ASSERT_TRUE(context->set_input_shape("images", shape));
  const auto image = pixels(shape, 9);
  const Outputs wanted = by_reference(*engine, shape, image);
  for (const size_t shift : {size_t{0}, size_t{1}, size_t{4}, size_t{16}}) {
    std::vector<std::byte> in(image.size() * 4 + 64), map(wanted.map.size() * 4 + 64),
        mean(wanted.mean.size() * 4 + 64);
    std::memcpy(in.data() + shift, image.data(), image.size() * 4);
    ASSERT_TRUE(context->run({{"images", in.data() + shift}},
                             {{"map", map.data() + shift}, {"mean", mean.data() + shift}}));
    Outputs outputs{std::vector<float>(wanted.map.size()), std::vector<float>(wanted.mean.size())};
    std::memcpy(outputs.map.data(), map.data() + shift, wanted.map.size() * 4);
    std::memcpy(outputs.mean.data(), mean.data() + shift, wanted.mean.size() * 4);
    expect_near(outputs.map, wanted.map);
    expect_near(outputs.mean, wanted.mean);
    EXPECT_EQ(map[shift + wanted.map.size() * 4], std::byte{0}) << "written behind the end";
  }
}

TEST(ExecutionContext, two_contexts_on_two_threads_share_an_engine_and_are_both_right) {
  const auto engine = small_engine();
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
      for (int64_t i = 0; i < 12; ++i)
        run_and_compare(*context, *engine, {1, 3, 4 + i % 5, 6 + t}, t * 100 + static_cast<uint32_t>(i));
    });
  for (auto& thread : threads) thread.join();
}

TEST(ExecutionContext, a_shape_outside_the_profile_is_refused_with_both_shapes_and_the_old_one_stays) {
  const auto engine = small_engine({{{"images", {{1, 3, 32, 32}, {1, 3, 640, 640}, {4, 3, 1280, 1280}}}}});
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  ASSERT_TRUE(context->set_input_shape("images", {1, 3, 32, 32}));
  const auto outside = context->set_input_shape("images", {5, 3, 32, 32});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, StatusCode::out_of_range);
  EXPECT_EQ(outside.error().message,
            "input images: 5x3x32x32 is outside the engine's profile 1x3x32x32 … 4x3x1280x1280");
  EXPECT_EQ(*context->tensor_shape("images"), (Shape{1, 3, 32, 32}));
  EXPECT_EQ(*context->tensor_shape("map"), (Shape{1, 5, 32, 32}));
}

TEST(ExecutionContext, mistakes_of_the_caller_are_errors_in_words) {
  const auto engine = small_engine();
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  const float number = 0;
  const auto message = [](const auto& result) {
    return result ? std::string("no error") : result.error().message;
  };
  EXPECT_THAT(message(context->run({{"images", &number}}, std::map<std::string, void*>{})),
              testing::HasSubstr("images has no shape yet"));
  EXPECT_THAT(message(context->set_input_shape("pictures", {1})),
              testing::HasSubstr("no input pictures; it has images"));
  EXPECT_THAT(message(context->set_input_shape("images", {1, 4, 8, 8})),
              testing::HasSubstr("1x4x8x8 does not fit the engine's ?x3x?x?"));
  EXPECT_THAT(message(context->set_input_shape("images", {1, 3, 8})),
              testing::HasSubstr("1x3x8 does not fit"));
  EXPECT_THAT(message(context->set_input_shape("images", {1, 3, -8, 8})), testing::HasSubstr("does not fit"));
  EXPECT_FALSE(context->set_input_shape("images", {int64_t{1} << 40, 3, 8, 8}));
  ASSERT_TRUE(context->set_input_shape("images", {1, 3, 8, 8}));
  EXPECT_THAT(message(context->run(std::map<std::string, const void*>{}, {})),
              testing::HasSubstr("input images has no data"));
  const auto image = pixels({1, 3, 8, 8}, 1);
  float target = 0;
  EXPECT_THAT(message(context->run({{"images", image.data()}}, {{"nothing", &target}})),
              testing::HasSubstr("no output nothing"));
  EXPECT_THAT(message(context->run(std::span<const void* const>{}, {})),
              testing::HasSubstr("0 inputs and 0 outputs; the engine has 1 and 2"));
  EXPECT_THAT(message(context->tensor_shape("nothing")), testing::HasSubstr("nothing"));
  EXPECT_FALSE(ExecutionContext::create(engine, {.device = "tpu"}));
  EXPECT_FALSE(ExecutionContext::create(engine, {.device = "null"}));
  EXPECT_FALSE(ExecutionContext::create(nullptr, {}));
}

TEST(ExecutionContext, static_inputs_have_their_shapes_from_the_start) {
  const auto engine = small_engine({}, {1, 3, 8, 8});
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  EXPECT_EQ(*context->tensor_shape("map"), (Shape{1, 5, 8, 8}));
  run_and_compare(*context, *engine, {1, 3, 8, 8}, 3);
}

TEST(ExecutionContext, profiling_gives_a_time_for_each_step_of_the_plan) {
  const auto engine = small_engine({}, {1, 3, 8, 8});
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  run_and_compare(*context, *engine, {1, 3, 8, 8}, 3);
  EXPECT_TRUE(context->step_times().empty());
  context->set_profiling(true);
  run_and_compare(*context, *engine, {1, 3, 8, 8}, 3);
  const auto times = context->step_times();
  ASSERT_GE(times.size(), 3u);
  double flops = 0;
  for (const auto& step : times) {
    EXPECT_GE(step.ms, 0);
    EXPECT_FALSE(step.kernel.empty());
    flops += step.flops;
  }
  EXPECT_GT(flops, 2.0 * 64 * (3 * 9 * 16 + 8 * 9 * 8 + 24 * 9 * 5) - 1);
}

TEST(ExecutionContext, choices_tuned_for_the_nearest_shape_on_this_device_are_taken) {
  const auto engine = small_engine();
  const std::string fingerprint = make_cpu_device(1)->fingerprint();
  DeviceTuning tuning{.fingerprint = fingerprint, .precision = "f32", .choices = {}};
  for (const char* shape : {"images:1x3x8x8", "images:1x3x64x64"}) {
    Choices choices{.shapes = shape, .by_node = {}, .timed = true};
    if (std::string(shape) == "images:1x3x64x64")  // everything by reference
      for (const Node& node : engine->data().portable.nodes) {
        const Kernel* reference = kernels_for(op_name(node.op), DeviceKind::cpu).back();
        choices.by_node[node.id] = {.kernel = std::string(reference->name()),
                                    .version = reference->version(),
                                    .inputs = std::vector<Layout>(node.inputs.size()),
                                    .outputs = std::vector<Layout>(node.outputs.size()),
                                    .candidates = {}};
      }
    tuning.choices.push_back(std::move(choices));
  }
  engine->data().tunings.push_back(std::move(tuning));
  const auto context = *ExecutionContext::create(engine, {.thread_count = 1});
  context->set_profiling(true);
  run_and_compare(*context, *engine, {1, 3, 48, 48}, 3);
  for (const auto& step : context->step_times())
    EXPECT_TRUE(find_kernel(step.kernel)->is_reference()) << step.kernel;
}

TEST(PackStore, keeps_the_first_bytes_of_a_key_aligned_and_counts_only_what_it_made) {
  PackStore store;
  const std::vector<std::byte> mapped(10, std::byte{1});
  store.add_mapped(1, mapped);
  EXPECT_EQ(store.find(1)->data(), mapped.data());
  const auto kept = store.add(1, std::vector<std::byte>(10, std::byte{2}));
  EXPECT_EQ(kept.data(), mapped.data());
  EXPECT_EQ(store.made_bytes(), 0u);
  const auto made = store.add(2, std::vector<std::byte>(100, std::byte{3}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(made.data()) % 64, 0u);
  EXPECT_EQ(store.made_bytes(), 100u);
  EXPECT_EQ(store.find(2)->data(), made.data());
  EXPECT_EQ(made[99], std::byte{3});
  EXPECT_EQ(store.find(3), std::nullopt);
  EXPECT_THAT(store.keys(), testing::UnorderedElementsAre(1, 2));
}

}  // namespace
}  // namespace hone
