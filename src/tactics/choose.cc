// Choice by measurement, under limits.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/cpu_features.h"
#include "base/hash.h"
#include "base/log.h"
#include "tactics/gpu_timer.h"
#include "tactics/layout_labelling.h"
#include "tactics/node_options.h"
#include "tactics/problem_timer.h"
#include "tactics/reorder_cost.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

// Nodes with the same problem share their options and times.
struct ProblemClass {
  size_t first_node = 0;
  NodeProblem problem;
  Slices slices;  // on a GPU
  NodeOptions options;
  std::vector<bool> wanted;       // options that tuning looks at
  std::vector<Candidate> record;  // what happened to each option
};

struct Tuning {
  const Graph& graph;
  Device& device;
  const TacticOptions& options;
  std::string fingerprint;
  size_t thread_count;
  Clock::time_point deadline;
  KernelRows rows;
  std::vector<ProblemClass> classes;
  std::vector<size_t> class_of;  // by node
};

std::string missing_kernel(const Node& node, const NodeOptions& options) {
  std::string reasons;
  for (const Candidate& refused : options.refused)
    reasons += fmt::format("; {}: {}", refused.kernel, refused.reason);
  return fmt::format("node {} ({}): no kernel can compute it{}", node.name, op_name(node.op), reasons);
}

Result<> gather_classes(Tuning& tuning) {
  std::unordered_map<uint64_t, size_t> known;
  const bool on_gpu = tuning.device.kind() == DeviceKind::cuda;
  const SliceMap slice_map(tuning.graph);
  for (size_t n = 0; n < tuning.graph.nodes.size(); ++n) {
    const Node& node = tuning.graph.nodes[n];
    NodeProblem problem = problem_of(tuning.graph, node, tuning.thread_count, &tuning.device);
    Slices slices = on_gpu ? slice_map.of(node) : Slices{};
    const auto [found, is_new] =
        known.emplace(hash_combine(problem_hash(problem), slices.hash()), tuning.classes.size());
    tuning.class_of.push_back(found->second);
    if (!is_new) continue;
    NodeOptions options = options_of(tuning.graph, node, problem, tuning.rows, true);
    if (options.legal.empty()) return error(StatusCode::unsupported, missing_kernel(node, options));
    ProblemClass made{.first_node = n,
                      .problem = std::move(problem),
                      .slices = std::move(slices),
                      .options = std::move(options),
                      .wanted = {},
                      .record = {}};
    made.problem.op = &node.op;
    made.wanted.assign(made.options.legal.size(), false);
    for (const NodeOption& option : made.options.legal)
      made.record.push_back(
          {.kernel = option.kernel != nullptr ? std::string(option.kernel->name()) : kViewKernel,
           .version = option.kernel != nullptr ? option.kernel->version() : 0,
           .reason = {}});
    tuning.classes.push_back(std::move(made));
  }
  return {};
}

// Of the layouts that the class's problem is set to.
uint64_t key_of(const Tuning& tuning, const ProblemClass& c, const Kernel& kernel) {
  return hash_combine(timing_key(kernel, c.problem.view(), tuning.fingerprint), c.slices.hash());
}

// Measured where there is a measurement; else the estimate, scaled by how far the kernel's other estimates
// were off.
class Costs {
 public:
  explicit Costs(const Tuning& tuning) {
    std::map<const Kernel*, std::vector<double>> ratios;
    std::vector<double> all;
    for (const ProblemClass& c : tuning.classes)
      for (const NodeOption& o : c.options.legal)
        if (o.measured_ms > 0 && o.estimated_ms > 0) {
          ratios[o.kernel].push_back(o.measured_ms / o.estimated_ms);
          all.push_back(ratios[o.kernel].back());
        }
    for (auto& [kernel, values] : ratios) scale_[kernel] = median(values);
    if (!all.empty()) other_ = median(all);
  }
  double of(const NodeOption& option) const {
    if (option.is_view) return 0;
    if (option.measured_ms > 0) return option.measured_ms;
    const auto known = scale_.find(option.kernel);
    return option.estimated_ms * (known != scale_.end()           ? known->second
                                  : option.kernel->is_reference() ? 1
                                                                  : other_);
  }

 private:
  static double median(std::vector<double>& values) {
    std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
  }
  std::map<const Kernel*, double> scale_;
  double other_ = 1;
};

LayoutLabelling labelling_of(const Tuning& tuning, ReorderCost& reorders) {
  const Costs costs(tuning);
  std::vector<std::vector<LabelOption>> options;
  for (const size_t index : tuning.class_of) {
    std::vector<LabelOption> of_node;
    for (const NodeOption& o : tuning.classes[index].options.legal)
      of_node.push_back({.ms = costs.of(o), .inputs = o.layouts.inputs, .outputs = o.layouts.outputs});
    options.push_back(std::move(of_node));
  }
  return LayoutLabelling(tuning.graph, std::move(options), [&](ValueId id, Layout from, Layout to) {
    return reorders.ms(tuning.graph.desc(id), from, to);
  });
}

