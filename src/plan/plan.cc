// From a draft to a plan: lifetimes, offsets, packed weights.
#include "plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "plan/draft.h"
#include "plan/lanes.h"
#include "plan/memory.h"

namespace hone {
namespace {

constexpr size_t kCpuAlignment = 64, kGpuAlignment = 256;

// Offsets in the arena of every root tensor and every step's workspace.
struct Offsets {
  std::vector<size_t> tensors, workspaces;
  size_t bytes = 0;
};

// Two buffers share bytes only when all steps that touch the one are done before any that touches the other.
Offsets place_in_arena(const Draft& draft, const Lanes& lanes) {
  std::vector<Lifetime> buffers;
  std::vector<std::vector<size_t>> users;
  std::vector<int32_t> buffer_of(draft.tensors.size(), -1), workspace_of(draft.steps.size(), -1);
  for (size_t s = 0; s < draft.steps.size(); ++s) {
    const auto step = static_cast<int32_t>(s);
    for (const auto* ids : {&draft.steps[s].inputs, &draft.steps[s].outputs})
      for (const TensorId id : *ids) {
        if (id == kNoTensor) continue;
        const TensorId root = draft.root(id);
        if (draft.tensor(root).place != Operand::Place::arena) continue;
        int32_t& buffer = buffer_of[static_cast<size_t>(root)];
        if (buffer < 0) {
          buffer = static_cast<int32_t>(buffers.size());
          buffers.push_back({.bytes = draft.bytes(root), .first = step, .last = step});
          users.emplace_back();
        }
        buffers[static_cast<size_t>(buffer)].last = step;
        users[static_cast<size_t>(buffer)].push_back(s);
      }
    if (const size_t bytes = draft.steps[s].verdict.workspace_bytes; bytes > 0) {
      workspace_of[s] = static_cast<int32_t>(buffers.size());
      buffers.push_back({.bytes = bytes, .first = step, .last = step});
      users.push_back({s});
    }
  }
  const auto ends_before = [&](size_t a, size_t b) {
    for (const size_t u : users[a])
      for (const size_t v : users[b])
        if (!lanes.before(u, v)) return false;
    return true;
  };
  std::function<bool(size_t, size_t)> together;
  if (lanes.count > 1)
    together = [&](size_t a, size_t b) { return !ends_before(a, b) && !ends_before(b, a); };
  const bool on_gpu = draft.options.device != nullptr && draft.options.device->kind() == DeviceKind::cuda;
  const ArenaLayout layout = lay_out(buffers, on_gpu ? kGpuAlignment : kCpuAlignment, together);
  const auto offsets = [&](const std::vector<int32_t>& of) {
    std::vector<size_t> result;
    for (const int32_t buffer : of)
      result.push_back(buffer < 0 ? 0 : layout.offsets[static_cast<size_t>(buffer)]);
    return result;
  };
  return {.tensors = offsets(buffer_of), .workspaces = offsets(workspace_of), .bytes = layout.bytes};
}

// A step of the CPU holds up every stream: then there is one.
int lanes_for(const Draft& draft) {
  const bool leaves_gpu = std::ranges::any_of(draft.steps, [&](const DraftStep& step) {
    return step.kernel != nullptr && device_of(*step.kernel, draft.options.device) != draft.options.device;
  });
  return leaves_gpu ? 1 : draft.options.lanes;
}

class Writer {
 public:
  Writer(const Draft& draft, Plan& plan)
      : draft_(draft),
        plan_(plan),
        lanes_(assign_lanes(draft, lanes_for(draft))),
        offsets_(place_in_arena(draft, lanes_)) {}

  void write() {
    plan_.arena_bytes = offsets_.bytes;
    plan_.lanes = lanes_.count;
    plan_.steps.reserve(draft_.steps.size());
    plan_.step_constants.reserve(draft_.steps.size());
    for (size_t s = 0; s < draft_.steps.size(); ++s) add_step(s);
  }

 private:
  Operand operand(TensorId id) const {
    Operand o;
    if (id == kNoTensor) return o;
    const TensorId root = draft_.root(id);
    const DraftTensor& owner = draft_.tensor(root);
    o.place = owner.place;
    o.index = owner.index;
    o.offset_bytes = draft_.offset_in_root(id);
    if (o.place == Operand::Place::arena) o.offset_bytes += offsets_.tensors[static_cast<size_t>(root)];
    o.desc = draft_.tensor(id).desc;
    o.image_stride = draft_.image_stride(id);
    return o;
  }

