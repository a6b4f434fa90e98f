#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "build/model.h"
#include "build/open_model.h"
#include "device/cuda/cuda_device.h"
#include "engine/device_code.h"
#include "engine/engine_data.h"
#include "engine/shape_range.h"
#include "hone/arguments.h"
#include "hone/commands.h"
#include "hone/inspect_html.h"
#include "ir/infer.h"
#include "passes/passes.h"
#include "plan/plan.h"

namespace hone {
namespace {

struct InspectArguments {
  std::string model, imgsz, json, html, dump, device = "auto";
  std::vector<std::string> shapes;
  int64_t batch = 1;
  size_t threads = 0;
  bool reasons = false;
};

struct Totals {
  double flops = 0;
  size_t weight_bytes = 0, activation_bytes = 0;
};

Totals totals_of(const Graph& bound) {
  Totals t;
  for (const auto& node : bound.nodes) t.flops += node_flops(bound, node);
  for (const auto& value : bound.values) {
    if (value.constant)
      t.weight_bytes += value.constant->size_bytes();
    else if (value.desc.concrete())
      t.activation_bytes += layout_bytes(value.desc.type, value.desc.shape, Layout::plain).value_or(0);
  }
  return t;
}

// The shapes to look at: what is asked for, else the engine's opt, else the model's own size.
Result<std::map<std::string, Shape>> shapes_to_inspect(const InspectArguments& a,
                                                       const std::vector<TensorInfo>& inputs,
                                                       const std::vector<Profile>& profiles,
                                                       const Graph& graph) {
  ShapeRequest request{.batch = a.batch, .strict = true};
  HONE_ASSIGN(request.shapes, parse_named_shapes(a.shapes));
  if (!a.imgsz.empty()) {
    HONE_ASSIGN(request.imgsz, parse_imgsz(a.imgsz));
  }
  HONE_ASSIGN(const Profile profile, profile_for(inputs, graph.metadata, request));
  std::map<std::string, Shape> shapes;
  for (const auto& [name, range] : profile) shapes[name] = range.opt;
  if (a.imgsz.empty() && a.batch == 1 && !profiles.empty())
    for (const auto& [name, range] : profiles[0])
      if (!request.shapes.contains(name)) shapes[name] = range.opt;
  return shapes;
}

void print_header(const std::string& model, const EngineData& data) {
  fmt::print("{}\n", model);
  for (const auto* tensors : {&data.inputs, &data.outputs})
    for (const auto& t : *tensors)
      fmt::print("  {:<7}{} {}[{}]\n", tensors == &data.inputs ? "input" : "output", t.name,
                 dtype_name(t.type), shape_text(t.shape));
  for (const auto& profile : data.profiles)
    for (const auto& [name, r] : profile)
      fmt::print("  profile {}: min {}, opt {}, max {}\n", name, shape_text(r.min), shape_text(r.opt),
                 shape_text(r.max));
  for (const DeviceTuning& tuning : data.tunings)
    fmt::print("  built for {} in {}\n", tuning.fingerprint, tuning.precision);
  std::map<std::string, std::pair<size_t, size_t>> code;  // by target: programs, bytes
  for (const ProgramBinary& binary : data.binaries)
    ++code[binary.target].first, code[binary.target].second += binary.code.size();
  for (const auto& [target, sum] : code)
    fmt::print("  machine code for {}: {} kernels, {}\n", target, sum.first, size_text(sum.second));
  for (const char* key : {"description", "task", "names", "stride", "imgsz", "version"})
    if (const auto found = data.source.metadata.find(key); found != data.source.metadata.end()) {
      const std::string& text = found->second;
      fmt::print("  {}: {}\n", key, text.size() > 100 ? text.substr(0, 100) + "…" : text);
    }
}

void print_steps(const Plan& plan, const Choices* choices, bool reasons) {
  fmt::print("\n  {:<44} {:<34} {:<26} {:>9} {:>9}\n", "layer", "kernel", "output", "GFLOP", "ms (tuned)");
  for (const auto& step : plan.steps) {
    const std::string out = step.outputs.empty() ? "" : desc_text(step.outputs[0].desc);
    const std::string ms = step.expected_ms >= 0 ? fmt::format("{:.3f}", step.expected_ms) : "";
    fmt::print("  {:<44} {:<34} {:<26} {:>9.3f} {:>9}\n", step.name, step.kernel ? step.kernel->name() : "",
               out, step.flops / 1e9, ms);
    const auto found =
        choices ? choices->by_node.find(step.node_id) : std::map<int64_t, Choice>::const_iterator{};
    if (!reasons || !choices || found == choices->by_node.end()) continue;
    for (const auto& c : found->second.candidates)
      if (!c.reason.empty())
        fmt::print("      not {}: {}\n", c.kernel, c.reason);
      else if (c.kernel != found->second.kernel)
        fmt::print("      or {}: {:.3f} ms\n", c.kernel, c.ms);
  }
}

// A row a step, with the kernels that were weighed for it: their time, or why they cannot.
nlohmann::ordered_json layers_json(const Plan& plan, const Choices* choices) {
  auto layers = nlohmann::ordered_json::array();
  for (const auto& step : plan.steps) {
    nlohmann::ordered_json layer = {{"name", step.name},
                                    {"op", op_text(step.op)},
                                    {"kernel", step.kernel ? step.kernel->name() : ""},
                                    {"output", step.outputs.empty() ? "" : desc_text(step.outputs[0].desc)},
                                    {"flop", step.flops},
                                    {"ms", step.expected_ms},
                                    {"candidates", nlohmann::ordered_json::array()}};
    if (choices)
      if (const auto found = choices->by_node.find(step.node_id); found != choices->by_node.end())
        for (const auto& c : found->second.candidates)
          layer["candidates"].push_back(
              c.reason.empty() ? nlohmann::ordered_json{{"kernel", c.kernel}, {"ms", c.ms}}
                               : nlohmann::ordered_json{{"kernel", c.kernel}, {"reason", c.reason}});
    layers.push_back(std::move(layer));
  }
  return layers;
}

// The device asked for; "auto" is the first that the engine was built for. A chip that is not here serves as
// well.
Result<std::shared_ptr<Device>> device_to_inspect(const EngineData& d, const InspectArguments& a) {
  std::string name = a.device;
  for (const auto& tuning : d.tunings)
    if (name == "auto" && tuning.fingerprint.starts_with("cuda/sm_"))
      name = tuning.fingerprint.substr(5, tuning.fingerprint.find('/', 5) - 5);
  if (name == "auto" && tuning_of_target(d, cuda::kPortableTarget) != nullptr) name = "ptx";
  if (name == "auto") name = "cpu";
  if (name == "ptx") return std::shared_ptr<Device>(make_portable_cuda_target());
  if (!name.starts_with("sm_")) return open_device(name, a.threads);
  HONE_ASSIGN(auto chip, make_cuda_target(std::atoi(name.c_str() + 3)));
  return std::shared_ptr<Device>(std::move(chip));
}

Result<> inspect_model(const InspectArguments& a) {
  auto data = std::make_shared<EngineData>();
  HONE_ASSIGN(const ModelKind kind, model_kind(a.model));
  std::shared_ptr<const Engine> engine;
  if (kind == ModelKind::engine) {
    HONE_ASSIGN(engine, Engine::open(a.model));
  } else {
    HONE_ASSIGN(Graph graph, import_model(a.model));
    ShapeRequest request{.batch = a.batch, .strict = true};
    HONE_ASSIGN(request.shapes, parse_named_shapes(a.shapes));
    if (!a.imgsz.empty()) {
      HONE_ASSIGN(request.imgsz, parse_imgsz(a.imgsz));
    }
    BuildOptions options;
    options.level = 0;
    options.thread_count = a.threads;
    if (!a.dump.empty()) {
      options.dump_stage = a.dump;
      options.dump = [](const std::string&, const std::string& text) { fmt::print("{}", text); };
    }
    HONE_ASSIGN(engine, open_model(a.model, request, options));
    if (!a.dump.empty()) return {};
  }
  if (!a.dump.empty())
    return error(StatusCode::invalid_argument, "--dump shows the stages of building: give a .pt or .onnx");
  const EngineData& d = engine->data();
  HONE_ASSIGN(const auto shapes,
              shapes_to_inspect(a, d.inputs, kind == ModelKind::engine ? d.profiles : std::vector<Profile>{},
                                d.source));

  HONE_ASSIGN(const auto device, device_to_inspect(d, a));
  const Choices* known = nearest_choices(d, device->fingerprint(), shapes);
  const DType compute = compute_of(tuning_for(d, device->fingerprint()));
  const size_t threads = a.threads > 0 ? a.threads : ThreadPool(0).thread_count();
  HONE_ASSIGN(const Plan plan, specialise(d.portable, shapes, *device, known, reference_evaluator(),
                                          {.thread_count = threads,
                                           .device = device.get(),
                                           .compute = compute,
                                           .lanes = device->kind() == DeviceKind::cuda ? kGpuLanes : 1,
                                           .rules = known != nullptr ? rules_of(*known) : RowRules{}}));
  Graph bound = d.portable;
  HONE_TRY(bind_shapes(bound, shapes, reference_evaluator()));
  HONE_TRY(run_passes(bound, PassStage::bound, {reference_evaluator(), {}}));
  const Totals totals = totals_of(bound);

  print_header(a.model, d);
  std::string at;
  for (const auto& [name, shape] : shapes) at += (at.empty() ? "" : ", ") + name + ":" + shape_text(shape);
  fmt::print("\nat {} on {} ({})\n", at.empty() ? "its fixed shapes" : at, device->fingerprint(),
             known == nullptr ? "not tuned for this device: the cost model's choices"
             : known->timed   ? "tuned"
                              : "the cost model's choices");
  fmt::print("  {} nodes as imported, {} after optimization, {} steps in {}\n", d.source.nodes.size(),
             bound.nodes.size(), plan.steps.size(), segments_text(plan));
  fmt::print("  {:.2f} GFLOP, weights {} (f32), activations {} in an arena of {}, planned in {:.1f} ms\n",
             totals.flops / 1e9, size_text(totals.weight_bytes), size_text(totals.activation_bytes),
             size_text(plan.arena_bytes), plan.planning_ms);
  print_steps(plan, known, a.reasons);
  if (a.json.empty() && a.html.empty()) return {};
  nlohmann::ordered_json json = {{"model", a.model},
                                 {"device", device->fingerprint()},
                                 {"tuned", known != nullptr && known->timed},
                                 {"shapes", at},
                                 {"gflop", totals.flops / 1e9},
                                 {"weight_bytes", totals.weight_bytes},
                                 {"activation_bytes", totals.activation_bytes},
                                 {"arena_bytes", plan.arena_bytes},
                                 {"layers", layers_json(plan, known)}};
  if (!a.json.empty()) HONE_TRY(write_file(a.json, json.dump(2) + "\n"));
  return a.html.empty() ? Result<>{} : write_file(a.html, inspect_html(json));
}

}  // namespace

void add_inspect(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("inspect", "Show a model: layers, kernels and why, FLOPs, bytes, memory");
  auto a = std::make_shared<InspectArguments>();
  c->add_option("MODEL", a->model, ".pt, .onnx or .engine")->required();
  c->add_option("--shape", a->shapes, "NAME:1x3x640x640")->allow_extra_args(false);
  c->add_option("--imgsz", a->imgsz, "Picture size: 640 or 736x1280");
  c->add_option("--batch", a->batch, "Batch")->check(CLI::Range(1, 4096));
  c->add_option("--device", a->device,
                "cpu, cuda:0 or a chip such as sm_86 (default: what the engine was built for)");
  add_threads(*c, a->threads);
  c->add_flag("--reasons", a->reasons, "Kernels that were not taken, and why");
  c->add_option("--dump", a->dump, "Print the graph after a stage: import, a pass's name, bound, plan");
  c->add_option("--json", a->json, "Write it here");
  c->add_option("--html", a->html, "Write it here as a page: layers, kernels and why, times");
  c->footer("example:\n  hone inspect yolov8m.pt --imgsz 736x1280 --dump=fold_batchnorm");
  c->callback([a, &line] { line.work = [a] { return inspect_model(*a); }; });
}

}  // namespace hone
