#include "tactics/node_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "device/cuda/cuda_device.h"
#include "ir/infer.h"

namespace hone {
namespace {

constexpr std::array<Layout, 4> kLayouts = {Layout::plain, Layout::nchw8c, Layout::nchw16c, Layout::nhwc};

uint64_t add_desc(uint64_t hash, const TensorDesc& desc) {
  std::array<int64_t, 12> words = {};
  words[0] = static_cast<int64_t>(desc.type);
  words[1] = static_cast<int64_t>(desc.layout);
  words[2] = desc.has_shape ? static_cast<int64_t>(desc.shape.size()) : -1;
  const size_t count = std::min<size_t>(desc.shape.size(), 8);
  std::copy_n(desc.shape.begin(), count, words.begin() + 3);
  hash = hash_bytes(std::as_bytes(std::span(words)), hash);
  if (desc.shape.size() > count) hash = hash_bytes(std::as_bytes(std::span(desc.shape).subspan(count)), hash);
  if (desc.quantization) {
    hash = hash_bytes(std::as_bytes(std::span(desc.quantization->scale)), hash);
    hash = hash_bytes(std::as_bytes(std::span(desc.quantization->zero_point)), hash);
    hash = hash_combine(hash, static_cast<uint64_t>(desc.quantization->axis));
  }
  return hash;
}

uint64_t hash_descs(const Problem& problem) {
  uint64_t hash = op_hash(problem.op);
  for (const TensorDesc& desc : problem.inputs) hash = add_desc(hash, desc);
  hash = hash_combine(hash, problem.inputs.size());
  for (const TensorDesc& desc : problem.outputs) hash = add_desc(hash, desc);
  // Kernels may look into small integer constants (axes, sizes): they are part of the problem; weights are
  // not.
  for (const ConstantPtr& constant : problem.constants) {
    const bool small =
        constant != nullptr && !is_floating(constant->desc().type) && constant->size_bytes() <= 256;
    hash = hash_combine(hash, constant == nullptr ? 0 : small ? constant->key() : 1);
  }
  return hash_combine(hash, problem.thread_count);
}

// A kernel's signature must speak about every tensor, give layouts to pictures alone and leave constants
// plain.
bool is_sane(const LayoutSignature& layouts, const NodeProblem& problem) {
  if (layouts.inputs.size() != problem.inputs.size() || layouts.outputs.size() != problem.outputs.size())
    return false;
  for (size_t i = 0; i < layouts.inputs.size(); ++i) {
    if (layouts.inputs[i] == Layout::plain) continue;
    if (problem.constants[i] != nullptr || problem.inputs[i].shape.size() != 4) return false;
  }
  for (size_t i = 0; i < layouts.outputs.size(); ++i)
    if (layouts.outputs[i] != Layout::plain && problem.outputs[i].shape.size() != 4) return false;
  return true;
}

LayoutSignature uniform(const NodeProblem& problem, Layout layout) {
  LayoutSignature layouts;
  for (size_t i = 0; i < problem.inputs.size(); ++i)
    layouts.inputs.push_back(
        problem.constants[i] == nullptr && problem.inputs[i].shape.size() == 4 ? layout : Layout::plain);
  for (const TensorDesc& desc : problem.outputs)
    layouts.outputs.push_back(desc.shape.size() == 4 ? layout : Layout::plain);
  return layouts;
}

// Views are options in each layout in which they are views; kernels that do the same by copying stand behind
// them.
void add_views(const Graph& graph, const Node& node, const NodeProblem& problem, NodeOptions& options) {
  const Movement movement = movement_of(graph, node);
  if (movement.kind == Movement::Kind::none) return;
  for (const Layout layout : kLayouts) {
    if (!is_view_in(graph, node, movement, layout)) continue;
    const LayoutSignature layouts = uniform(problem, layout);
    const auto same = std::ranges::find_if(options.legal, [&](const NodeOption& o) {
      return o.layouts.inputs == layouts.inputs && o.layouts.outputs == layouts.outputs;
    });
    if (same != options.legal.end())
      same->is_view = true, same->estimated_ms = 0;
    else
      options.legal.push_back({.kernel = nullptr, .layouts = layouts, .is_view = true});
  }
}

size_t bytes_moved(const NodeProblem& problem) {
  size_t bytes = 0;
  for (const auto* descs : {&problem.inputs, &problem.outputs})
    for (const TensorDesc& desc : *descs)
      if (desc.concrete()) bytes += byte_count(desc.type, desc.shape).value_or(0);
  return bytes;
}

}  // namespace

void NodeProblem::set_layouts(const LayoutSignature& layouts) {
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i].layout = layouts.inputs[i];
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i].layout = layouts.outputs[i];
}