// Options that agree with one of the labellings that the cost model reaches, the fastest by its estimate
// first: as many of them as the level allows. Level 5 looks at everything.
void mark_wanted(Tuning& tuning, const LayoutLabelling& labelling) {
  const int level = tuning.options.level;
  if (level <= 0) return;
  // A GPU's kernels come in many more variants, and timing one takes a millisecond.
  const bool on_gpu = tuning.device.kind() == DeviceKind::cuda;
  const size_t most = !on_gpu      ? (level >= 4 ? SIZE_MAX : static_cast<size_t>(level))
                      : level >= 4 ? 40
                                   : static_cast<size_t>(7 * level);
  std::vector<std::vector<size_t>> ends = {labelling.solve_from_cheapest()};
  for (const Layout layout : {Layout::plain, Layout::nhwc, Layout::nchw8c, Layout::nchw16c})
    ends.push_back(labelling.solve_from(layout));
  for (size_t n = 0; n < tuning.class_of.size(); ++n) {
    ProblemClass& c = tuning.classes[tuning.class_of[n]];
    const auto& legal = c.options.legal;
    if (level >= 5) c.wanted.assign(legal.size(), true);
    for (const auto& end : ends) {
      std::vector<size_t> fitting;
      for (size_t i = 0; i < legal.size(); ++i)
        if (!legal[i].is_view && legal[i].layouts.inputs == legal[end[n]].layouts.inputs &&
            legal[i].layouts.outputs == legal[end[n]].layouts.outputs)
          fitting.push_back(i);
      std::ranges::stable_sort(fitting, {}, [&](size_t i) { return legal[i].estimated_ms; });
      for (size_t rank = 0; rank < fitting.size() && rank < most; ++rank) {
        // A reference is timed only where nothing else can do the work.
        if (rank > 0 && legal[fitting[rank]].kernel->is_reference() && level < 5) continue;
        c.wanted[fitting[rank]] = true;
      }
    }
  }
}

// Why this candidate may not be timed now, or nothing.
std::string obstacle(const Tuning& tuning, const Problem& problem, const NodeOption& option) {
  const auto left = std::chrono::duration<double, std::milli>(tuning.deadline - Clock::now()).count();
  if (left <= 0)
    return fmt::format("not timed: the deadline of {} ms had passed", tuning.options.deadline.count());
  if (2 * option.estimated_ms > left)
    return fmt::format("not timed: about {:.0f} ms a run is too long for the {:.0f} ms left",
                       option.estimated_ms, left);
  const size_t needed = ProblemTimer::bytes_needed(problem, option.workspace_bytes);
  const size_t limit = tuning.options.memory_limit_bytes;
  if (limit != 0 && needed + tuning.device.allocated_bytes() > limit)
    return fmt::format("not timed: needs {} bytes, the memory limit is {}", needed, limit);
  return {};
}

void time_class(Tuning& tuning, ProblemClass& c, CandidateTimer& timer, bool only_option) {
  double best_ms = 0;
  std::vector<size_t> order;
  for (size_t i = 0; i < c.options.legal.size(); ++i) {
    NodeOption& option = c.options.legal[i];
    if (option.is_view) {
      c.record[i].reason = "moves no data: a view";
      continue;
    }
    if (device_of(*option.kernel, &tuning.device) == nullptr) {
      c.record[i].reason = "not timed: the CPU's part of a GPU's plan";
      continue;
    }
    c.problem.set_layouts(option.layouts);
    const uint64_t key = key_of(tuning, c, *option.kernel);
    const auto cached = tuning.options.cache != nullptr ? tuning.options.cache->find(key) : std::nullopt;
    if (cached) {
      option.measured_ms = c.record[i].ms = *cached;
      if (best_ms == 0 || *cached < best_ms) best_ms = *cached;
    } else if (!c.wanted[i]) {
      c.record[i].reason = fmt::format("not timed: the cost model's {:.3f} ms is no match at level {}",
                                       option.estimated_ms, tuning.options.level);
    } else if (only_option && tuning.options.level < 4) {
      c.record[i].reason = "not timed: nothing to choose from";
    } else {
      order.push_back(i);
    }
  }
  std::ranges::stable_sort(order, {}, [&](size_t i) { return c.options.legal[i].estimated_ms; });
  for (const size_t i : order) {
    NodeOption& option = c.options.legal[i];
    c.problem.set_layouts(option.layouts);
    const Problem problem = c.problem.view();
    c.record[i].reason = obstacle(tuning, problem, option);
    if (!c.record[i].reason.empty()) continue;
    const auto ms =
        timer.time(*option.kernel, problem, c.slices, option.workspace_bytes, best_ms, option.estimated_ms);
    if (!ms) {
      c.record[i].reason = "not timed: " + ms.error().message;
      continue;
    }
    option.measured_ms = c.record[i].ms = *ms;
    if (best_ms == 0 || *ms < best_ms) best_ms = *ms;
    if (tuning.options.cache != nullptr) tuning.options.cache->store(key_of(tuning, c, *option.kernel), *ms);
  }
  timer.drop_packs();
}

