// One function for the builder and for a context that meets a new shape.
#include <fmt/format.h>

#include <chrono>
#include <unordered_map>

#include "base/log.h"
#include "passes/passes.h"
#include "plan/plan.h"
#include "tactics/node_options.h"

namespace hone {
namespace {

// Where the milliseconds went, for the verbose log.
class Laps {
 public:
  void lap(const char* what) {
    const auto now = std::chrono::steady_clock::now();
    text_ += fmt::format("{}{} {:.2f}", text_.empty() ? "" : ", ", what,
                         std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
  }
  double total_ms() const { return std::chrono::duration<double, std::milli>(last_ - start_).count(); }
  const std::string& text() const { return text_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
  std::string text_;
};

// A network's first convolution: rows in f32 read the plain picture as it is, and turning it into channel
// blocks of another type first costs more than the rest of the layer.
bool reads_a_picture(const Graph& graph, const Node& node) {
  return std::holds_alternative<Conv>(node.op) && graph.desc(node.inputs[0]).shape[1] < 8;
}

}  // namespace

Result<> lower_for(Graph& bound, Device& device, DType type, size_t thread_count, const PassContext& context,
                   const RowRules& rules) {
  // The CPU's kernels are faster in f32, and not all of them take less.
  if (device.kind() == DeviceKind::cuda)
    return run_gpu_passes(bound, type, context, [&](const Node& node) { return rules.leaves_to_cpu(node); });
  KernelRows rows(&device);
  std::unordered_map<uint64_t, bool> known;  // kernels are asked once for nodes that are alike
  return lower_precision(bound, type, context, [&](const Graph& graph, const Node& node) {
    if (reads_a_picture(graph, node)) return false;
    const auto [found, is_new] =
        known.try_emplace(problem_hash(problem_of(graph, node, thread_count, &device)));
    if (is_new) found->second = computes_in(graph, node, type, thread_count, rows);
    return found->second;
  });
}

Result<Plan> specialise(const Graph& graph, const InputShapes& shapes, Device& device, const Choices* known,
                        const Evaluator& evaluate, const PlanOptions& options) {
  Laps laps;
  Graph bound = graph;
  laps.lap("copy");
  HONE_TRY(bind_shapes(bound, shapes, evaluate));
  laps.lap("bind");
  HONE_TRY(run_passes(bound, PassStage::bound, {.evaluate = evaluate, .observe = {}}));
  HONE_TRY(lower_for(bound, device, options.compute, options.thread_count,
                     {.evaluate = evaluate, .observe = {}}, options.rules));
  laps.lap("passes");
  HONE_ASSIGN(const Choices choices, choose_fast(bound, device, known, options.thread_count, options.rules));
  laps.lap("choose");
  HONE_ASSIGN(Plan plan, plan_bound(bound, choices, options));
  laps.lap("plan");
  plan.planning_ms = laps.total_ms();
  log_verbose(
      fmt::format("planned {} steps in {:.2f} ms ({})", plan.steps.size(), plan.planning_ms, laps.text()));
  return plan;
}

}  // namespace hone
