// What the cost model alone chooses for a detector compiles for every chip, none of them here, spills nothing
// and fits; shapes in between need no more. The detector is the repository's own; HONE_TEST_MODEL names
// another (a YOLOv8m).
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "build/occupancy.h"
#include "build/open_model.h"
#include "build/targets.h"
#include "device/cuda/cuda_device.h"
#include "engine/device_code.h"
#include "engine/engine_data.h"
#include "engine/shape_range.h"
#include "hone/build.h"
#include "kernels/cuda/resources.h"
#include "test_data.h"

namespace hone {
namespace {

std::filesystem::path detector() {
  const char* set = std::getenv("HONE_TEST_MODEL");
  return set != nullptr ? std::filesystem::path(set) : asset("demo/street.pt");
}

// An engine for one target: a chip, or "ptx".
class CudaTargets : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    BuildOptions options;
    options.profiles = {{{"images", {{1, 3, 64, 64}, {1, 3, 320, 320}, {2, 3, 640, 640}}}}};
    options.precisions = {"f16"};
    options.targets = {GetParam()};
    options.level = 0;
    const auto built = build(detector(), options);
    if (!built && built.error().message.find("NVRTC") != std::string::npos)
      GTEST_SKIP() << "skipped: " << built.error().message;
    ASSERT_TRUE(built) << built.error().message;
    engine_ = *built;
    const std::string name = GetParam();
    chip_ = name == "ptx" ? make_portable_cuda_target() : *make_cuda_target(std::stoi(name.substr(3)));
  }

  // As a context without a compiler does it.
  Result<Plan> plan(const InputShapes& shapes, CudaDevice& device) const {
    const EngineData& data = engine_->data();
    return specialise(data.portable, shapes, device, nearest_choices(data, device.fingerprint(), shapes),
                      reference_evaluator(),
                      {.thread_count = 2, .device = &device, .compute = DType::f16, .lanes = kGpuLanes});
  }

  std::shared_ptr<const Engine> engine_;
  std::shared_ptr<CudaDevice> chip_;
};

TEST_P(CudaTargets, get_machine_code_for_a_detector_without_spills) {
  const auto& binaries = engine_->data().binaries;
  ASSERT_FALSE(binaries.empty());
  for (const ProgramBinary& binary : binaries) {
    EXPECT_EQ(binary.target, chip_->target());
    EXPECT_GE(binary.nvrtc_version, 12000);
    if (binary.target == cuda::kPortableTarget) {
      // The driver reads it as text that ends with a zero.
      const std::string_view text(reinterpret_cast<const char*>(binary.code.data()), binary.code.size());
      EXPECT_NE(text.find(".target sm_80"), std::string_view::npos);
      EXPECT_EQ(text.find('\0'), text.size() - 1);
      continue;
    }
    const auto used = kernel_resources(binary.code, "");
    ASSERT_TRUE(used) << used.error().message;
    EXPECT_EQ(used->stack_bytes, 0u) << "program " << std::hex << binary.key << " spills on "
                                     << binary.target;
  }
}

TEST_P(CudaTargets, run_a_detector_as_one_segment_whose_blocks_fit_the_chip) {
  const auto made = plan({{"images", {1, 3, 320, 320}}}, *chip_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(segments_text(*made), "one segment, cuda") << print(*made);
  if (chip_->target() == cuda::kPortableTarget) return;  // PTX takes no registers yet
  const auto launches = expected_occupancy(*made, *chip_, engine_->data(), 2);
  ASSERT_TRUE(launches) << launches.error().message;
  EXPECT_GE(launches->size(), made->steps.size());
  for (const LaunchOccupancy& o : *launches) {
    SCOPED_TRACE(made->steps[o.step].name + " by " + std::string(made->steps[o.step].kernel->name()));
    EXPECT_LE(o.shared_bytes, chip_->gpu()->shared_per_block_bytes);
    EXPECT_GE(o.blocks_per_multiprocessor, 1) << o.registers << " registers, " << o.threads << " threads";
    EXPECT_LE(o.occupancy, 1);
  }
}

TEST_P(CudaTargets, plan_every_shape_of_the_profile_from_what_the_engine_carries) {
  const auto carrying = chip_->carrying(program_keys(engine_->data().binaries, chip_->target()));
  std::mt19937 random(7);
  double slowest = 0;
  for (int i = 0; i < 20; ++i) {
    const Shape shape = {static_cast<int64_t>(1 + random() % 2), 3,
                         static_cast<int64_t>(32 * (2 + random() % 19)),
                         static_cast<int64_t>(32 * (2 + random() % 19))};
    const auto made = plan({{"images", shape}}, *carrying);
    ASSERT_TRUE(made) << shape_text(shape) << ": " << made.error().message;
    EXPECT_EQ(segments_of(*made).size(), 1u) << shape_text(shape);
    slowest = std::max(slowest, made->planning_ms);
    for (size_t s = 0; s < made->steps.size(); ++s) {
      const auto wanted = made->steps[s].kernel->programs(problem_of(*made, s, 2, carrying.get()));
      ASSERT_TRUE(wanted) << wanted.error().message;
      for (const cuda::Program& program : *wanted)
        EXPECT_TRUE(carrying->may_load(program.key())) << made->steps[s].name;
    }
  }
  std::printf("slowest planning of 20 shapes for %s: %.2f ms\n", GetParam(), slowest);
}

TEST_P(CudaTargets, refuse_what_the_engine_does_not_carry_instead_of_computing_it_on_the_cpu) {
  const auto nothing = chip_->carrying({});
  const auto made = plan({{"images", {1, 3, 320, 320}}}, *nothing);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, StatusCode::unsupported);
  EXPECT_NE(made.error().message.find(cuda::kNotCarried), std::string::npos) << made.error().message;
}