// All that timing will load, on every core: a compiler takes longer than what it is asked for.
void compile_wanted(Tuning& tuning) {
  std::unordered_map<uint64_t, cuda::Program> programs;
  for (ProblemClass& c : tuning.classes)
    for (size_t i = 0; i < c.options.legal.size(); ++i) {
      const NodeOption& option = c.options.legal[i];
      if (!c.wanted[i] || option.kernel == nullptr) continue;
      c.problem.set_layouts(option.layouts);
      if (tuning.options.cache != nullptr && tuning.options.cache->find(key_of(tuning, c, *option.kernel)))
        continue;
      auto wanted = option.kernel->programs(c.problem.view());
      if (!wanted) continue;  // prepare() will say why
      for (cuda::Program& program : *wanted) {
        const uint64_t key = program.key();
        programs.emplace(key, std::move(program));
      }
    }
  std::vector<const cuda::Program*> list;
  for (const auto& [key, program] : programs) list.push_back(&program);
  auto& gpu = static_cast<CudaDevice&>(tuning.device);
  const auto start = Clock::now();
  ThreadPool(tuning.thread_count).run(list.size(), [&](size_t i) {
    if (Clock::now() < tuning.deadline)
      if (const auto made = gpu.binary(*list[i]); !made) log_warning(made.error().message);
  });
  log_verbose(fmt::format("tactics: {} programs compiled or found in {:.0f} ms", list.size(),
                          std::chrono::duration<double, std::milli>(Clock::now() - start).count()));
}

// Null where nothing can be measured.
Result<std::unique_ptr<CandidateTimer>> timer_for(Device& device, size_t thread_count, int level) {
  if (level <= 0) return nullptr;
  if (device.kind() == DeviceKind::cpu) return std::make_unique<ProblemTimer>(device, thread_count);
  if (device.kind() != DeviceKind::cuda) return nullptr;
  auto& gpu = static_cast<CudaDevice&>(device);
  if (!gpu.has_card()) return nullptr;
  HONE_ASSIGN(std::unique_ptr<CandidateTimer> timer, GpuTimer::create(gpu));
  return timer;
}

std::string shapes_text(const Graph& graph) {
  std::string text;
  for (const ValueId id : graph.inputs)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", graph.value(id).name,
                        shape_text(graph.desc(id).shape));
  return text;
}

Choices choices_of(const Tuning& tuning, const std::vector<size_t>& picks) {
  Choices choices;
  choices.shapes = shapes_text(tuning.graph);
  choices.timed = tuning.options.level > 0;
  for (size_t n = 0; n < picks.size(); ++n) {
    const ProblemClass& c = tuning.classes[tuning.class_of[n]];
    const NodeOption& option = c.options.legal[picks[n]];
    Choice choice{.kernel = c.record[picks[n]].kernel,
                  .version = c.record[picks[n]].version,
                  .ms = option.measured_ms,
                  .inputs = option.layouts.inputs,
                  .outputs = option.layouts.outputs,
                  .candidates = {}};
    for (size_t i = 0; i < c.record.size(); ++i)
      if (i != picks[n]) {
        choice.candidates.push_back(c.record[i]);
        const LayoutSignature& layouts = c.options.legal[i].layouts;
        choice.candidates.back().fits = c.options.legal[i].kernel != nullptr &&
                                        layouts.inputs == option.layouts.inputs &&
                                        layouts.outputs == option.layouts.outputs;
      }
    choice.candidates.insert(choice.candidates.end(), c.options.refused.begin(), c.options.refused.end());
    choices.by_node.emplace(tuning.graph.nodes[n].id, std::move(choice));
  }
  return choices;
}

}  // namespace

Result<Choices> choose(const Graph& graph, Device& device, const TacticOptions& options) {
  const size_t thread_count = options.thread_count != 0 ? options.thread_count : usable_cores();
  Tuning tuning{.graph = graph,
                .device = device,
                .options = options,
                .fingerprint = device.fingerprint(),
                .thread_count = thread_count,
                .deadline = Clock::now() + options.deadline,
                .rows = KernelRows(&device, options.rules),
                .classes = {},
                .class_of = {}};
  HONE_TRY(gather_classes(tuning));
  HONE_ASSIGN(const auto timer, timer_for(device, thread_count, options.level));
  ReorderCost reorders(tuning.rows, thread_count);
  if (timer != nullptr && device.kind() == DeviceKind::cpu)
    reorders.measure(*timer, options.cache, tuning.fingerprint);
  mark_wanted(tuning, labelling_of(tuning, reorders));
  if (timer != nullptr) {
    if (device.kind() == DeviceKind::cuda) compile_wanted(tuning);
    for (ProblemClass& c : tuning.classes) {
      const bool only_option = c.options.legal.size() == 1;
      time_class(tuning, c, *timer, only_option);
    }
  }
  log_verbose(fmt::format("tactics: {} nodes, {} distinct problems, {} candidates timed", graph.nodes.size(),
                          tuning.classes.size(), timer != nullptr ? timer->timed() : 0));
  return choices_of(tuning, labelling_of(tuning, reorders).solve());
}

}  // namespace hone