  void add_step(size_t s) {
    const DraftStep& from = draft_.steps[s];
    Step step;
    std::vector<ConstantPtr> constants(from.inputs.size());
    if (from.node >= 0) {
      const Node& node = draft_.graph.nodes[static_cast<size_t>(from.node)];
      step.node_id = node.id;
      step.name = node.name;
      step.op = node.op;
      step.flops = node_flops(draft_.graph, node);
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] != kNoValue) constants[i] = draft_.graph.value(node.inputs[i]).constant;
    } else {
      step.name = from.name;
      step.op = Unary{};
    }
    step.kernel = from.kernel;
    step.expected_ms = from.expected_ms;
    step.workspace_bytes = from.verdict.workspace_bytes;
    step.workspace_offset = offsets_.workspaces[s];
    step.lane = lanes_.lane[s];
    step.waits = lanes_.waits[s];
    for (const TensorId id : from.inputs) step.inputs.push_back(operand(id));
    for (const TensorId id : from.outputs) step.outputs.push_back(operand(id));
    for (const Operand& o : step.inputs) step.input_descs.push_back(o.desc);
    for (const Operand& o : step.outputs) step.output_descs.push_back(o.desc);
    plan_.steps.push_back(std::move(step));
    plan_.step_constants.push_back(std::move(constants));
    pack(s);
    for (Operand& o : plan_.steps[s].inputs)
      if (o.place == Operand::Place::constant) o.index = constant_index(o.index);
  }

  // Packed inputs are found by key; steps with equal weights in the same packing share them.
  void pack(size_t s) {
    Step& step = plan_.steps[s];
    const Problem problem = problem_of(plan_, s, draft_.options.thread_count, draft_.options.device);
    const std::string packing = step.kernel->packing(problem);
    if (packing.empty()) return;
    uint64_t key =
        hash_text(packing, hash_text(op_name(step.op), static_cast<uint64_t>(step.kernel->version())));
    for (const size_t input : step.kernel->packed_inputs(problem)) {
      if (input >= step.inputs.size() || problem.constants[input] == nullptr) continue;
      key = hash_combine(key, hash_combine(input, problem.constants[input]->key()));
      step.inputs[input].place = Operand::Place::packed;
    }
    const auto [found, is_new] = packs_.emplace(key, plan_.packed.size());
    if (is_new) plan_.packed.push_back({.key = key, .step = s});
    step.packed = static_cast<int64_t>(found->second);
  }

  // Only constants that kernels read as they are enter the plan.
  size_t constant_index(size_t draft_index) {
    const auto [found, is_new] = constants_.emplace(draft_index, plan_.constants.size());
    if (is_new) plan_.constants.push_back(draft_.constants[draft_index]);
    return found->second;
  }

  const Draft& draft_;
  Plan& plan_;
  Lanes lanes_;
  Offsets offsets_;
  std::unordered_map<uint64_t, size_t> packs_;
  std::unordered_map<size_t, size_t> constants_;
};

}  // namespace

Problem problem_of(const Plan& plan, size_t step, size_t thread_count, Device* device) {
  const Step& s = plan.steps[step];
  return {.op = s.op,
          .inputs = s.input_descs,
          .outputs = s.output_descs,
          .constants = plan.step_constants[step],
          .thread_count = thread_count,
          .device = s.kernel != nullptr ? device_of(*s.kernel, device) : device};
}

Result<Plan> plan_bound(const Graph& bound, const Choices& choices, const PlanOptions& options) {
  for (const ValueId id : bound.inputs)
    if (!bound.desc(id).concrete())
      return error(StatusCode::internal, fmt::format("input {} has no concrete shape", bound.value(id).name));
  HONE_ASSIGN(Draft draft, make_draft(bound, choices, options));
  HONE_TRY(alias(draft));
  Plan plan;
  for (const ValueId id : bound.inputs) {
    plan.shapes[bound.value(id).name] = bound.desc(id).shape;
    plan.inputs.push_back(bound.desc(id));
  }
  for (const ValueId id : bound.outputs) plan.outputs.push_back(bound.desc(id));
  Writer(draft, plan).write();
  return plan;
}

}  // namespace hone
