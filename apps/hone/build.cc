#include "hone/build.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "build/model.h"
#include "build/open_model.h"
#include "hone/arguments.h"
#include "hone/commands.h"

namespace hone {
namespace {

struct BuildArguments {
  std::string model, output, imgsz, device, nvrtc, memory_limit, deadline = "60s", timing_cache, dump;
  std::vector<std::string> min, opt, max, precisions = {"f32"}, targets, cpu_ops;
  int64_t batch = 1;
  int level = 3;
  size_t threads = 0;
  bool is_static = false, strip_source = false, no_ptx = false;
};

// Named --min, --opt and --max shapes; what is missing is filled from the others. An input with several --opt
// gives as many profiles of one range, each tuned at its own shape.
Result<std::vector<Profile>> profiles_from_flags(const BuildArguments& a) {
  HONE_ASSIGN(const auto min, parse_named_shapes(a.min));
  HONE_ASSIGN(const auto max, parse_named_shapes(a.max));
  std::map<std::string, std::vector<Shape>> wanted;
  for (const auto& text : a.opt) {
    HONE_ASSIGN(auto named, parse_named_shape(text));
    wanted[named.first].push_back(std::move(named.second));
  }
  for (const auto* shapes : {&max, &min})
    for (const auto& [name, shape] : *shapes)
      if (!wanted.contains(name)) wanted[name] = {shape};
  size_t count = 0;
  for (const auto& [name, shapes] : wanted) count = std::max(count, shapes.size());
  std::vector<Profile> profiles(count);
  for (const auto& [name, shapes] : wanted) {
    ShapeRange range{.min = shapes[0], .opt = {}, .max = shapes[0]};
    for (const Shape& shape : shapes)
      for (size_t i = 0; i < std::min(shape.size(), range.min.size()); ++i)
        range.min[i] = std::min(range.min[i], shape[i]), range.max[i] = std::max(range.max[i], shape[i]);
    if (const auto least = min.find(name); least != min.end()) range.min = least->second;
    if (const auto largest = max.find(name); largest != max.end()) range.max = largest->second;
    for (size_t i = 0; i < count; ++i) {
      range.opt = shapes[std::min(i, shapes.size() - 1)];
      profiles[i][name] = range;
    }
  }
  return profiles;
}

Result<> build_engine(const BuildArguments& a) {
  if (!a.nvrtc.empty()) setenv("HONE_NVRTC", a.nvrtc.c_str(), 1);
  BuildOptions options;
  HONE_ASSIGN(options.profiles, profiles_from_flags(a));
  ShapeRequest request{.batch = a.batch, .dynamic = !a.is_static, .strict = true};
  if (!a.imgsz.empty()) {
    HONE_ASSIGN(request.imgsz, parse_imgsz(a.imgsz));
  }
  if (options.profiles.empty()) {
    HONE_ASSIGN(const Graph graph, import_model(a.model));
    std::vector<TensorInfo> inputs;
    for (const ValueId id : graph.inputs)
      inputs.push_back({graph.value(id).name, graph.desc(id).type, graph.desc(id).shape, {}});
    HONE_ASSIGN(Profile profile, profile_for(inputs, graph.metadata, request));
    if (!profile.empty()) options.profiles.push_back(std::move(profile));
  }
  options.precisions = a.precisions;
  options.targets = a.targets;
  if (!a.device.empty()) options.targets.insert(options.targets.begin(), a.device);
  options.cpu_ops = a.cpu_ops;
  options.carry_ptx = !a.no_ptx;
  options.level = a.level;
  options.thread_count = a.threads;
  options.timing_cache = a.timing_cache;
  options.strip_source = a.strip_source;
  HONE_ASSIGN(options.deadline, parse_time("--deadline", a.deadline));
  if (!a.memory_limit.empty()) {
    HONE_ASSIGN(options.memory_limit_bytes, parse_size_bytes("--memory-limit", a.memory_limit));
  }
  options.progress = progress_line();
  if (!a.dump.empty()) {
    options.dump_stage = a.dump;
    options.dump = [](const std::string&, const std::string& text) { fmt::print("{}", text); };
  }
  HONE_ASSIGN(const BuildReport report, build(a.model, a.output, options));
  double total_ms = 0;
  for (const auto& stage : report.stages) total_ms += stage.ms;
  fmt::print("{}: {} in {:.2f} s\n", a.output, size_text(report.engine_bytes), total_ms / 1000);
  for (const auto& stage : report.stages) fmt::print("  {:<16}{:9.1f} ms\n", stage.stage, stage.ms);
  fmt::print("  weights {}, packed {}, memory of a context {}\n", size_text(report.weight_bytes),
             size_text(report.packed_bytes), size_text(report.arena_bytes));
  fmt::print("  {} kernels timed, {} times taken from the timing cache\n", report.timed_candidates,
             report.timing_cache_hits);
  if (report.gpu_build_bytes > 0)
    fmt::print("  GPU memory: at most {} while building, {} to run at the largest shape\n",
               size_text(report.gpu_build_bytes), size_text(report.gpu_run_bytes));
  for (const auto& note : report.notes) fmt::print("  {}\n", note);
  return {};
}

}  // namespace

void add_build(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("build", "Make an engine from a .pt or .onnx, tuned for this machine");
  auto a = std::make_shared<BuildArguments>();
  c->add_option("MODEL", a->model, ".pt, .onnx or .engine")->required();
  c->add_option("-o,--output", a->output, "The engine to write")->required();
  c->add_option("--imgsz", a->imgsz,
                "Picture size the engine is fastest at: 640 or 736x1280 (height x width)");
  c->add_option("--batch", a->batch, "Largest batch")->check(CLI::Range(1, 4096));
  c->add_flag("--static", a->is_static, "Exactly this size and batch, nothing smaller");
  c->add_option("--min", a->min, "Least shape of an input, NAME:1x3x640x640")->allow_extra_args(false);
  c->add_option("--opt", a->opt, "Shape of an input to be fastest at; repeated: several")
      ->allow_extra_args(false);
  c->add_option("--max", a->max, "Largest shape of an input")->allow_extra_args(false);
  c->add_option("--precision", a->precisions, "What kernels may compute in: f32, f16, bf16")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "f16", "bf16", "tf32"}));
  c->add_option("--device", a->device,
                "Tune here: cpu or cuda:0 (default: the GPU where --precision allows f16)");
  c->add_option("--target", a->targets,
                "Devices to build for: cpu, cuda:0, chips that need not be here (sm_86, …), ptx (any GPU)")
      ->delimiter(',');
  c->add_option("--nvrtc", a->nvrtc, "NVRTC to compile with, a file or its folder (default: 12, else 13)");
  c->add_flag("--no-ptx", a->no_ptx, "Leave out the PTX by which other and newer GPUs run the engine");
  c->add_option("--cpu-ops", a->cpu_ops, "Operators that a GPU's plan leaves to the CPU: Softmax,TopK")
      ->delimiter(',');
  c->add_option("--memory-limit", a->memory_limit, "Stay under this while building, e.g. 2GiB");
  c->add_option("--deadline", a->deadline, "Stop tuning after this time, e.g. 60s");
  c->add_option("--timing-cache", a->timing_cache, "Remember kernel timings in this file");
  c->add_option("--level", a->level, "0: no measuring … 5: measure every kernel")->check(CLI::Range(0, 5));
  add_threads(*c, a->threads);
  c->add_flag("--strip-source", a->strip_source,
              "Leave the source weights out: a smaller engine, for the tuned shapes and this CPU alone");
  c->add_option("--dump", a->dump, "Print the graph after a stage: import, a pass's name, bound, plan");
  c->footer(
      "example:\n  hone build yolov8m.pt -o yolov8m.engine --min images:1x3x320x320 --opt images:1x3x640x640 "
      "--max images:4x3x1280x1280");
  c->callback([a, &line] { line.work = [a] { return build_engine(*a); }; });
}

}  // namespace hone
