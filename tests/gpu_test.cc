// Engines on a GPU: built there, from a file, in other shapes, by several threads. Skipped where there is
// none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "build/model.h"
#include "build/occupancy.h"
#include "build/open_model.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/driver.h"
#include "device/cuda/stream.h"
#include "engine/engine_data.h"
#include "engine/shape_range.h"
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

TEST_F(Gpu, enqueue_may_be_captured_in_a_graph_of_the_callers) {
  const auto context = gpu_context();
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const Shape shape = {1, 3, 256, 192};
  const auto input = random_input(shape, 4);
  const auto wanted = run(*context, shape, input);
  ASSERT_TRUE(wanted) << wanted.error().message;
  const auto bytes = std::as_bytes(std::span(input));
  auto in = device->allocate(bytes.size()), out = device->allocate(wanted->size() * sizeof(float));
  ASSERT_TRUE(in && out);
  ASSERT_TRUE(device->copy_in(**in, 0, bytes));
  auto stream = cuda::OwnedStream::create(*device);
  ASSERT_TRUE(stream);
  const void* inputs[] = {(*in)->address()};
  void* outputs[] = {(*out)->address()};
  // Nothing was enqueued at these addresses before: the plan's own graph is recorded meanwhile.
  const auto graph = cuda::OwnedGraph::capture(
      *device, stream->get(), [&] { return context->enqueue(inputs, outputs, stream->get()); });
  ASSERT_TRUE(graph) << graph.error().message;
  for (int replay = 0; replay < 3; ++replay) {
    ASSERT_TRUE(device->fill(**out, std::byte{0xff}));
    ASSERT_TRUE(graph->launch(stream->get()));
    ASSERT_TRUE(stream->synchronize());
    std::vector<float> got(wanted->size());
    ASSERT_TRUE(device->copy_out(std::as_writable_bytes(std::span(got)), **out, 0));
    EXPECT_EQ(got, *wanted) << "replay " << replay;
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
  constexpr size_t kRuns = 1000;
  size_t wrong[2] = {};
  const auto work = [&](ExecutionContext& context, size_t thread) {
    for (size_t i = 0; i < kRuns; ++i) {
      const size_t k = (i * 7 + thread) % shapes.size();
      const auto got = run(context, shapes[k], inputs[k]);
      if (!got || *got != wanted[k]) ++wrong[thread];
    }
  };
  const std::unique_ptr<ExecutionContext> contexts[] = {gpu_context(), gpu_context()};
  for (const auto& context : contexts)  // plans are made ahead
    for (size_t k = 0; k < shapes.size(); ++k) ASSERT_TRUE(run(*context, shapes[k], inputs[k]));
  const auto seconds = [](const auto& what) {
    const auto start = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double one = seconds([&] { work(*contexts[0], 0); });
  const double two = seconds([&] {
    std::thread first(work, std::ref(*contexts[0]), 0), second(work, std::ref(*contexts[1]), 1);
    first.join(), second.join();
  });
  EXPECT_EQ(wrong[0] + wrong[1], 0u);
  std::printf("runs a second from host memory: one context %.0f, two %.0f\n", kRuns / one, 2 * kRuns / two);
  EXPECT_GE(2 * kRuns / two, 0.95 * kRuns / one);
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

TEST_F(Gpu, a_memory_limit_is_kept_and_named) {
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const size_t limit = device->allocated_bytes() + (size_t{8} << 20);
  const Shape shape = {4, 3, 640, 640};
  const auto input = random_input(shape, 2);
  {
    const auto context =
        ExecutionContext::create(engine_, {.device = "cuda:0", .gpu_memory_limit_bytes = limit});
    ASSERT_TRUE(context) << context.error().message;
    const auto got = run(**context, shape, input);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, StatusCode::resource);
    EXPECT_NE(got.error().message.find("would pass the limit of " + std::to_string(limit)), std::string::npos)
        << got.error().message;
    EXPECT_LE(device->allocated_bytes(), limit);
  }
  device->set_memory_limit(0);
  EXPECT_TRUE(run(*gpu_context(), shape, input));
}

TEST_F(Gpu, the_drivers_occupancy_is_the_expected_one) {
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const EngineData& data = engine_->data();
  const InputShapes shapes = {{"images", {1, 3, 320, 320}}};
  const auto plan =
      specialise(data.portable, shapes, *device, nearest_choices(data, device->fingerprint(), shapes),
                 reference_evaluator(),
                 {.thread_count = 2, .device = device.get(), .compute = DType::f16, .lanes = kGpuLanes});
  ASSERT_TRUE(plan) << plan.error().message;
  const auto expected = expected_occupancy(*plan, *device, data, 2);
  ASSERT_TRUE(expected) << expected.error().message;
  EXPECT_GT(expected->size(), 50u);
  const cuda::Current current(device->driver(), device->context());
  for (const LaunchOccupancy& o : *expected) {
    const auto programs = plan->steps[o.step].kernel->programs(problem_of(*plan, o.step, 2, device.get()));
    ASSERT_TRUE(programs);
    for (const cuda::Program& program : *programs) {
      if (program.entry != o.entry) continue;
      const auto function = device->load(program);
      ASSERT_TRUE(function) << function.error().message;
      int static_bytes = 0, blocks = 0;
      ASSERT_EQ(device->driver().function_get(&static_bytes, cuda::kFunctionStaticShared, *function), 0);
      ASSERT_EQ(device->driver().occupancy(&blocks, *function, static_cast<int>(o.threads),
                                           o.shared_bytes - static_cast<size_t>(static_bytes)),
                0);
      EXPECT_EQ(o.blocks_per_multiprocessor, blocks)
          << plan->steps[o.step].name << " " << plan->steps[o.step].kernel->name() << " " << o.registers
          << " registers, " << o.threads << " threads, " << o.shared_bytes << " bytes";
      break;
    }
  }
}

TEST_F(Gpu, operators_taken_away_run_on_the_cpu_and_the_boxes_are_the_same) {
  const Shape shape = {2, 3, 160, 224};
  const auto input = random_input(shape, 11);
  const auto wanted = run(*cpu_, shape, input);
  ASSERT_TRUE(wanted) << wanted.error().message;
  const Profile some = {{"images", {{1, 3, 64, 64}, shape, {4, 3, 640, 640}}}};
  for (const std::vector<std::string>& ops : std::vector<std::vector<std::string>>{
           {"Pool"}, {"Resize", "Pool"}, {"DecodeBoxes"}, {"Conv"}, {"Concat", "Split"}}) {
    SCOPED_TRACE(ops[0]);
    BuildOptions options;
    options.profiles = {some};
    options.precisions = {"f16"};
    options.targets = {"cuda:0"};
    options.cpu_ops = ops;
    options.level = 0;
    BuildReport report;
    const auto built = build(detector(), options, &report);
    ASSERT_TRUE(built) << built.error().message;
    const auto context = ExecutionContext::create(*built, {.device = "cuda:0"});
    ASSERT_TRUE(context) << context.error().message;
    for (const Shape& at : {shape, Shape{1, 3, 96, 64}}) {  // the second is nobody's choice
      const auto in = random_input(at, 12);
      const auto got = run(**context, at, in), right = run(*cpu_, at, in);
      ASSERT_TRUE(got && right);
      EXPECT_LE(relative_error(*got, *right), kTolerance) << (*context)->describe();
      const bool splits = (*context)->describe().find(" segments: ") != std::string::npos;
      // A Concat or Split that is a view moves nothing, wherever it is.
      EXPECT_TRUE(splits || ops[0] == "Concat") << (*context)->describe();
    }
    const bool told = std::ranges::any_of(report.notes, [](const std::string& note) {
      return note.find("run on the CPU") != std::string::npos;
    });
    EXPECT_TRUE(told || ops[0] == "Concat");
    EXPECT_EQ((*context)->device(), "cuda:0");
  }
}

// In a process of its own, without NVRTC: what another chip's engine, or one of PTX alone, gives here.
void run_engine_of_others(const std::filesystem::path& file, const std::vector<float>& input,
                          const Shape& shape, const std::vector<float>& wanted) {
  setenv("HONE_NVRTC", "", 1);
  const auto engine = Engine::open(file);
  const auto context = engine ? ExecutionContext::create(*engine, {.device = "cuda:0"})
                              : Result<std::unique_ptr<ExecutionContext>>(std::unexpected(engine.error()));
  const auto got =
      context ? run(**context, shape, input) : Result<std::vector<float>>(std::unexpected(context.error()));
  if (!got) std::fprintf(stderr, "%s\n", got.error().message.c_str());
  const bool right = got && (*context)->device() == "cuda:0" && (*context)->precision() == "f16" &&
                     relative_error(*got, wanted) <= kTolerance;
  std::fprintf(stderr, "on %s, error %g\n", context ? (*context)->device().c_str() : "nothing",
               got ? relative_error(*got, wanted) : -1.0);
  std::exit(right && !cuda::can_compile() ? 0 : 1);
}

class OthersEngine : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(OthersEngine, runs_by_its_ptx_without_a_compiler) {
  if (const auto device = open_device("cuda:0"); !device)
    GTEST_SKIP() << "skipped: " << device.error().message;
  if (!std::filesystem::exists(detector())) GTEST_SKIP() << "skipped: no model " << detector();
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto file = std::filesystem::temp_directory_path() / ("hone_" + GetParam()[0] + ".engine");
  const Shape shape = {2, 3, 192, 320};
  const auto input = random_input(shape, 21);
  std::vector<float> wanted;
  if (!testing::internal::InDeathTestChild()) {
    BuildOptions options;
    options.profiles = {profile()};
    options.precisions = {"f16"};
    options.targets = GetParam();
    options.level = 0;
    const auto built = build(detector(), file, options);
    ASSERT_TRUE(built) << built.error().message;
  }
  const auto engine = Engine::open(file);
  ASSERT_TRUE(engine) << engine.error().message;
  const auto cpu = ExecutionContext::create(*engine, {.device = "cpu"});
  ASSERT_TRUE(cpu) << cpu.error().message;
  const auto right = run(**cpu, shape, input);
  ASSERT_TRUE(right) << right.error().message;
  EXPECT_EXIT(run_engine_of_others(file, input, shape, *right), testing::ExitedWithCode(0), "on cuda:0");
  std::filesystem::remove(file);
}
INSTANTIATE_TEST_SUITE_P(Targets, OthersEngine,
                         testing::Values(std::vector<std::string>{"sm_86"}, std::vector<std::string>{"ptx"}),
                         [](const auto& target) { return target.param[0]; });

// A kernel that faults takes the process's GPU with it: errors, in words, and no crash.
void lose_the_gpu() {
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const cuda::Program program{.name = "fault",
                              .source = "extern \"C\" __global__ void fault(int) { asm(\"trap;\"); }",
                              .options = {},
                              .entry = "fault"};
  const auto function = device->load(program);
  auto stream = cuda::OwnedStream::create(*device);
  const auto buffer = device->allocate(1000);
  if (!function || !stream || !buffer) std::exit(2);
  const int nothing = 0;
  (void)device->launch(*function, {}, stream->get(), &nothing, sizeof(nothing));
  const auto fault = stream->synchronize();
  std::vector<std::byte> bytes(10);
  const auto copy = device->copy_out(bytes, **buffer, 0);
  const auto allocation = device->allocate(1000);
  const auto again = device->load({.name = "other",
                                   .source = "extern \"C\" __global__ void other(int) {}",
                                   .options = {},
                                   .entry = "other"});
  if (fault || copy || allocation || again) std::exit(3);
  for (const Status& status : {fault.error(), copy.error(), allocation.error(), again.error()})
    std::fprintf(stderr, "%s\n", status.message.c_str());
  std::exit(0);  // destructors run on what is left of the GPU
}

TEST(LostGpu, is_an_error_in_words_and_so_is_every_call_after_it) {
  if (const auto device = open_device("cuda:0"); !device)
    GTEST_SKIP() << "skipped: " << device.error().message;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(lose_the_gpu(), testing::ExitedWithCode(0),
              "CUDA_ERROR_[A-Z_]+ .*: the GPU is lost to this process(.|\n)*lost to this process");
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
  std::set<std::string> targets;
  for (const auto& binary : (*engine)->data().binaries) targets.insert(binary.target);
  EXPECT_EQ(targets, (std::set<std::string>{"compute_80", "sm_86"}));
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
