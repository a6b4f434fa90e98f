#include "hone/build.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <set>

#include "base/log.h"
#include "base/thread_pool.h"
#include "build/coverage.h"
#include "build/finalists.h"
#include "build/model.h"
#include "build/occupancy.h"
#include "build/targets.h"
#include "engine/engine_data.h"
#include "engine/engine_file.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "tactics/tactics.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Stages report when they begin and leave their time in the report.
class Stages {
 public:
  Stages(const BuildOptions& options, BuildReport& report) : options_(options), report_(report) {}
  void begin(const std::string& stage, double done) {
    end();
    name_ = stage;
    start_ = Clock::now();
    if (options_.progress) options_.progress(stage, done);
  }
  void end() {
    if (!name_.empty()) report_.stages.push_back({name_, ms_since(start_)});
    name_.clear();
  }
  void dump(const std::string& stage, const Graph& graph) const {
    if (options_.dump && options_.dump_stage == stage) options_.dump(stage, print(graph));
  }
  std::function<void(std::string_view, const Graph&)> observer() const {
    if (!options_.dump) return {};
    return [this](std::string_view pass, const Graph& graph) { dump(std::string(pass), graph); };
  }

 private:
  const BuildOptions& options_;
  BuildReport& report_;
  std::string name_;
  Clock::time_point start_;
};

Result<> check_stage_name(const std::string& stage) {
  std::vector<std::string> known = {
      "import", "convolve_before_upsampling", "join_convolutions", "lower_precision", "bound", "plan"};
  for (const PassStage s : {PassStage::portable, PassStage::bound})
    for (const auto name : pass_names(s)) known.emplace_back(name);
  if (stage.empty() || std::find(known.begin(), known.end(), stage) != known.end()) return {};
  std::string list;
  for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
  return error(StatusCode::invalid_argument,
               "there is no stage '" + stage + "' to dump; the stages are " + list);
}

Result<> check_op_names(const std::vector<std::string>& names) {
  std::set<std::string_view> known;
  for (const Kernel* kernel : all_kernels()) known.insert(kernel->op());
  for (const std::string& name : names)
    if (!known.contains(name))
      return error(
          StatusCode::invalid_argument,
          fmt::format("there is no operator '{}'; the operators are {}", name, fmt::join(known, ", ")));
  return {};
}

// Every dynamic input has a range, min <= opt <= max, and fixed extents agree.
Result<> check_profile(const EngineData& engine, const Profile& profile) {
  for (const auto& [name, range] : profile) {
    const auto found = std::find_if(engine.inputs.begin(), engine.inputs.end(),
                                    [&](const auto& i) { return i.name == name; });
    if (found == engine.inputs.end()) {
      std::string inputs;
      for (const auto& input : engine.inputs) inputs += (inputs.empty() ? "" : ", ") + input.name;
      return error(StatusCode::invalid_argument,
                   "the model has no input '" + name + "'; its inputs are: " + inputs);
    }
    for (const Shape* shape : {&range.min, &range.opt, &range.max}) {
      bool fits = shape->size() == found->shape.size() && is_concrete(*shape);
      for (size_t i = 0; fits && i < shape->size(); ++i)
        fits = (found->shape[i] < 0 || found->shape[i] == (*shape)[i]) && range.min[i] <= range.opt[i] &&
               range.opt[i] <= range.max[i];
      if (!fits)
        return error(StatusCode::invalid_argument,
                     "profile of input '" + name + "': min " + shape_text(range.min) + ", opt " +
                         shape_text(range.opt) + ", max " + shape_text(range.max) +
                         " do not fit the model's " + shape_text(found->shape) + " with min <= opt <= max");
    }
  }
  for (const auto& input : engine.inputs)
    if (!is_concrete(input.shape) && !profile.contains(input.name))
      return error(StatusCode::invalid_argument, "input '" + input.name + "' has the shape " +
                                                     shape_text(input.shape) +
                                                     ": say which sizes it may take (--min, --opt, --max)");
  return {};
}

InputShapes shapes_of(const Profile& profile, Shape ShapeRange::* which) {
  InputShapes shapes;
  for (const auto& [name, range] : profile) shapes[name] = range.*which;
  return shapes;
}

// Notes every packed weight that the plan's kernels want and the engine does not know yet.
void want_packs(const std::shared_ptr<const Plan>& plan, size_t thread_count,
                const std::shared_ptr<Device>& device, EngineData& engine) {
  for (const auto& use : plan->packed) {
    const auto same = [&](const PackToMake& pack) { return pack.key == use.key; };
    if (engine.packs.find(use.key) || std::ranges::any_of(engine.packs_to_make, same)) continue;
    engine.packs_to_make.push_back(
        {use.key, [plan, step = use.step, thread_count, device]() -> Result<std::vector<std::byte>> {
           auto packed = plan->steps[step].kernel->pack(problem_of(*plan, step, thread_count, device.get()));
           if (!packed) return error_in("packing the weights of " + plan->steps[step].name, packed);
           return packed;
         }});
  }
}