NodeProblem problem_of(const Graph& graph, const Node& node, size_t thread_count, Device* device) {
  NodeProblem problem;
  problem.op = &node.op;
  problem.thread_count = thread_count;
  problem.device = device;
  for (const ValueId id : node.inputs) {
    problem.inputs.push_back(id == kNoValue ? TensorDesc{} : graph.desc(id));
    problem.constants.push_back(id == kNoValue ? nullptr : graph.value(id).constant);
  }
  problem.outputs = output_descs(graph, node);
  return problem;
}

uint64_t problem_hash(const NodeProblem& problem) { return hash_descs(problem.view()); }

uint64_t timing_key(const Kernel& kernel, const Problem& problem, const std::string& fingerprint) {
  uint64_t hash = hash_text(kernel.name(), static_cast<uint64_t>(kernel.version()));
  hash = hash_text(fingerprint, hash);
  return hash_combine(hash, hash_descs(problem));
}

std::span<const Kernel* const> KernelRows::ask(ByOp& known, const Op& op, DeviceKind kind) {
  Rows& rows = known[op.index()];
  if (!rows.asked) rows.rows = kernels_for(op_name(op), kind);
  rows.asked = true;
  return rows.rows;
}

std::span<const Kernel* const> KernelRows::of(const Op& op) {
  return ask(own_, op, on_gpu() ? DeviceKind::cuda : DeviceKind::cpu);
}

std::span<const Kernel* const> KernelRows::of_cpu(const Op& op) { return ask(cpu_, op, DeviceKind::cpu); }

bool RowRules::leaves_to_cpu(const Node& node) const {
  return cpu_nodes.contains(node.id) ||
         (!cpu_ops.empty() && std::ranges::find(cpu_ops, op_name(node.op)) != cpu_ops.end());
}

RowRules rules_of(const Choices& choices) {
  RowRules rules;
  std::unordered_map<std::string_view, bool> on_cpu;  // kernels are looked up once
  for (const auto& [node, choice] : choices.by_node) {
    const auto [known, is_new] = on_cpu.try_emplace(choice.kernel, false);
    if (is_new)
      if (const Kernel* kernel = find_kernel(choice.kernel))
        known->second = kernel->device() == DeviceKind::cpu;
    if (known->second) rules.cpu_nodes.insert(node);
  }
  return rules;
}

double estimate_ms(const Graph& graph, const Node& node, const Kernel& kernel, const Verdict& verdict) {
  if (verdict.estimated_ms > 0) return verdict.estimated_ms;
  const NodeProblem problem = problem_of(graph, node, 1, nullptr);
  const double flops_per_ms = kernel.is_reference() ? 2e5 : 3e7,
               bytes_per_ms = kernel.is_reference() ? 2e5 : 4e6;
  return node_flops(graph, node) / flops_per_ms + static_cast<double>(bytes_moved(problem)) / bytes_per_ms +
         1e-3;
}

