#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "base/file.h"
#include "build/model.h"
#include "build/open_model.h"
#include "device/device.h"
#include "hone/arguments.h"
#include "hone/bench_pictures.h"
#include "hone/commands.h"
#include "measure/gpu_measure.h"
#include "measure/measure.h"

namespace hone {
namespace {

struct BenchArguments {
  std::string model, json, duration = "3s", warm_up = "500ms", imgsz, timing_cache;
  std::vector<std::string> shapes;
  int64_t batch = 1;
  int level = 3;
  DeviceArguments device;
  size_t threads = 0, iterations = 10;
  bool layers = false, cold = false;
  PictureBench pictures;
};

struct BenchResult {
  std::string shape;
  Statistics stats;  // of runs one at a time; on a GPU with inputs in its memory
  double flops = 0;
  double burst_ms = 0, host_ms = 0;  // GPU: back to back; from host memory to host memory
};

Result<BenchResult> bench_shape(const Engine& engine, ExecutionContext& context,
                                const std::map<std::string, Shape>& shapes, const BenchArguments& a,
                                const MeasureOptions& options) {
  BenchResult result;
  for (const auto& info : engine.inputs()) {
    if (const auto found = shapes.find(info.name); found != shapes.end())
      HONE_TRY(context.set_input_shape(info.name, found->second));
    HONE_ASSIGN(const Shape shape, context.tensor_shape(info.name));
    result.shape += (result.shape.empty() ? "" : ",") + info.name + ":" + shape_text(shape);
  }
  HONE_ASSIGN(HostBuffers buffers, HostBuffers::create(engine, context));
  HONE_ASSIGN(const Measurement m, measure(context, buffers, options));
  result.stats = statistics(m.run_ms);
  if (context.device() != "cpu") {
    HONE_ASSIGN(const GpuMeasurement gpu, measure_gpu(context, buffers, {}));
    result.host_ms = result.stats.median;
    result.stats = statistics(gpu.single_ms);
    result.burst_ms = statistics(gpu.burst_ms).median;
  }
  context.set_profiling(true);
  HONE_TRY(context.run(buffers.inputs(), buffers.outputs()));
  auto steps = context.step_times();
  context.set_profiling(false);
  double sum = 0;
  for (const auto& step : steps) result.flops += step.flops, sum += step.ms;
  fmt::print(
      "{}\n  median {:.3f} ms   p90 {:.3f}   p99 {:.3f}   min {:.3f}   {:.1f}/s   {} runs   {:.1f} GFLOP/s\n",
      result.shape, result.stats.median, result.stats.p90, result.stats.p99, result.stats.min,
      1000 / result.stats.median, result.stats.runs, result.flops / result.stats.median / 1e6);
  if (result.burst_ms > 0)
    fmt::print(
        "  back to back {:.4f} ms   {:.1f}/s   {:.1f} TFLOP/s   from host memory to host memory {:.3f} ms\n",
        result.burst_ms, 1000 / result.burst_ms, result.flops / result.burst_ms / 1e9, result.host_ms);
  if (a.layers) {
    fmt::print("  {:>9} {:>6} {:>9}  {:<44} {}\n", "ms", "%", "GFLOP/s", "kernel", "layer");
    for (const auto& s : steps)
      fmt::print("  {:9.4f} {:6.1f} {:9.1f}  {:<44} {}\n", s.ms, 100 * s.ms / sum, s.flops / s.ms / 1e6,
                 s.kernel, s.name);
    fmt::print("  {:9.4f} sum of the layers, one run\n", sum);
  }
  return result;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// From an engine file to its first result, a line a part. What the driver takes to start stands apart.
Result<> bench_cold(const BenchArguments& a) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  HONE_ASSIGN(const ModelKind kind, model_kind(a.model));
  if (kind != ModelKind::engine) return error(StatusCode::invalid_argument, "--cold wants an .engine");
  const auto before = now();
  std::shared_ptr<Device> device;  // kept, so that the context finds it open
  if (a.device.device != "cpu")
    if (auto opened = open_device(a.device.device == "auto" ? "cuda:0" : a.device.device)) device = *opened;
  const double driver_ms = ms_since(before);
  const auto start = now();
  HONE_ASSIGN(const auto engine, Engine::open(a.model));
  const double open_ms = ms_since(start);
  HONE_ASSIGN(const auto context,
              ExecutionContext::create(engine, {.device = a.device.device, .thread_count = a.threads}));
  std::map<std::string, Shape> shapes;
  for (const auto& profile : engine->profiles())
    for (const auto& [name, range] : profile) shapes.try_emplace(name, range.opt);
  for (const auto& text : a.shapes) {
    HONE_ASSIGN(const auto named, parse_named_shape(text));
    shapes[named.first] = named.second;
  }
  for (const auto& [name, shape] : shapes) HONE_TRY(context->set_input_shape(name, shape));
  const double planned_ms = ms_since(start);
  HONE_ASSIGN(HostBuffers buffers, HostBuffers::create(*engine, *context));
  const auto ready = now();
  HONE_TRY(context->run(buffers.inputs(), buffers.outputs()));
  const double first_ms = ms_since(ready);
  const auto again = now();
  HONE_TRY(context->run(buffers.inputs(), buffers.outputs()));
  fmt::print("{} on {}, cold\n  driver and its context   {:8.1f} ms, not counted below\n", a.model,
             context->device(), driver_ms);
  fmt::print("  open and check the file  {:8.1f} ms\n  context and plan         {:8.1f} ms\n", open_ms,
             planned_ms - open_ms);
  fmt::print(
      "  weights, code, graph     {:8.1f} ms\n  first run                {:8.1f} ms (the second {:.2f})\n",
      context->prepare_ms(), first_ms - context->prepare_ms(), ms_since(again));
  fmt::print("  file to first result     {:8.1f} ms\n", planned_ms + first_ms);
  return {};
}

Result<> bench_model(const BenchArguments& a) {
  if (a.cold) return bench_cold(a);
  std::vector<std::map<std::string, Shape>> runs;
  ShapeRequest request{.batch = a.batch, .strict = true};
  if (!a.imgsz.empty()) {
    HONE_ASSIGN(request.imgsz, parse_imgsz(a.imgsz));
  }
  for (const auto& text : a.shapes) {
    HONE_ASSIGN(const auto named, parse_named_shape(text));
    runs.push_back({named});
  }
  BuildOptions build_options;
  build_options.level = a.level;
  build_options.thread_count = a.threads;
  a.device.apply(build_options);
  build_options.timing_cache = a.timing_cache;
  build_options.progress = progress_line();
  if (!runs.empty()) request.shapes = runs.front();
  // Several shapes of one input: a range that holds them all, tuned at the first.
  for (const auto& run : runs)
    for (const auto& [name, shape] : run) {
      if (build_options.profiles.empty()) build_options.profiles.emplace_back();
      auto [entry, fresh] = build_options.profiles[0].try_emplace(name, ShapeRange{shape, shape, shape});
      ShapeRange& range = entry->second;
      for (size_t i = 0; !fresh && i < std::min(shape.size(), range.min.size()); ++i)
        range.min[i] = std::min(range.min[i], shape[i]), range.max[i] = std::max(range.max[i], shape[i]);
    }
  HONE_ASSIGN(const auto engine, open_model(a.model, request, build_options));
  if (!a.pictures.picture.empty()) {
    PictureBench bench = a.pictures;
    bench.batch = static_cast<size_t>(a.batch);
    bench.options.imgsz = request.imgsz;
    bench.options.device = a.device.device;
    bench.options.thread_count = a.threads;
    return bench_pictures(engine, bench);
  }
  HONE_ASSIGN(const auto context,
              ExecutionContext::create(engine, {.device = a.device.device, .thread_count = a.threads}));
  if (runs.empty()) {
    runs.emplace_back();
    for (const auto& profile : engine->profiles())
      for (const auto& [name, range] : profile) runs.back().try_emplace(name, range.opt);
  }
  MeasureOptions options;
  HONE_ASSIGN(options.duration, parse_time("--duration", a.duration));
  HONE_ASSIGN(options.warm_up, parse_time("--warm-up", a.warm_up));
  options.iterations = a.iterations;
  const bool on_cpu = context->device() == "cpu";
  const std::string device =
      on_cpu ? fmt::format("cpu ({}, {}, {} threads)", cpu_features().model, isa_name(cpu_features()),
                           a.threads > 0 ? a.threads : usable_cores())
             : fmt::format("{} ({})", context->device(), context->device_description());
  fmt::print("{} on {}, {}, warm\n", a.model, device, context->precision());
  nlohmann::ordered_json json = {{"model", a.model},
                                 {"device", device},
                                 {"precision", context->precision()},
                                 {"results", nlohmann::json::array()}};
  for (const auto& shapes : runs) {
    HONE_ASSIGN(const BenchResult r, bench_shape(*engine, *context, shapes, a, options));
    nlohmann::ordered_json entry{{"shape", r.shape},      {"median_ms", r.stats.median},
                                 {"p90_ms", r.stats.p90}, {"p99_ms", r.stats.p99},
                                 {"min_ms", r.stats.min}, {"throughput_per_s", 1000 / r.stats.median},
                                 {"runs", r.stats.runs}};
    if (!on_cpu) entry["burst_ms"] = r.burst_ms, entry["host_ms"] = r.host_ms;
    json["results"].push_back(std::move(entry));
  }
  return a.json.empty() ? Result<>{} : write_file(a.json, json.dump(2) + "\n");
}

}  // namespace

void add_bench(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("bench", "Time a model");
  auto a = std::make_shared<BenchArguments>();
  c->add_option("MODEL", a->model, ".pt, .onnx or .engine")->required();
  c->add_option("--shape", a->shapes,
                "NAME:1x3x640x640; repeat it to time several (default: the profile's opt)")
      ->allow_extra_args(false);
  c->add_option("--imgsz", a->imgsz, "Picture size, for a .pt or .onnx");
  c->add_option("--batch", a->batch, "Batch, for a .pt or .onnx")->check(CLI::Range(1, 4096));
  c->add_option("--duration", a->duration, "How long to measure each shape");
  c->add_option("--warm-up", a->warm_up, "How long to run before that");
  c->add_option("--iterations", a->iterations, "At least this many runs")->check(CLI::Range(1, 1000000));
  a->device.add_to(*c);
  add_threads(*c, a->threads);
  c->add_option("--level", a->level, "Tuning of a .pt or .onnx, 0 to 5")->check(CLI::Range(0, 5));
  c->add_option("--timing-cache", a->timing_cache, "Remember kernel timings in this file");
  c->add_flag("--layers", a->layers, "A line a layer");
  c->add_flag("--cold", a->cold, "From an engine file to its first result, once, part by part");
  c->add_option("--json", a->json, "Write the results here");
  c->add_option("--end-to-end", a->pictures.picture,
                "Time the way from this picture to boxes instead; --batch copies of it");
  c->add_option("--runs", a->pictures.runs, "Runs of --end-to-end")->check(CLI::Range(1, 1000000));
  c->add_option("--conf", a->pictures.options.conf, "Least score, for --end-to-end")
      ->check(CLI::Range(0.0, 1.0));
  c->footer(
      "example:\n  hone bench yolov8m.engine --shape images:1x3x640x640 --shape images:4x3x736x1280 "
      "--duration 5s\n  hone bench yolov8m.engine --end-to-end bus.jpg");
  c->callback([a, &line] { line.work = [a] { return bench_model(*a); }; });
}

}  // namespace hone