// How full the chip gets: a line of the report, and of the verbose log for each launch.
Result<> report_occupancy(const Plan& plan, const Target& target, const EngineData& engine,
                          size_t thread_count, BuildReport& report) {
  const auto& gpu = static_cast<const CudaDevice&>(*target.device);
  HONE_ASSIGN(const auto launches, expected_occupancy(plan, gpu, engine, thread_count));
  report.notes.push_back(occupancy_summary(plan, gpu, launches));
  log_verbose(fmt::format("{}\n{}", report.notes.back(), occupancy_table(plan, launches)));
  return {};
}

// Arena, weights, inputs and outputs of a plan in a GPU's memory.
size_t run_bytes(const Plan& plan, Device& device, size_t thread_count) {
  size_t bytes = plan.arena_bytes;
  for (const auto* descs : {&plan.inputs, &plan.outputs})
    for (const TensorDesc& desc : *descs) bytes += byte_count(desc.type, desc.shape).value_or(0);
  for (const ConstantPtr& constant : plan.constants) bytes += constant->size_bytes();
  std::vector<size_t> packed(plan.packed.size());
  ThreadPool(thread_count).run(packed.size(), [&](size_t i) {
    const size_t step = plan.packed[i].step;
    if (const auto pack = plan.steps[step].kernel->pack(problem_of(plan, step, thread_count, &device)))
      packed[i] = pack->size();
  });
  return std::accumulate(packed.begin(), packed.end(), bytes);
}

void report_memory(const Plan& largest, const Target& target, size_t thread_count, BuildReport& report) {
  if (!static_cast<const CudaDevice&>(*target.device).has_card()) return;
  report.gpu_run_bytes = std::max(report.gpu_run_bytes, run_bytes(largest, *target.device, thread_count));
  report.gpu_build_bytes = target.device->peak_allocated_bytes();
}

// Chooses kernels at a profile's opt shape by measurement, then plans min, opt and max with them.
Result<> tune(EngineData& engine, const Profile& profile, const Target& target, const TacticOptions& tactics,
              Stages& stages, const BuildOptions& options, BuildReport& report, DeviceTuning& tuning) {
  Device& device = *target.device;
  const auto deadline = Clock::now() + tactics.deadline;
  const Evaluator evaluate = reference_evaluator();
  Graph bound = engine.portable;
  HONE_TRY(bind_shapes(bound, shapes_of(profile, &ShapeRange::opt), evaluate));
  HONE_TRY(run_passes(bound, PassStage::bound, {evaluate, stages.observer()}));
  HONE_TRY(lower_for(bound, device, target.compute, tactics.thread_count, {evaluate, stages.observer()},
                     tactics.rules));
  stages.dump("bound", bound);

  stages.begin("choose kernels", 0.3);
  HONE_ASSIGN(Choices choices, choose(bound, device, tactics));
  for (const auto& [node, choice] : choices.by_node)
    report.timed_candidates += static_cast<size_t>(std::count_if(
        choice.candidates.begin(), choice.candidates.end(), [](const auto& c) { return c.ms >= 0; }));

  const PlanOptions plan_options{.thread_count = tactics.thread_count,
                                 .device = &device,
                                 .compute = target.compute,
                                 .lanes = device.kind() == DeviceKind::cuda ? kGpuLanes : 1,
                                 .rules = tactics.rules};
  if (device.kind() == DeviceKind::cuda && tactics.level > 0) {
    auto gpu = std::static_pointer_cast<CudaDevice>(target.device);
    if (gpu->has_card()) {
      stages.begin("compare networks", 0.6);
      HONE_ASSIGN(const size_t compared,
                  time_finalists(bound, plan_options, std::move(gpu), tactics, deadline, choices));
      report.timed_candidates += compared;
    }
  }
  stages.begin("plan", 0.7);
  std::vector<std::shared_ptr<const Plan>> plans;
  const auto keep = [&](Plan plan) {
    report.arena_bytes = std::max(report.arena_bytes, plan.arena_bytes);
    plans.push_back(std::make_shared<const Plan>(std::move(plan)));
    // Weights for a GPU that may never be met are packed when it is.
    if (!is_portable(target)) want_packs(plans.back(), tactics.thread_count, target.device, engine);
  };
  HONE_ASSIGN(Plan plan, plan_bound(bound, choices, plan_options));
  if (options.dump && options.dump_stage == "plan") options.dump("plan", print(plan));
  if (device.kind() == DeviceKind::cuda)
    if (std::string part = cpu_part_text(plan, choices); !part.empty())
      report.notes.push_back(fmt::format("{}: {}: {}", device.fingerprint(), segments_text(plan), part));
  keep(std::move(plan));
  for (const auto which : {&ShapeRange::min, &ShapeRange::max}) {
    const InputShapes shapes = shapes_of(profile, which);
    if (shapes == shapes_of(profile, &ShapeRange::opt)) continue;
    HONE_ASSIGN(Plan edge, specialise(engine.portable, shapes, device, &choices, evaluate, plan_options));
    keep(std::move(edge));
  }
  if (device.kind() == DeviceKind::cuda) {
    stages.begin("compile", 0.75);
    HONE_TRY(add_binaries(plans, target, tactics.thread_count, engine));
    HONE_TRY(cover_profile(profile, target, choices, plan_options, engine));
    report_memory(*plans.back(), target, tactics.thread_count, report);
    if (!is_portable(target))
      HONE_TRY(report_occupancy(*plans[0], target, engine, tactics.thread_count, report));
  }
  tuning.choices.push_back(std::move(choices));
  return {};
}

