#include <algorithm>
#include <array>

#include "ir/subgraphs.h"
#include "passes/pass_list.h"
#include "passes/precision.h"

namespace hone {
namespace {

constexpr std::array kOthers = {DType::f16, DType::bf16, DType::f64};

bool is_other(DType type) { return std::find(kOthers.begin(), kOthers.end(), type) != kOthers.end(); }

void promote_values(Graph& graph) {
  for (Value& value : graph.values) {
    if (!is_other(value.desc.type)) continue;
    value.desc.type = DType::f32;
    if (value.constant) value.constant = converted(value.constant, DType::f32);
  }
  for (Node& node : graph.nodes) {
    for (DType type : kOthers) rename_type(node.op, type, DType::f32);
    const auto promote_branch = [](std::shared_ptr<Graph>& branch) {
      if (!branch) return;
      branch = std::make_shared<Graph>(*branch);  // copies of a graph share subgraphs
      promote_values(*branch);
    };
    if (auto* branches = std::get_if<If>(&node.op))
      promote_branch(branches->then_branch), promote_branch(branches->else_branch);
    if (auto* loop = std::get_if<Loop>(&node.op)) promote_branch(loop->body);
  }
}

}  // namespace

void promote_to_f32(Graph& graph, bool keep_io) {
  infer_types(graph, {});
  std::vector<DType> input_types, output_types;
  for (ValueId id : graph.inputs) input_types.push_back(graph.desc(id).type);
  for (ValueId id : graph.outputs) output_types.push_back(graph.desc(id).type);
  promote_values(graph);
  if (!keep_io) return;
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    if (is_other(input_types[i])) cast_input(graph, graph.inputs[i], input_types[i], DType::f32);
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    if (is_other(output_types[i])) cast_output(graph, i, output_types[i]);
}

}  // namespace hone
