// A plan in the making: steps over tensors that may be views of one another.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "tactics/node_options.h"

namespace hone {

using TensorId = int32_t;
inline constexpr TensorId kNoTensor = -1;

// A value in one layout. It owns a buffer, or is a view: a part of another tensor's bytes.
struct DraftTensor {
  std::string name;
  TensorDesc desc;                               // with its layout
  Operand::Place place = Operand::Place::arena;  // of a tensor without parent
  size_t index = 0;                              // of the graph input or output, or into Draft::constants
  TensorId parent = kNoTensor;
  size_t offset_bytes = 0;       // from the parent's first byte
  bool inherits_stride = false;  // its images are as far apart as the parent's; else it is dense
  bool must_be_dense = false;    // a view of it relies on its images following one another
};

struct DraftStep {
  int32_t node = -1;               // index in the graph; -1: a copy or reorder that the plan adds
  std::string name;                // of copies
  const Kernel* kernel = nullptr;  // null: a movement that must become a view or copies
  Verdict verdict;
  std::vector<TensorId> inputs, outputs;
  Movement movement;
  float expected_ms = -1;
};

struct CopyKernel {
  const Kernel* kernel = nullptr;
  Verdict verdict;
};

struct Draft {
  Draft(const Graph& bound, const PlanOptions& plan_options)
      : graph(bound), options(plan_options), rows(plan_options.device, plan_options.rules) {}

  const Graph& graph;
  PlanOptions options;
  KernelRows rows;
  std::vector<DraftTensor> tensors;
  std::vector<DraftStep> steps;
  std::vector<TensorId> outputs;  // of the graph, plain
  std::vector<ConstantPtr> constants;

  DraftTensor& tensor(TensorId id) { return tensors[static_cast<size_t>(id)]; }
  const DraftTensor& tensor(TensorId id) const { return tensors[static_cast<size_t>(id)]; }
  TensorId add_tensor(std::string name, TensorDesc desc);

  TensorId root(TensorId id) const;
  size_t offset_in_root(TensorId id) const;  // bytes
  int64_t images(TensorId id) const;  // extent of dimension 0 (nhwc: pixels of all images); 1 for scalars
  int64_t image_stride(TensorId id) const;  // elements
  size_t bytes(TensorId id) const;          // dense, in its layout
  // Its images do not follow one another.
  bool is_strided(TensorId id) const;
  // The step's kernel can work on the tensor where it lies.
  bool fits(const DraftStep& step, TensorId id) const;
  // All tensors whose root this is, itself included.
  std::vector<TensorId> tree(TensorId root) const;

  // A step that copies (and reorders) one tensor into another.
  Result<DraftStep> copy_step(TensorId from, TensorId to);
  // Copies between tensors of this type and layout may be strided.
  bool can_copy_strided(const TensorDesc& desc);

 private:
  std::map<std::pair<DType, Layout>, bool> strided_copies_;
};

// Steps in the order of the graph, reorders where a consumer wants another layout than the producer's (one
// for all consumers that want the same); every tensor is its own root.
Result<Draft> make_draft(const Graph& graph, const Choices& choices, const PlanOptions& options);
// Splits and reshapes become views of their input, producers write straight into the concat; what cannot is
// copied, by the node's own kernel where it has one. Graph outputs move into the caller's buffers,
// elementwise kernels onto their input.
Result<> alias(Draft& draft);

}  // namespace hone
