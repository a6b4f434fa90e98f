// Checkpoints give PyTorch's numbers, by the reference and by the engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "build/export_model.h"
#include "build/model.h"
#include "build/open_model.h"
#include "build/reference_run.h"
#include "golden_models.h"
#include "hone/engine.h"
#include "test_data.h"

namespace hone {
namespace {

// Suggested tolerances are a few times the spread of f32 arithmetic; other summation orders get five times
// that.
constexpr double kSlack = 5;

std::vector<float> run_engine(const std::filesystem::path& path, const Shape& input_shape,
                              const std::vector<float>& input, int level) {
  BuildOptions options;
  options.level = level;
  ShapeRequest request{.dynamic = false};
  request.shapes["images"] = input_shape;
  const auto engine = open_model(path, request, options);
  if (!engine) return ADD_FAILURE() << engine.error().message, std::vector<float>();
  auto context = ExecutionContext::create(*engine, {});
  if (!context) return ADD_FAILURE() << context.error().message, std::vector<float>();
  if (const auto set = (*context)->set_input_shape("images", input_shape); !set)
    return ADD_FAILURE() << set.error().message, std::vector<float>();
  const auto shape = (*context)->tensor_shape("output0");
  if (!shape) return ADD_FAILURE() << shape.error().message, std::vector<float>();
  std::vector<float> output(static_cast<size_t>(*element_count(*shape)), std::nanf(""));
  const auto ran = (*context)->run({{"images", input.data()}}, {{"output0", output.data()}});
  if (!ran) return ADD_FAILURE() << ran.error().message, std::vector<float>();
  return output;
}

std::vector<float> run_reference_graph(const std::filesystem::path& path, const Shape& input_shape,
                                       const std::vector<float>& input) {
  const auto graph = import_model(path);
  if (!graph) return ADD_FAILURE() << graph.error().message, std::vector<float>();
  const auto bytes = std::as_bytes(std::span(input));
  const auto outputs =
      run_as_imported(*graph, {{"images", input_shape, Bytes::of({bytes.begin(), bytes.end()})}});
  if (!outputs) return ADD_FAILURE() << outputs.error().message, std::vector<float>();
  const auto values = (*outputs)[0].data.as<float>();
  return {values.begin(), values.end()};
}

void expect_golden(const GoldenModel& model) {
  SCOPED_TRACE(model.name);
  const auto input = golden_input(static_cast<size_t>(*element_count(model.input_shape)));
  EXPECT_LE(worst_over_tolerance(model, run_reference_graph(model.file, model.input_shape, input)), kSlack)
      << "by the references";
  EXPECT_LE(worst_over_tolerance(model, run_engine(model.file, model.input_shape, input, 0)), kSlack)
      << "by the cost model's engine";
  EXPECT_LE(worst_over_tolerance(model, run_engine(model.file, model.input_shape, input, 3)), kSlack)
      << "by the tuned engine";
}

TEST(Parity, CheckpointsOfEveryLayoutGiveTheirGoldenOutput) {
  const auto models = repository_models(asset("test_checkpoints"));
  ASSERT_GE(models.size(), 6u);
  for (const auto& model : models) expect_golden(model);
}

TEST(Parity, TheConformanceZooGivesItsGoldenOutput) {
  const auto folder = outside_data("zoo");
  const auto models =
      zoo_models(folder, {"v8", "v8-trained", "v8-epoch", "v8-fused", "v8-gray", "era-8.0.35"});
  if (models.empty()) GTEST_SKIP() << "skipped: no zoo in " << folder;
  EXPECT_EQ(models.size(), 6u);
  for (const auto& model : models) expect_golden(model);
}

TEST(Parity, AnExportedFileGivesWhatItsCheckpointGives) {
  const auto scratch = scratch_folder("export");
  for (const auto& model : repository_models(asset("test_checkpoints"))) {
    for (const bool dynamic : {false, true}) {
      SCOPED_TRACE(model.name + (dynamic ? " dynamic" : " static"));
      ExportRequest request;
      request.imgsz = {model.input_shape[2], model.input_shape[3]};
      request.batch = model.input_shape[0];
      request.dynamic = dynamic;
      request.output = scratch / (model.name + ".onnx");
      const auto exported = export_model(model.file, request);
      ASSERT_TRUE(exported) << exported.error().message;
      std::set<std::string> node_names;  // other runtimes refuse two nodes of one name
      const auto written = import_model(request.output);
      ASSERT_TRUE(written) << written.error().message;
      for (const auto& node : written->nodes) EXPECT_TRUE(node_names.insert(node.name).second) << node.name;
      const auto input = golden_input(static_cast<size_t>(*element_count(model.input_shape)));
      EXPECT_LE(worst_over_tolerance(model, run_engine(request.output, model.input_shape, input, 0)), kSlack);
    }
  }
  std::filesystem::remove_all(scratch);
}

TEST(Parity, AnEngineFileGivesWhatTheEngineInMemoryGives) {
  const auto scratch = scratch_folder("engine");
  const auto model = repository_models(asset("test_checkpoints")).front();
  const auto input = golden_input(static_cast<size_t>(*element_count(model.input_shape)));
  BuildOptions options;
  options.profiles = {{{"images", {{1, 3, 32, 32}, model.input_shape, {4, 3, 256, 256}}}}};
  const auto path = scratch / "model.engine";
  const auto report = build(model.file, path, options);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(std::filesystem::file_size(path), report->engine_bytes);
  EXPECT_LE(worst_over_tolerance(model, run_engine(path, model.input_shape, input, 0)), kSlack);
  // An engine is a model too: it can be built again from what it holds.
  const auto again = build(path, scratch / "again.engine", options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_LE(worst_over_tolerance(model, run_engine(scratch / "again.engine", model.input_shape, input, 0)),
            kSlack);
  std::filesystem::remove_all(scratch);
}

TEST(Parity, BatchAndSizeAreFreeWithinTheProfile) {
  const auto model = repository_models(asset("test_checkpoints")).front();
  BuildOptions options;
  options.level = 0;
  options.profiles = {{{"images", {{1, 3, 32, 32}, {1, 3, 64, 64}, {3, 3, 128, 160}}}}};
  const auto engine = build(model.file, options);
  ASSERT_TRUE(engine) << engine.error().message;
  auto context = ExecutionContext::create(*engine, {});
  ASSERT_TRUE(context) << context.error().message;
  for (const Shape& shape :
       {Shape{1, 3, 64, 96}, Shape{3, 3, 128, 160}, Shape{2, 3, 32, 64}, Shape{1, 3, 64, 96}}) {
    SCOPED_TRACE(shape_text(shape));
    const auto input = golden_input(static_cast<size_t>(*element_count(shape)));
    const auto set = (*context)->set_input_shape("images", shape);
    ASSERT_TRUE(set) << set.error().message;
    std::vector<float> output(static_cast<size_t>(*element_count(*(*context)->tensor_shape("output0"))),
                              std::nanf(""));
    ASSERT_TRUE((*context)->run({{"images", input.data()}}, {{"output0", output.data()}}));
    const auto expected = run_reference_graph(model.file, shape, input);
    ASSERT_EQ(expected.size(), output.size());
    for (size_t i = 0; i < output.size(); ++i)
      ASSERT_NEAR(output[i], expected[i], 2e-3 + 1e-4 * std::fabs(expected[i])) << i;
  }
  const auto outside = (*context)->set_input_shape("images", {1, 3, 192, 64});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, StatusCode::out_of_range);
}

}  // namespace
}  // namespace hone
