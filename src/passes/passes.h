// Runs the rewrites of passes.inc.
#pragma once

#include <functional>
#include <string_view>

#include "ir/graph.h"
#include "ir/infer.h"

namespace hone {

enum class PassStage : uint8_t { portable, bound };

struct PassContext {
  Evaluator evaluate;
  // Called after each pass that changed the graph (for --dump=STAGE); may be empty.
  std::function<void(std::string_view pass, const Graph& graph)> observe;
};

// Runs every pass of the stage in order, verifying after each.
Result<> run_passes(Graph& graph, PassStage stage, const PassContext& context);
// Names in order, for `--dump` and its error message.
std::vector<std::string_view> pass_names(PassStage stage);

// Not in the list, called by whoever wants them:
// All floating values become f32 (weights lazily); with keep_io, Casts keep the types of graph inputs and
// outputs.
void promote_to_f32(Graph& graph, bool keep_io);
// The exporters' half precision: values and weights become f16. keep_f32_io: inputs and outputs stay f32
// behind Casts. Nodes after (and with) the box decode stay f32 (DecodeBoxes, and what follows it).
void convert_to_f16(Graph& graph, bool keep_f32_io);

// What helps a GPU alone, on a bound graph after the bound passes: convolve_before_upsampling,
// join_convolutions, then lower_precision. Nodes that `stays_f32` names are not lowered: those that are left
// to the CPU.
using StaysF32 = std::function<bool(const Node& node)>;
Result<> run_gpu_passes(Graph& graph, DType type, const PassContext& context, const StaysF32& stays_f32 = {});
bool convolve_before_upsampling(Graph& graph);
bool join_convolutions(Graph& graph);
// A bound graph whose floating values are f32, after the bound passes: up to the last convolution or matrix
// product values become `type` (f16 or bf16), behind Casts; graph inputs and outputs keep their types.
// Convolution weights stay as they are, since kernels pack them. DecodeBoxes reads `type` and writes f32.
// With `computes`, only nodes that it says yes to, each in one type throughout; and convolutions that the
// decode alone reads stay f32, so that logits are exact where the rest of the network is not.
using ComputesIn = std::function<bool(const Graph& graph, const Node& node)>;
Result<> lower_precision(Graph& graph, DType type, const PassContext& context,
                         const ComputesIn& computes = {}, const StaysF32& stays_f32 = {});

}  // namespace hone
