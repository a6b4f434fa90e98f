#include "export/onnx/onnx_export.h"

#include <fmt/format.h>

#include "export/onnx/decode_lowering.h"
#include "export/onnx/graph_writer.h"
#include "export/onnx/model_writer.h"
#include "export/onnx/onnx_metadata.h"
#include "import/onnx/onnx.pb.h"
#include "passes/passes.h"

namespace hone {
namespace {

constexpr int kDefaultOpset = 18, kOldestOpset = 9, kNewestOpset = 22;

// The format's version that came with an opset (onnx/docs/Versioning.md).
int ir_version(int opset) {
  if (opset <= 9) return 4;
  if (opset == 10) return 5;
  if (opset == 11) return 6;
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  return opset <= 20 ? 9 : 10;
}

Result<int> chosen_opset(const OnnxExportOptions& options) {
  const int opset = options.opset.value_or(kDefaultOpset);
  if (opset < kOldestOpset || opset > kNewestOpset)
    return error(StatusCode::invalid_argument,
                 fmt::format("opset {} cannot be written; {} to {} can", opset, kOldestOpset, kNewestOpset));
  return opset;
}

// What the options say about the inputs' open extents: by their names, else by their places in a picture's
// shape.
Result<InputShapes> fixed_inputs(const Graph& graph, const OnnxExportOptions& options) {
  InputShapes shapes;
  for (ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    if (input.desc.concrete()) continue;
    Shape shape = input.desc.shape;
    const bool is_picture = input.desc.has_shape && shape.size() == 4;
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] >= 0) continue;
      const std::string name = i < input.dim_names.size() ? input.dim_names[i] : std::string();
      if (name == "batch" || i == 0)
        shape[i] = options.batch;
      else if (name == "height" || (is_picture && i == 2))
        shape[i] = options.height;
      else if (name == "width" || (is_picture && i == 3))
        shape[i] = options.width;
      else
        return error(StatusCode::unsupported,
                     fmt::format("input '{}' has an extent '{}' that is neither batch, height "
                                 "nor width; export it with dynamic",
                                 input.name, name));
    }
    if (!input.desc.has_shape)
      return error(StatusCode::unsupported, fmt::format("input '{}' has no known rank", input.name));
    shapes[input.name] = shape;
  }
  return shapes;
}

// Ultralytics' names for open extents that have none.
void name_open_extents(Graph& graph) {
  const auto name_dims = [&](ValueId id, std::initializer_list<const char*> names) {
    Value& value = graph.value(id);
    if (!value.desc.has_shape || value.desc.shape.size() != names.size()) return;
    value.dim_names.resize(names.size());
    size_t i = 0;
    for (const char* name : names) {
      if (value.desc.shape[i] < 0 && value.dim_names[i].empty()) value.dim_names[i] = name;
      ++i;
    }
  };
  for (ValueId id : graph.inputs) name_dims(id, {"batch", "channels", "height", "width"});
  for (ValueId id : graph.outputs) name_dims(id, {"batch", "channels", "anchors"});
}

// The graph that is written: static or dynamic, in the wanted precision, in standard operators.
Result<Graph> prepare(Graph graph, const OnnxExportOptions& options, int opset) {
  using Half = OnnxExportOptions::Half;
  const PassContext context{options.evaluate, {}};
  HONE_TRY(run_passes(graph, PassStage::portable, context));
  if (!options.dynamic) {
    HONE_ASSIGN(const InputShapes shapes, fixed_inputs(graph, options));
    HONE_TRY(bind_shapes(graph, shapes, options.evaluate));
    // An ONNX file's box decode is found, so that it can stay f32.
    if (options.half != Half::none) HONE_TRY(run_passes(graph, PassStage::bound, context));
  } else {
    name_open_extents(graph);
  }
  if (options.half != Half::none) {
    convert_to_f16(graph, options.half == Half::cpu_form);
    HONE_TRY(run_passes(graph, PassStage::portable, context));
  }
  HONE_TRY(lower_decode(graph, opset));
  // The shapes of what is new.
  if (!options.dynamic) HONE_TRY(bind_shapes(graph, {}, options.evaluate));
  HONE_TRY(verify(graph));
  return graph;
}

}  // namespace

Result<size_t> export_onnx(const Graph& graph, const std::filesystem::path& path,
                           const OnnxExportOptions& options) {
  HONE_ASSIGN(const int opset, chosen_opset(options));
  HONE_ASSIGN(Graph prepared, prepare(graph, options, opset));
  // Only a model of Ultralytics' kind has keys that an export's arguments decide.
  if (prepared.metadata.contains("task") || prepared.metadata.contains("stride"))
    set_export_metadata(prepared.metadata, options);

  onnx_proto::Model model;
  model.set_ir_version(ir_version(opset));
  model.set_producer_name("hone");
  model.set_producer_version(HONE_VERSION);
  auto& set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(opset);
  for (auto& [key, value] : ordered_metadata(prepared.metadata)) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  prepared.name = "main_graph";
  GraphWriter writer(prepared, opset, *model.mutable_graph());
  HONE_TRY(writer.write());
  return write_model(path, model, writer.constants());
}

}  // namespace hone
