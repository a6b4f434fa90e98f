// Choice without measuring: what was tuned for the nearest shape, where it is legal here; the cost model's
// else.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "tactics/layout_labelling.h"
#include "tactics/node_options.h"
#include "tactics/reorder_cost.h"

namespace hone {
namespace {

// find_kernel() asked once a name.
class KernelNames {
 public:
  const Kernel* find(const std::string& name) {
    const auto [found, is_new] = known_.emplace(name, nullptr);
    if (is_new) found->second = find_kernel(name);
    return found->second;
  }

 private:
  std::unordered_map<std::string_view, const Kernel*> known_;
};

bool same_arity(const Choice& choice, const Node& node) {
  return choice.inputs.size() == node.inputs.size() && choice.outputs.size() == node.outputs.size();
}

// Every tensor that takes part has this layout; the others (constants, absent ones) are plain.
bool is_known_view(const Graph& graph, const Node& node, const Choice& choice) {
  const Movement movement = movement_of(graph, node);
  if (movement.kind == Movement::Kind::none) return false;
  const Layout layout = choice.outputs.empty() ? Layout::plain : choice.outputs[0];
  for (const Layout output : choice.outputs)
    if (output != layout) return false;
  const size_t data_inputs = movement.kind == Movement::Kind::concat ? node.inputs.size() : 1;
  for (size_t i = 0; i < data_inputs; ++i)
    if (choice.inputs[i] != layout && !graph.is_constant(node.inputs[i])) return false;
  return is_view_in(graph, node, movement, layout);
}

bool is_plain(const Choice& choice) {
  const auto plain = [](Layout layout) { return layout == Layout::plain; };
  return std::ranges::all_of(choice.inputs, plain) && std::ranges::all_of(choice.outputs, plain);
}

// The tuned choice, if it can be had here.
bool is_legal_here(const Graph& graph, const Node& node, const Choice& choice, size_t thread_count,
                   Device& device, KernelNames& names, const KernelRows& rows) {
  if (!same_arity(choice, node)) return false;
  for (size_t i = 0; i < choice.inputs.size(); ++i) {
    const bool is_picture = node.inputs[i] != kNoValue && !graph.is_constant(node.inputs[i]) &&
                            graph.desc(node.inputs[i]).shape.size() == 4;
    if (choice.inputs[i] != Layout::plain && !is_picture) return false;
  }
  if (choice.kernel == kViewKernel) return is_known_view(graph, node, choice);
  const Kernel* kernel = names.find(choice.kernel);
  const bool on_gpu = device.kind() == DeviceKind::cuda;
  // A GPU's plan may leave a node to the CPU, never the other way round.
  if (kernel == nullptr || (kernel->device() == DeviceKind::cuda && !on_gpu) ||
      kernel->version() != choice.version || kernel->op() != op_name(node.op))
    return false;
  if (kernel->device() == DeviceKind::cuda ? rows.leaves_to_cpu(node) : on_gpu && !is_plain(choice))
    return false;
  NodeProblem problem = problem_of(graph, node, thread_count, device_of(*kernel, &device));
  if (problem.outputs.size() != choice.outputs.size()) return false;
  for (size_t i = 0; i < choice.outputs.size(); ++i)
    if (choice.outputs[i] != Layout::plain && problem.outputs[i].shape.size() != 4) return false;
  problem.set_layouts({.inputs = choice.inputs, .outputs = choice.outputs});
  return kernel->may_i(problem.view()).legal;
}

Choice without_candidates(const Choice& choice) {
  return {.kernel = choice.kernel,
          .version = choice.version,
          .ms = choice.ms,
          .inputs = choice.inputs,
          .outputs = choice.outputs,
          .candidates = {}};
}

}  // namespace

Result<Choices> choose_fast(const Graph& graph, Device& device, const Choices* known, size_t thread_count,
                            const RowRules& rules) {
  Choices choices;
  KernelNames names;
  KernelRows rows(&device, rules);
  ReorderCost reorders(rows, thread_count);
  std::vector<std::vector<LabelOption>> label_options(graph.nodes.size());
  std::vector<const std::vector<NodeOption>*> options(graph.nodes.size(), nullptr);
  std::unordered_map<uint64_t, NodeOptions> by_problem;
  bool all_known = true;

  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (known != nullptr) {
      const auto found = known->by_node.find(node.id);
      if (found != known->by_node.end() &&
          is_legal_here(graph, node, found->second, thread_count, device, names, rows)) {
        choices.by_node.emplace(node.id, without_candidates(found->second));
        label_options[n].push_back(
            {.ms = 0, .inputs = found->second.inputs, .outputs = found->second.outputs});
        continue;
      }
    }
    all_known = false;
    NodeProblem problem = problem_of(graph, node, thread_count, &device);
    const auto [found, is_new] = by_problem.try_emplace(problem_hash(problem));
    if (is_new) found->second = options_of(graph, node, problem, rows, false);
    if (found->second.legal.empty()) {
      std::string reasons;
      for (const Candidate& refused : options_of(graph, node, problem, rows, true).refused)
        reasons += fmt::format("; {}: {}", refused.kernel, refused.reason);
      return error(StatusCode::unsupported, fmt::format("node {} ({}): no kernel can compute it{}", node.name,
                                                        op_name(node.op), reasons));
    }
    options[n] = &found->second.legal;
    for (const NodeOption& o : found->second.legal)
      label_options[n].push_back(
          {.ms = o.estimated_ms, .inputs = o.layouts.inputs, .outputs = o.layouts.outputs});
  }
  if (all_known) return choices;

  const LayoutLabelling labelling(graph, std::move(label_options), [&](ValueId id, Layout from, Layout to) {
    return reorders.ms(graph.desc(id), from, to);
  });
  const std::vector<size_t> picks = labelling.solve();
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (options[n] == nullptr) continue;
    const NodeOption& option = (*options[n])[picks[n]];
    choices.by_node.emplace(
        graph.nodes[n].id,
        Choice{.kernel = option.kernel != nullptr ? std::string(option.kernel->name()) : kViewKernel,
               .version = option.kernel != nullptr ? option.kernel->version() : 0,
               .inputs = option.layouts.inputs,
               .outputs = option.layouts.outputs,
               .candidates = {}});
  }
  return choices;
}

}  // namespace hone
