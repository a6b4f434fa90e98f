// Element types of all values: they need no shapes, and importers need not know them.
#include "ir/output_types.h"
#include "passes/pass_list.h"

namespace hone {

bool infer_types(Graph& graph, const PassContext&) {
  bool changed = false;
  std::vector<DType> inputs;
  for (const Node& node : graph.nodes) {
    inputs.clear();
    for (ValueId id : node.inputs) inputs.push_back(id == kNoValue ? DType::f32 : graph.desc(id).type);
    while (!inputs.empty() && node.inputs[inputs.size() - 1] == kNoValue) inputs.pop_back();
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      DType& type = graph.value(node.outputs[i]).desc.type;
      const DType found = output_type(node.op, inputs, i).value_or(type);
      changed = changed || found != type;
      type = found;
    }
  }
  return changed;
}

}  // namespace hone
