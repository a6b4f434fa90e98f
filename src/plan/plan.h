// A plan: schedule and memory for one set of input shapes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/infer.h"
#include "kernels/kernel.h"
#include "passes/passes.h"
#include "tactics/tactics.h"

namespace hone {

// Where a tensor of a step lies.
struct Operand {
  enum class Place : uint8_t { none, arena, input, output, constant, packed };
  Place place = Place::none;
  size_t index = 0;         // of the graph input or output, or into Plan::constants
  size_t offset_bytes = 0;  // in the arena, or inside the input, output or constant
  TensorDesc desc;
  int64_t image_stride = 0;  // elements, see TensorArg
};

struct Step {
  int64_t node_id = -1;  // -1 for a reorder the plan added
  std::string name;
  Op op;  // a reorder is Unary identity from one layout to another
  const Kernel* kernel = nullptr;
  std::vector<Operand> inputs, outputs;
  std::vector<TensorDesc> input_descs, output_descs;  // those of the operands, side by side for Problem
  size_t workspace_offset = 0, workspace_bytes = 0;
  int64_t packed = -1;          // into Plan::packed
  int lane = 0;                 // steps of one lane run in order; lanes run side by side
  std::vector<uint32_t> waits;  // steps of other lanes that must be done before
  double flops = 0;
  float expected_ms = -1;
};

// Packed weights that a step needs, found by key in the engine or made by Kernel::pack.
struct PackedUse {
  uint64_t key = 0;  // hash of (constants' keys, kernel's packing name and version)
  size_t step = 0;   // a step that can make it
};

struct Plan {
  InputShapes shapes;
  std::vector<TensorDesc> inputs, outputs;  // plain layouts
  std::vector<ConstantPtr> constants;       // read by kernels as they are
  std::vector<std::vector<ConstantPtr>>
      step_constants;  // per step, one entry an input, null where it is not constant
  std::vector<Step> steps;
  std::vector<PackedUse> packed;
  int lanes = 1;
  size_t arena_bytes = 0;
  double planning_ms = 0;
};

// Streams that a GPU's plan is spread over: a head's branches, and what comes before them.
inline constexpr int kGpuLanes = 6;

struct PlanOptions {
  size_t thread_count = 1;
  Device* device = nullptr;    // null: the CPU
  DType compute = DType::f32;  // f16, bf16: what a GPU's kernels read and write (see lower_precision)
  int lanes = 1;               // most of them; a GPU's streams
  bool allow_aliasing = true;  // false for tests: concat and split copy
  RowRules rules;
};

// lower_precision() as this device wants it: a GPU computes everything in `type`, a CPU what it has kernels
// for.
Result<> lower_for(Graph& bound, Device& device, DType type, size_t thread_count, const PassContext& context,
                   const RowRules& rules = {});

// `graph` has been through the shape-independent passes. The evaluator folds shape arithmetic.
Result<Plan> specialise(const Graph& graph, const InputShapes& shapes, Device& device, const Choices* known,
                        const Evaluator& evaluate, const PlanOptions& options);
// The same from a graph that is bound already and choices that fit it.
Result<Plan> plan_bound(const Graph& bound, const Choices& choices, const PlanOptions& options);

// The problem a step solves (spans point into the plan). `device` is the plan's; a step that a GPU's plan
// leaves to the CPU gets none.
Problem problem_of(const Plan& plan, size_t step, size_t thread_count, Device* device = nullptr);
std::string print(const Plan& plan);

// Steps that follow one another on one device. A plan for a GPU is one segment unless it leaves operators to
// the CPU.
struct Segment {
  DeviceKind device = DeviceKind::cpu;
  size_t first = 0, count = 0;  // of Plan::steps
};
std::vector<Segment> segments_of(const Plan& plan);
// "one segment, cuda"; "3 segments: cuda of 40 steps, cpu of 1 steps, cuda of 20 steps".
std::string segments_text(const Plan& plan);
// What a GPU's plan leaves to the CPU, and why, in one line; empty where that is nothing. `choices` are those
// that the plan was made of.
std::string cpu_part_text(const Plan& plan, const Choices& choices);

}  // namespace hone
