// Engines on a GPU: built there, from a file, in other shapes, by several threads. Skipped where there is
// none.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "build/model.h"
#include "build/open_model.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/stream.h"
#include "engine/engine_data.h"
#include "hone/build.h"
#include "test_data.h"

namespace hone {
namespace {

// A detector with one input "images" [N, 3, H, W] and a dynamic batch and size.
std::filesystem::path detector() {
  const char* set = std::getenv("HONE_TEST_MODEL");
  return set != nullptr ? std::filesystem::path(set) : outside_data("models/pt/yolov8n.pt");
}

Profile profile() { return {{"images", {{1, 3, 64, 64}, {1, 3, 320, 320}, {4, 3, 640, 640}}}}; }

std::vector<float> random_input(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<size_t>(element_count(shape).value()));
  for (float& v : values) v = static_cast<float>(random() % 1000) / 1000;
  return values;
}

Result<std::vector<float>> run(ExecutionContext& context, const Shape& shape,
                               const std::vector<float>& input) {
  HONE_TRY(context.set_input_shape("images", shape));
  HONE_ASSIGN(const Shape out, context.tensor_shape("output0"));
  std::vector<float> output(static_cast<size_t>(element_count(out).value()), std::nanf(""));
  HONE_TRY(context.run({{"images", input.data()}}, {{"output0", output.data()}}));
  return output;
}

// ||got - wanted|| / ||wanted||; infinite when an element is no number.
double relative_error(const std::vector<float>& got, const std::vector<float>& wanted) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference += (double{got[i]} - wanted[i]) * (double{got[i]} - wanted[i]);
    norm += double{wanted[i]} * wanted[i];
  }
  return got.size() == wanted.size() ? std::sqrt(difference / norm) : INFINITY;
}

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto device = open_device("cuda:0"); !device)
      GTEST_SKIP() << "skipped: " << device.error().message;
    if (!std::filesystem::exists(detector())) GTEST_SKIP() << "skipped: no model " << detector();
    folder_ = scratch_folder("gpu");
    BuildOptions options;
    options.profiles = {profile()};
    options.precisions = {"f16"};
    options.targets = {"cuda:0"};
    options.level = 1;
    const auto built = build(detector(), folder_ / "gpu.engine", options);
    ASSERT_TRUE(built) << built.error().message;
    auto opened = Engine::open(folder_ / "gpu.engine");
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = *opened;
    auto cpu = ExecutionContext::create(engine_, {.device = "cpu"});
    ASSERT_TRUE(cpu) << cpu.error().message;
    cpu_ = std::move(*cpu);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ExecutionContext> gpu_context() const {
    auto context = ExecutionContext::create(engine_, {.device = "cuda:0"});
    EXPECT_TRUE(context) << context.error().message;
    EXPECT_EQ((*context)->device(), "cuda:0");
    EXPECT_EQ((*context)->precision(), "f16");
    return std::move(*context);
  }

  std::filesystem::path folder_;
  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<ExecutionContext> cpu_;
};

constexpr double kTolerance = 2e-3;

TEST_F(Gpu, unseen_shapes_are_planned_in_milliseconds_without_a_compiler_and_right) {
  const auto context = gpu_context();
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  std::mt19937 random(1);
  double slowest = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    const Shape shape = {static_cast<int64_t>(1 + random() % 4), 3,
                         static_cast<int64_t>(32 * (2 + random() % 19)),
                         static_cast<int64_t>(32 * (2 + random() % 19))};
    SCOPED_TRACE(shape_text(shape));
    const auto input = random_input(shape, i);
    const auto got = run(*context, shape, input), wanted = run(*cpu_, shape, input);
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_TRUE(wanted) << wanted.error().message;
    EXPECT_LE(relative_error(*got, *wanted), kTolerance);
    slowest = std::max(slowest, context->planning_ms());
  }
  EXPECT_EQ(context->device(), "cuda:0");
  EXPECT_EQ(device->compiled(), 0u) << "programs were not in the engine";
  EXPECT_LT(slowest, 15);
  std::printf("slowest planning of 20 shapes: %.2f ms\n", slowest);
}