namespace {

bool is_plain(const LayoutSignature& layouts) {
  const auto plain = [](Layout layout) { return layout == Layout::plain; };
  return std::ranges::all_of(layouts.inputs, plain) && std::ranges::all_of(layouts.outputs, plain);
}

// The rows that may, in every layout that they take; in a GPU's plan the CPU's take plain ones alone. True
// where a row would have served, had the engine carried its code.
bool add_rows(const Graph& graph, const Node& node, NodeProblem& problem, std::span<const Kernel* const> rows,
              Device* device, bool keep_refused, NodeOptions& options) {
  bool lacks_code = false;
  for (const Kernel* kernel : rows) {
    std::string reason = "offers no layouts";
    bool any = false;
    problem.device = device_of(*kernel, device);
    for (LayoutSignature& layouts : kernel->signatures(node.op, problem.inputs, problem.outputs)) {
      if (problem.device != device && !is_plain(layouts)) {
        reason = "takes no plain layout";
        continue;
      }
      if (!is_sane(layouts, problem)) {
        reason = "offers layouts that do not fit the node";
        continue;
      }
      problem.set_layouts(layouts);
      Verdict verdict = kernel->may_i(problem.view());
      if (!verdict.legal) {
        reason = std::move(verdict.reason);
        lacks_code = lacks_code || reason == cuda::kNotCarried;
        continue;
      }
      any = true;
      options.legal.push_back({.kernel = kernel,
                               .layouts = std::move(layouts),
                               .workspace_bytes = verdict.workspace_bytes,
                               .estimated_ms = estimate_ms(graph, node, *kernel, verdict)});
    }
    if (!any && keep_refused)
      options.refused.push_back(
          {.kernel = std::string(kernel->name()), .version = kernel->version(), .reason = std::move(reason)});
  }
  problem.device = device;
  return lacks_code;
}

}  // namespace

NodeOptions options_of(const Graph& graph, const Node& node, NodeProblem& problem, KernelRows& rows,
                       bool keep_refused) {
  NodeOptions options;
  if (problem.outputs.size() != node.outputs.size()) return options;
  bool lacks_code = false;
  if (!rows.leaves_to_cpu(node))
    lacks_code = add_rows(graph, node, problem, rows.of(node.op), rows.device(), keep_refused, options);
  // Code that is missing is compiled, or the whole plan is the CPU's.
  if (rows.on_gpu() && options.legal.empty() && !lacks_code)
    add_rows(graph, node, problem, rows.of_cpu(node.op), rows.device(), keep_refused, options);
  add_views(graph, node, problem, options);
  return options;
}

bool computes_in(const Graph& graph, const Node& node, DType type, size_t thread_count, KernelRows& rows) {
  if (movement_of(graph, node).kind != Movement::Kind::none) return true;
  NodeProblem problem = problem_of(graph, node, thread_count, rows.device());
  for (size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.constants[i] == nullptr && problem.inputs[i].type == DType::f32)
      problem.inputs[i].type = type;
  for (TensorDesc& desc : problem.outputs)
    if (desc.type == DType::f32) desc.type = type;
  for (const Kernel* kernel : rows.of(node.op)) {
    if (kernel->is_reference()) continue;
    for (const LayoutSignature& layouts : kernel->signatures(node.op, problem.inputs, problem.outputs)) {
      if (!is_sane(layouts, problem)) continue;
      problem.set_layouts(layouts);
      if (kernel->may_i(problem.view()).legal) return true;
    }
  }
  return false;
}

const Kernel* copy_kernel(const TensorDesc& from, const TensorDesc& to, size_t thread_count, KernelRows& rows,
                          Verdict* verdict) {
  static const Op identity = Unary{};
  const ConstantPtr no_constant;
  const Problem problem{.op = identity,
                        .inputs = {&from, 1},
                        .outputs = {&to, 1},
                        .constants = {&no_constant, 1},
                        .thread_count = thread_count,
                        .device = rows.device()};
  const Kernel* best = nullptr;
  for (const Kernel* kernel : rows.of(identity)) {
    Verdict answer = kernel->may_i(problem);
    if (!answer.legal) continue;
    // References come last and know no time; the first fast one is taken unless another is said to be faster.
    const bool better = best == nullptr || (!kernel->is_reference() && answer.estimated_ms > 0 &&
                                            answer.estimated_ms < verdict->estimated_ms);
    if (!better) continue;
    best = kernel;
    *verdict = std::move(answer);
  }
  return best;
}

}  // namespace hone
