// The ways in which a node can be computed: kernels, each in the layouts it takes.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tactics/data_movement.h"
#include "tactics/tactics.h"

namespace hone {

// A node's descs, all plain, and its constants: what Problem views.
struct NodeProblem {
  const Op* op = nullptr;
  std::vector<TensorDesc> inputs, outputs;
  std::vector<ConstantPtr> constants;
  size_t thread_count = 1;
  Device* device = nullptr;

  Problem view() const {
    return {.op = *op,
            .inputs = inputs,
            .outputs = outputs,
            .constants = constants,
            .thread_count = thread_count,
            .device = device};
  }
  void set_layouts(const LayoutSignature& layouts);
};
NodeProblem problem_of(const Graph& graph, const Node& node, size_t thread_count, Device* device);
// Equal for nodes whose candidates are the same: op, descs, which inputs are constant.
uint64_t problem_hash(const NodeProblem& problem);

// kernels_for() asked once an operator.
class KernelRows {
 public:
  // Null and the null device plan with the CPU's rows.
  explicit KernelRows(Device* device, RowRules rules = {}) : device_(device), rules_(std::move(rules)) {}
  // Of the device.
  std::span<const Kernel* const> of(const Op& op);
  // What a GPU's plan turns to for an operator that has no row there.
  std::span<const Kernel* const> of_cpu(const Op& op);
  // The rules of a GPU's plan leave the node to the CPU.
  bool leaves_to_cpu(const Node& node) const { return on_gpu() && rules_.leaves_to_cpu(node); }
  Device* device() const { return device_; }
  bool on_gpu() const { return device_ != nullptr && device_->kind() == DeviceKind::cuda; }

 private:
  struct Rows {
    std::vector<const Kernel*> rows;
    bool asked = false;
  };
  using ByOp = std::array<Rows, std::variant_size_v<Op>>;
  static std::span<const Kernel* const> ask(ByOp& known, const Op& op, DeviceKind kind);

  Device* device_;
  RowRules rules_;
  ByOp own_, cpu_;
};

// Where a row of a plan for `device` runs: null for a CPU's row in a GPU's plan.
inline Device* device_of(const Kernel& kernel, Device* device) {
  const bool apart =
      device != nullptr && device->kind() == DeviceKind::cuda && kernel.device() != DeviceKind::cuda;
  return apart ? nullptr : device;
}

struct NodeOption {
  const Kernel* kernel = nullptr;  // null: a view that no kernel could stand in for
  LayoutSignature layouts;
  bool is_view = false;  // moves no data when the plan aliases it
  size_t workspace_bytes = 0;
  double estimated_ms = 0;  // never 0 but for views
  float measured_ms = -1;
};

struct NodeOptions {
  std::vector<NodeOption> legal;
  std::vector<Candidate> refused;  // one a kernel, with its reason; empty when not asked for
};

// Name of the choice for a view that no kernel stands in for.
inline constexpr const char* kViewKernel = "view";

// The estimate of the kernel, or a crude one (operations and bytes) where it has none.
double estimate_ms(const Graph& graph, const Node& node, const Kernel& kernel, const Verdict& verdict);

NodeOptions options_of(const Graph& graph, const Node& node, NodeProblem& problem, KernelRows& rows,
                       bool keep_refused);

// A kernel other than a reference, or a view, does the node when its floating tensors (weights apart) are of
// `type`.
bool computes_in(const Graph& graph, const Node& node, DType type, size_t thread_count, KernelRows& rows);

// The cheapest Unary identity kernel that copies `from` to `to` (layouts may differ), or null; `verdict` is
// its answer.
const Kernel* copy_kernel(const TensorDesc& from, const TensorDesc& to, size_t thread_count, KernelRows& rows,
                          Verdict* verdict);

}  // namespace hone
