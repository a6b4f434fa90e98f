#include "build/reference_run.h"

#include "engine/engine_data.h"
#include "ir/infer.h"
#include "kernels/kernel.h"

namespace hone {

Result<std::vector<ReferenceOutput>> run_as_imported(const Graph& graph,
                                                     const std::vector<ReferenceInput>& inputs) {
  Graph bound = graph;
  std::map<std::string, Shape> shapes;
  for (const auto& input : inputs) shapes[input.name] = input.shape;
  HONE_TRY(bind_shapes(bound, shapes, reference_evaluator()));

  std::vector<Bytes> data(bound.values.size());
  std::vector<size_t> uses_left(bound.values.size(), 0);
  for (const auto& node : bound.nodes)
    for (const ValueId id : node.inputs)
      if (id != kNoValue) ++uses_left[static_cast<size_t>(id)];
  for (const ValueId id : bound.outputs) ++uses_left[static_cast<size_t>(id)];
  for (const auto& input : inputs) {
    const auto id = bound.find(input.name);
    if (!id) return error(StatusCode::invalid_argument, "the graph has no input '" + input.name + "'");
    data[static_cast<size_t>(*id)] = input.data;
  }
  const auto bytes_of = [&](ValueId id) -> Result<Bytes> {
    if (id == kNoValue) return Bytes();
    if (const auto& constant = bound.value(id).constant) return constant->bytes();
    return data[static_cast<size_t>(id)];
  };
  for (const auto& node : bound.nodes) {
    std::vector<TensorDesc> in, out;
    std::vector<Bytes> in_data;
    for (const ValueId id : node.inputs) {
      in.push_back(id == kNoValue ? TensorDesc() : bound.desc(id));
      HONE_ASSIGN(Bytes bytes, bytes_of(id));
      in_data.push_back(std::move(bytes));
    }
    for (const ValueId id : node.outputs) out.push_back(id == kNoValue ? TensorDesc() : bound.desc(id));
    auto results = run_reference(node.op, in, in_data, out);
    if (!results) return error_in(node.name, results);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) data[static_cast<size_t>(node.outputs[i])] = (*results)[i];
    for (const ValueId id : node.inputs)
      if (id != kNoValue && --uses_left[static_cast<size_t>(id)] == 0) data[static_cast<size_t>(id)] = {};
  }
  std::vector<ReferenceOutput> outputs;
  for (const ValueId id : bound.outputs) {
    HONE_ASSIGN(Bytes bytes, bytes_of(id));
    outputs.push_back({bound.desc(id), std::move(bytes)});
  }
  return outputs;
}

}  // namespace hone
