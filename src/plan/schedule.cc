// The order of steps and the reorders between them.
#include <fmt/format.h>

#include <unordered_map>

#include "plan/draft.h"

namespace hone {
namespace {

class Scheduler {
 public:
  Scheduler(Draft& draft, const Choices& choices) : draft_(draft), graph_(draft.graph), choices_(choices) {
    labels_.assign(graph_.values.size(), Layout::plain);
    tensors_.assign(graph_.values.size(), {kNoTensor, kNoTensor, kNoTensor, kNoTensor});
  }

  Result<> run() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      const TensorId id = add(graph_.inputs[i], Layout::plain);
      draft_.tensor(id).place = Operand::Place::input;
      draft_.tensor(id).index = i;
    }
    for (size_t n = 0; n < graph_.nodes.size(); ++n)
      if (auto done = add_node(n); !done)
        return error_in(fmt::format("node {} ({})", graph_.nodes[n].name, op_name(graph_.nodes[n].op)), done);
    for (const ValueId id : graph_.outputs) {
      HONE_ASSIGN(const TensorId tensor, in_layout(id, Layout::plain));
      draft_.outputs.push_back(tensor);
    }
    return {};
  }

 private:
  TensorId& slot(ValueId id, Layout layout) {
    return tensors_[static_cast<size_t>(id)][static_cast<size_t>(layout)];
  }

  TensorId add(ValueId id, Layout layout) {
    TensorDesc desc = graph_.desc(id);
    desc.layout = layout;
    labels_[static_cast<size_t>(id)] = layout;
    return slot(id, layout) = draft_.add_tensor(graph_.value(id).name, std::move(desc));
  }

  // The tensor that holds the value in this layout; made by a reorder at its first use.
  Result<TensorId> in_layout(ValueId id, Layout layout) {
    if (const TensorId known = slot(id, layout); known != kNoTensor) return known;
    const Value& value = graph_.value(id);
    TensorId from = slot(id, labels_[static_cast<size_t>(id)]);
    if (from == kNoTensor) {
      if (value.constant == nullptr)
        return error(StatusCode::internal, fmt::format("value {} is read before it is made", value.name));
      from = add(id, Layout::plain);
      draft_.tensor(from).place = Operand::Place::constant;
      draft_.tensor(from).index = draft_.constants.size();
      draft_.constants.push_back(value.constant);
      if (layout == Layout::plain) return from;
    }
    TensorDesc desc = graph_.desc(id);
    desc.layout = layout;
    const TensorId to =
        draft_.add_tensor(fmt::format("{} {}", value.name, layout_name(layout)), std::move(desc));
    HONE_ASSIGN(DraftStep step, draft_.copy_step(from, to));
    draft_.steps.push_back(std::move(step));
    return slot(id, layout) = to;
  }

  const Kernel* kernel_named(const std::string& name) {
    const auto [found, is_new] = kernels_.emplace(name, nullptr);
    if (is_new) found->second = find_kernel(name);
    return found->second;
  }

  Result<> add_node(size_t index) {
    const Node& node = graph_.nodes[index];
    const auto found = choices_.by_node.find(node.id);
    if (found == choices_.by_node.end()) return error(StatusCode::internal, "nothing was chosen for it");
    const Choice& choice = found->second;
    if (choice.inputs.size() != node.inputs.size() || choice.outputs.size() != node.outputs.size())
      return error(StatusCode::internal, "the choice made for it has other inputs and outputs than the node");
    const std::vector<TensorDesc> outputs = output_descs(graph_, node);
    if (outputs.size() != node.outputs.size())
      return error(StatusCode::internal, "its outputs have no shapes");

    DraftStep step;
    step.node = static_cast<int32_t>(index);
    step.movement = movement_of(graph_, node);
    step.expected_ms = choice.ms;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      step.inputs.push_back(kNoTensor);
      if (node.inputs[i] == kNoValue) continue;
      HONE_ASSIGN(step.inputs.back(), in_layout(node.inputs[i], choice.inputs[i]));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] != kNoValue) {
        step.outputs.push_back(add(node.outputs[i], choice.outputs[i]));
        continue;
      }
      TensorDesc desc = outputs[i];
      desc.layout = choice.outputs[i];
      step.outputs.push_back(draft_.add_tensor(fmt::format("{}#{}", node.name, i), std::move(desc)));
    }
    HONE_TRY(find_kernel_of(node, choice, step));
    draft_.steps.push_back(std::move(step));
    return {};
  }

  Result<> find_kernel_of(const Node& node, const Choice& choice, DraftStep& step) {
    const bool is_movement = step.movement.kind != Movement::Kind::none;
    if (choice.kernel == kViewKernel && is_movement) return {};
    const Kernel* kernel = kernel_named(choice.kernel);
    if (kernel == nullptr || kernel->op() != op_name(node.op))
      return error(StatusCode::unsupported, fmt::format("hone has no kernel {} for it", choice.kernel));
    NodeProblem problem =
        problem_of(graph_, node, draft_.options.thread_count, device_of(*kernel, draft_.options.device));
    problem.set_layouts({.inputs = choice.inputs, .outputs = choice.outputs});
    Verdict verdict = kernel->may_i(problem.view());
    if (!verdict.legal && !is_movement)
      return error(StatusCode::unsupported,
                   fmt::format("kernel {} cannot compute it: {}", choice.kernel, verdict.reason));
    if (!verdict.legal) return {};
    step.kernel = kernel;
    step.verdict = std::move(verdict);
    return {};
  }

  Draft& draft_;
  const Graph& graph_;
  const Choices& choices_;
  std::vector<Layout> labels_;                    // by value: the layout it is made in
  std::vector<std::array<TensorId, 4>> tensors_;  // by value and layout
  std::unordered_map<std::string_view, const Kernel*> kernels_;
};

}  // namespace

Result<Draft> make_draft(const Graph& graph, const Choices& choices, const PlanOptions& options) {
  Draft draft(graph, options);
  draft.tensors.reserve(graph.values.size());
  draft.steps.reserve(graph.nodes.size());
  HONE_TRY(Scheduler(draft, choices).run());
  return draft;
}

}  // namespace hone