INSTANTIATE_TEST_SUITE_P(Chips, CudaTargets,
                         testing::Values("sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "ptx"),
                         [](const auto& chip) { return std::string(chip.param); });

// YOLOv8m's body and head as Ultralytics lays them out (ultralytics/cfg/models/v8/yolov8.yaml: depth 0.67,
// width 0.75), with weights that nobody asks for.
class YoloV8m {
 public:
  Graph make() {
    const ValueId x = graph_.add_input("images", TensorDesc(DType::f32, {-1, 3, -1, -1}));
    const ValueId p2 = c2f(conv(conv(x, 3, 48, 3, 2), 48, 96, 3, 2), 96, 96, 2, true);
    const ValueId p3 = c2f(conv(p2, 96, 192, 3, 2), 192, 192, 4, true);
    const ValueId p4 = c2f(conv(p3, 192, 384, 3, 2), 384, 384, 4, true);
    const ValueId p5 = sppf(c2f(conv(p4, 384, 576, 3, 2), 576, 576, 2, true), 576);
    const ValueId n4 = c2f(concat({upsample(p5), p4}), 960, 384, 2, false);
    const ValueId n3 = c2f(concat({upsample(n4), p3}), 576, 192, 2, false);
    const ValueId m4 = c2f(concat({conv(n3, 192, 192, 3, 2), n4}), 576, 384, 2, false);
    const ValueId m5 = c2f(concat({conv(m4, 384, 384, 3, 2), p5}), 960, 576, 2, false);
    for (const auto& [feature, channels] : {std::pair{n3, 192}, {m4, 384}, {m5, 576}}) {
      const ValueId box = conv(conv(conv(feature, channels, 64, 3), 64, 64, 3), 64, 64, 1, 1, false);
      const ValueId classes = conv(conv(conv(feature, channels, 192, 3), 192, 192, 3), 192, 80, 1, 1, false);
      graph_.outputs.push_back(concat({box, classes}));
    }
    return std::move(graph_);
  }

 private:
  ValueId weights(Shape shape) {
    const TensorDesc desc(DType::f32, shape);
    return graph_.add_constant("w", Constant::lazy(desc, ++next_key_, [desc]() -> Result<Bytes> {
                                 return Bytes::of(std::vector<std::byte>(*byte_count(desc.type, desc.shape)));
                               }));
  }
  ValueId conv(ValueId x, int64_t from, int64_t to, int64_t kernel, int64_t stride = 1, bool silu = true) {
    Conv op;
    op.strides = {stride, stride}, op.dilations = {1, 1};
    op.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    if (silu) op.activation.kind = UnaryKind::silu;
    op.has_bias = true;
    return graph_.add("conv", op, {x, weights({to, from, kernel, kernel}), weights({to})});
  }
  ValueId concat(std::vector<ValueId> parts) { return graph_.add("concat", Concat{1}, std::move(parts)); }
  ValueId upsample(ValueId x) {
    Resize op;
    op.coordinates = CoordinateMode::asymmetric, op.nearest = NearestMode::floor;
    const std::vector<float> scales = {1, 1, 2, 2};
    return graph_.add("upsample", op, {x, kNoValue, graph_.add_constant("s", Constant::floats({4}, scales))});
  }
  ValueId c2f(ValueId x, int64_t from, int64_t to, int n, bool shortcut) {
    const int64_t half = to / 2;
    const ValueId y = conv(x, from, to, 1);
    const std::vector<int64_t> sizes = {half, half};
    const size_t split =
        graph_.add_node("split", Split{1}, {y, graph_.add_constant("sizes", Constant::ints(sizes))}, 2);
    std::vector<ValueId> parts = graph_.nodes[split].outputs;
    for (int i = 0; i < n; ++i) {
      const ValueId last = parts.back(), made = conv(conv(last, half, half, 3), half, half, 3);
      parts.push_back(shortcut ? graph_.add("add", Binary{BinaryKind::add}, {last, made}) : made);
    }
    return conv(concat(parts), (2 + n) * half, to, 1);
  }
  ValueId sppf(ValueId x, int64_t channels) {
    std::vector<ValueId> parts = {conv(x, channels, channels / 2, 1)};
    Pool op;
    op.kernel = {5, 5}, op.strides = {1, 1}, op.dilations = {1, 1}, op.pads = {2, 2, 2, 2};
    for (int i = 0; i < 3; ++i) parts.push_back(graph_.add("pool", op, {parts.back()}));
    return conv(concat(parts), channels * 2, channels, 1);
  }

  Graph graph_;
  uint64_t next_key_ = 0;
};

class LevelZero : public testing::TestWithParam<int> {};

TEST_P(LevelZero, of_yolov8m_compiles_without_spills_within_the_chips_shared_memory) {
  const auto chip = *make_cuda_target(GetParam());
  EngineData engine;
  engine.portable = YoloV8m().make();
  ASSERT_TRUE(run_passes(engine.portable, PassStage::portable, {reference_evaluator(), {}}));
  const Target target{.device = chip, .precision = "f16", .compute = DType::f16};
  const PlanOptions options{
      .thread_count = 2, .device = chip.get(), .compute = DType::f16, .lanes = kGpuLanes};
  std::vector<std::shared_ptr<const Plan>> plans;
  for (const Shape& shape : {Shape{1, 3, 640, 640}, Shape{16, 3, 640, 640}, Shape{1, 3, 1280, 1280}}) {
    auto plan =
        specialise(engine.portable, {{"images", shape}}, *chip, nullptr, reference_evaluator(), options);
    ASSERT_TRUE(plan) << plan.error().message;
    plans.push_back(std::make_shared<const Plan>(std::move(*plan)));
  }
  const auto compiled = add_binaries(plans, target, 0, engine);
  if (!compiled && compiled.error().message.find("NVRTC") != std::string::npos && !cuda::can_compile())
    GTEST_SKIP() << "skipped: " << compiled.error().message;
  ASSERT_TRUE(compiled) << compiled.error().message;
  std::map<uint64_t, std::string> rows;  // that ask for each program
  for (const auto& plan : plans)
    for (size_t s = 0; s < plan->steps.size(); ++s) {
      const auto programs = plan->steps[s].kernel->programs(problem_of(*plan, s, 2, chip.get()));
      ASSERT_TRUE(programs);
      for (const cuda::Program& program : *programs) {
        std::string& row = rows[program.key()] = std::string(plan->steps[s].kernel->name());
        for (const std::string& option : program.options) row += " " + option;
      }
    }
  for (const ProgramBinary& binary : engine.binaries) {
    const auto used = kernel_resources(binary.code, "");
    ASSERT_TRUE(used) << used.error().message;
    EXPECT_EQ(used->stack_bytes, 0u) << rows[binary.key] << " spills";
  }
  for (const auto& plan : plans) {
    const auto launches = expected_occupancy(*plan, *chip, engine, 2);
    ASSERT_TRUE(launches) << launches.error().message;
    for (const LaunchOccupancy& o : *launches) {
      EXPECT_LE(o.shared_bytes, chip->gpu()->shared_per_block_bytes) << plan->steps[o.step].kernel->name();
      EXPECT_GE(o.blocks_per_multiprocessor, 1) << plan->steps[o.step].kernel->name();
    }
  }
  std::printf("%zu programs\n", engine.binaries.size());
}

INSTANTIATE_TEST_SUITE_P(Chips, LevelZero, testing::Values(80, 86, 87, 89, 90),
                         [](const auto& chip) { return "sm_" + std::to_string(chip.param); });

}  // namespace
}  // namespace hone
