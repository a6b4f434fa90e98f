#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/cpu_features.h"
#include "base/file.h"
#include "build/export_model.h"
#include "build/model.h"
#include "build/reference_run.h"
#include "hone/arguments.h"
#include "hone/build.h"
#include "hone/commands.h"
#include "hone/detection.h"
#include "hone/preprocess.h"
#include "measure/measure.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct DemoArguments {
  std::string folder, output = "out";
};

constexpr Shape::value_type kSize = 640;

std::vector<std::string> pictures_of(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder / "scenes", ignored))
    if (entry.path().extension() == ".png") found.push_back(entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

// One letterboxed picture through the graph as it was imported, by the plain references, and through the
// engine.
Result<> compare_with_unoptimized(const fs::path& checkpoint, const std::shared_ptr<const Engine>& engine,
                                  const std::string& picture_path) {
  HONE_ASSIGN(const Picture picture, read_picture(picture_path));
  LetterboxOptions options{.imgsz = {kSize, kSize}};
  HONE_ASSIGN(const LetterboxGeometry geometry, letterbox_geometry(picture.height, picture.width, options));
  std::vector<float> input(3 * kSize * kSize);
  Letterboxer letterboxer;
  HONE_TRY(letterboxer.run(picture.view(), geometry, DType::f32, input.data()));

  HONE_ASSIGN(const Graph graph, import_model(checkpoint));
  const auto bytes = std::as_bytes(std::span(input));
  const Shape shape = {1, 3, kSize, kSize};
  auto start = Clock::now();
  HONE_ASSIGN(const auto expected,
              run_as_imported(graph, {{"images", shape, Bytes::of({bytes.begin(), bytes.end()})}}));
  const double unoptimized_ms = ms_since(start);

  HONE_ASSIGN(const auto context, ExecutionContext::create(engine, {}));
  HONE_TRY(context->set_input_shape("images", shape));
  HONE_ASSIGN(HostBuffers buffers, HostBuffers::create(*engine, *context));
  std::memcpy(buffers.input(0).data(), input.data(), bytes.size());
  HONE_ASSIGN(const Measurement m, measure(*context, buffers,
                                           {.warm_up = std::chrono::milliseconds(100),
                                            .duration = std::chrono::milliseconds(1000)}));
  const auto reference = expected[0].data.as<float>();
  const auto* actual = reinterpret_cast<const float*>(buffers.output(0).data());
  double worst = 0, range = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(actual[i]) - static_cast<double>(reference[i])));
    range = std::max(range, std::fabs(static_cast<double>(reference[i])));
  }
  const Statistics s = statistics(m.run_ms);
  fmt::print("\nThe network, {}x{}, one picture:\n", kSize, kSize);
  fmt::print("  as imported, plain reference kernels  {:9.1f} ms\n", unoptimized_ms);
  fmt::print(
      "  engine                                {:9.1f} ms   {:.0f} times as fast (median of {} runs)\n",
      s.median, unoptimized_ms / s.median, s.runs);
  fmt::print("  largest difference of the outputs     {:9.1e} of their range\n", worst / range);
  return {};
}

Result<> demo(const DemoArguments& a) {
  const fs::path checkpoint = fs::path(a.folder) / "street.pt", out = a.output;
  const fs::path onnx = out / "street.onnx", engine_path = out / "street.engine";
  const auto pictures = pictures_of(a.folder);
  if (pictures.empty())
    return error(StatusCode::not_found, "there are no pictures in " + a.folder + "/scenes");
  HONE_TRY(make_folder(out));
  fmt::print("hone {} on {} ({}, {} threads)\n\n", HONE_VERSION, cpu_features().model,
             isa_name(cpu_features()), usable_cores());

  ExportRequest to_onnx{.imgsz = {kSize, kSize}, .dynamic = true, .output = onnx};
  HONE_ASSIGN(const ExportReport exported, export_model(checkpoint, to_onnx));
  fmt::print("read and optimized {}: {} layers, {} parameters, {:.1f} GFLOPs\n", checkpoint.string(),
             exported.layers, exported.parameters, exported.gflops);
  fmt::print("wrote {} ({}) in {:.0f} ms\n", onnx.string(), size_text(exported.bytes),
             exported.seconds * 1000);

  BuildOptions options;
  options.profiles = {{{"images", {{1, 3, 32, 32}, {1, 3, kSize, kSize}, {4, 3, kSize, kSize}}}}};
  options.timing_cache = out / "timing.cache";
  HONE_ASSIGN(const BuildReport report, build(checkpoint, engine_path, options));
  double total_ms = 0;
  for (const auto& stage : report.stages) total_ms += stage.ms;
  fmt::print("wrote {} ({}) in {:.0f} ms: ", engine_path.string(), size_text(report.engine_bytes), total_ms);
  for (const auto& stage : report.stages)
    fmt::print("{} {:.0f} ms{}", stage.stage, stage.ms, &stage == &report.stages.back() ? "\n\n" : ", ");

  auto start = Clock::now();
  HONE_ASSIGN(const auto engine, Engine::open(engine_path));
  const double open_ms = ms_since(start);
  DetectionRequest request;
  request.sources = pictures;
  request.save_dir = out / "pictures";
  request.done = [](size_t index, size_t count, const PictureResult& result, const auto& names,
                    const DetectTimes& times) -> Result<> {
    fmt::print("{}\n", progress_line(index, count, fs::path(result.image).filename(), result.detections,
                                     names, times.input_shape, times.inference_ms));
    return {};
  };
  HONE_ASSIGN(const DetectionSummary s, detect_pictures(engine, request));
  HONE_TRY(write_file(out / "boxes.json", results_json(s.results, s.class_names) + "\n"));
  const auto n = static_cast<double>(s.results.size());
  fmt::print(
      "opening the engine {:.1f} ms; a picture: read {:.1f} ms, letterbox {:.1f} ms, network {:.1f} ms, "
      "boxes {:.1f} ms, draw and save {:.1f} ms\n",
      open_ms, s.read_ms / n, s.total.preprocess_ms / n, s.total.inference_ms / n, s.total.postprocess_ms / n,
      s.save_ms / n);
  HONE_TRY(compare_with_unoptimized(checkpoint, engine, pictures.front()));
  fmt::print("\nAnnotated pictures: {}   boxes: {}\n", request.save_dir.string(),
             (out / "boxes.json").string());
  return {};
}

}  // namespace

void add_demo(CLI::App& app, CommandLine& line) {
  CLI::App* c =
      app.add_subcommand("demo", "The whole main job with the model and pictures of the repository");
  auto a = std::make_shared<DemoArguments>();
  c->add_option("FOLDER", a->folder, "assets/demo of the repository")->required();
  c->add_option("--output", a->output, "Where to write");
  c->callback([a, &line] { line.work = [a] { return demo(*a); }; });
}

}  // namespace hone