TEST_F(Gpu, enqueue_on_device_memory_gives_what_run_gives_wherever_buffers_lie) {
  const auto context = gpu_context();
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const Shape shape = {2, 3, 256, 192};
  const auto input = random_input(shape, 3);
  const auto wanted = run(*context, shape, input);
  ASSERT_TRUE(wanted) << wanted.error().message;
  const auto bytes = std::as_bytes(std::span(input));
  auto stream = cuda::OwnedStream::create(*device);
  ASSERT_TRUE(stream);
  std::vector<std::shared_ptr<DeviceBuffer>> kept;
  for (int round = 0; round < 7; ++round) {  // more places than graphs are kept for
    auto in = device->allocate(bytes.size()), out = device->allocate(wanted->size() * sizeof(float));
    ASSERT_TRUE(in && out);
    ASSERT_TRUE(device->copy_in(**in, 0, bytes));
    ASSERT_TRUE(device->fill(**out, std::byte{0xff}));
    const void* inputs[] = {(*in)->address()};
    void* outputs[] = {(*out)->address()};
    const auto done = context->enqueue(inputs, outputs, stream->get());
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(stream->synchronize());
    std::vector<float> got(wanted->size());
    ASSERT_TRUE(device->copy_out(std::as_writable_bytes(std::span(got)), **out, 0));
    EXPECT_EQ(got, *wanted) << "round " << round;
    kept.push_back(*in), kept.push_back(*out);
  }
}

TEST_F(Gpu, two_contexts_on_two_threads_are_right_every_time) {
  const std::vector<Shape> shapes = {{1, 3, 320, 320}, {2, 3, 256, 192}, {1, 3, 640, 480}};
  std::vector<std::vector<float>> inputs, wanted;
  {
    const auto context = gpu_context();
    for (size_t i = 0; i < shapes.size(); ++i) {
      inputs.push_back(random_input(shapes[i], static_cast<uint32_t>(i)));
      auto output = run(*context, shapes[i], inputs[i]);
      ASSERT_TRUE(output) << output.error().message;
      wanted.push_back(std::move(*output));
    }
  }
  size_t wrong[2] = {};
  const auto work = [&](size_t thread) {
    const auto context = gpu_context();
    for (size_t i = 0; i < 300; ++i) {
      const size_t k = (i * 7 + thread) % shapes.size();
      const auto got = run(*context, shapes[k], inputs[k]);
      if (!got || *got != wanted[k]) ++wrong[thread];
    }
  };
  std::thread first(work, 0), second(work, 1);
  first.join(), second.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0u);
}

TEST_F(Gpu, profiling_names_every_step_and_its_time) {
  const auto context = gpu_context();
  const Shape shape = {1, 3, 320, 320};
  const auto input = random_input(shape, 5);
  const auto before = run(*context, shape, input);
  context->set_profiling(true);
  const auto profiled = run(*context, shape, input);
  ASSERT_TRUE(before && profiled);
  EXPECT_EQ(*before, *profiled);
  const auto times = context->step_times();
  EXPECT_GT(times.size(), 50u);
  for (const auto& step : times) EXPECT_GT(step.ms, 0) << step.name;
}

// Where there is no GPU, an engine for one computes on the CPU.
TEST(WithoutGpu, an_engine_built_for_a_chip_that_is_not_here_runs_on_the_cpu) {
  if (open_device("cuda:0")) GTEST_SKIP() << "skipped: there is a GPU";
  const auto model = asset("test_checkpoints");
  std::filesystem::path file;
  for (const auto& entry : std::filesystem::directory_iterator(model))
    if (entry.path().extension() == ".pt" && (file.empty() || entry.path() < file)) file = entry.path();
  BuildOptions options;
  options.precisions = {"f16"};
  options.targets = {"sm_86"};
  options.level = 0;
  ShapeRequest request{.dynamic = false};
  const auto graph = import_model(file);
  ASSERT_TRUE(graph) << graph.error().message;
  Shape shape = graph->desc(graph->inputs[0]).shape;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < 0) shape[i] = i == 0 ? 1 : 64;
  options.profiles = {{{"images", {shape, shape, shape}}}};
  const auto folder = scratch_folder("no_gpu");
  const auto built = build(file, folder / "chip.engine", options);
  if (!built && built.error().message.find("NVRTC") != std::string::npos)
    GTEST_SKIP() << "skipped: " << built.error().message;
  ASSERT_TRUE(built) << built.error().message;
  const auto engine = Engine::open(folder / "chip.engine");
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_FALSE((*engine)->data().binaries.empty());
  for (const auto& binary : (*engine)->data().binaries) EXPECT_EQ(binary.target, "sm_86");
  for (const char* device : {"auto", "cuda:0", "cpu"}) {
    auto context = ExecutionContext::create(*engine, {.device = device});
    ASSERT_TRUE(context) << context.error().message;
    EXPECT_EQ((*context)->device(), "cpu");
    const auto output = run(**context, shape, random_input(shape, 1));
    ASSERT_TRUE(output) << output.error().message;
    for (const float v : *output) ASSERT_TRUE(std::isfinite(v));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hone