Result<std::shared_ptr<EngineData>> build_data(const std::filesystem::path& model,
                                               const BuildOptions& options, BuildReport& report,
                                               Stages& stages, bool for_file) {
  HONE_TRY(check_stage_name(options.dump_stage));
  HONE_TRY(check_op_names(options.cpu_ops));
  const size_t thread_count = options.thread_count > 0 ? options.thread_count : ThreadPool(0).thread_count();
  HONE_ASSIGN(std::vector<Target> targets, open_targets(options, thread_count, report));
  if (for_file) add_portable_target(options, targets);

  stages.begin("import", 0);
  auto engine = std::make_shared<EngineData>();
  HONE_ASSIGN(engine->source, import_model(model));
  stages.dump("import", engine->source);

  stages.begin("optimize", 0.1);
  HONE_TRY(finish_engine_data(*engine));
  if (options.dump) {  // once more, watched
    Graph watched = engine->source;
    promote_to_f32(watched, true);
    HONE_TRY(run_passes(watched, PassStage::portable, {reference_evaluator(), stages.observer()}));
  }
  for (const auto& constant : engine->source.values)
    if (constant.constant) report.weight_bytes += constant.constant->size_bytes();

  engine->profiles = options.profiles;
  if (engine->profiles.empty()) engine->profiles.emplace_back();
  for (const auto& profile : engine->profiles) HONE_TRY(check_profile(*engine, profile));

  TimingCache cache;
  if (!options.timing_cache.empty()) cache = TimingCache::load(options.timing_cache);
  const TacticOptions tactics{.level = options.level,
                              .deadline = options.deadline,
                              .memory_limit_bytes = options.memory_limit_bytes,
                              .thread_count = thread_count,
                              .cache = options.timing_cache.empty() ? nullptr : &cache,
                              .rules = {.cpu_ops = options.cpu_ops}};
  for (const Target& target : targets) {
    DeviceTuning tuning{target.device->fingerprint(), target.precision, {}};
    for (const auto& profile : engine->profiles)
      HONE_TRY(tune(*engine, profile, target, tactics, stages, options, report, tuning));
    engine->tunings.push_back(std::move(tuning));
  }
  if (tactics.cache) {
    report.timing_cache_hits = cache.hits();
    if (const auto saved = cache.save(options.timing_cache); !saved)  // no reason to throw the engine away
      report.notes.push_back("the timings were not kept: " + saved.error().message);
  }
  return engine;
}

}  // namespace

Result<BuildReport> build(const std::filesystem::path& model, const std::filesystem::path& engine_path,
                          const BuildOptions& options) {
  BuildReport report;
  Stages stages(options, report);
  HONE_ASSIGN(const ModelKind kind, model_kind(model));
  if (kind != ModelKind::engine) HONE_TRY(check_output(model, engine_path));  // an engine may be tuned again
  HONE_ASSIGN(const auto engine, build_data(model, options, report, stages, true));
  stages.begin("pack and write", 0.8);
  HONE_ASSIGN(const EngineSize size,
              write_engine_file(engine_path, *engine, {.strip_source = options.strip_source}));
  report.engine_bytes = size.file_bytes;
  report.packed_bytes = size.pack_bytes;
  stages.end();
  return report;
}

Result<std::shared_ptr<const Engine>> build(const std::filesystem::path& model, const BuildOptions& options,
                                            BuildReport* report) {
  BuildReport own;
  BuildReport& used = report ? *report : own;
  Stages stages(options, used);
  HONE_ASSIGN(auto engine, build_data(model, options, used, stages, false));
  stages.end();
  return std::make_shared<const Engine>(std::move(engine));
}

}  // namespace hone
