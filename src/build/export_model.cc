#include "build/export_model.h"

#include <algorithm>
#include <chrono>

#include "base/python_literal.h"
#include "build/model.h"
#include "build/open_model.h"
#include "engine/engine_data.h"
#include "engine/engine_file.h"
#include "export/onnx/onnx_export.h"
#include "export/onnx/onnx_metadata.h"
#include "ir/infer.h"
#include "passes/passes.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

int64_t metadata_int(const Graph& graph, const char* key, int64_t otherwise) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end()) return otherwise;
  const auto parsed = parse_python_literal(found->second);
  const auto* value = parsed ? parsed->get<int64_t>() : nullptr;
  return value ? *value : otherwise;
}

// Each side raised to a multiple of the stride, at least one stride; a note when that changed it.
Shape checked_imgsz(const Graph& graph, const Shape& wanted, std::string& note) {
  const int64_t stride = std::max<int64_t>(metadata_int(graph, "stride", 32), 1);
  Shape size = wanted;
  for (int64_t& side : size) side = std::max(stride, (side + stride - 1) / stride * stride);
  if (size != wanted)
    note = "imgsz=[" + std::to_string(wanted[0]) + ", " + std::to_string(wanted[1]) +
           "] must be multiple of max stride " + std::to_string(stride) + ", updating to [" +
           std::to_string(size[0]) + ", " + std::to_string(size[1]) + "]";
  return size;
}

// Layers, parameters and FLOPs of the folded network at one shape; output shapes too.
Result<> describe(const Graph& graph, ExportReport& report) {
  Graph bound = graph;
  promote_to_f32(bound, true);
  HONE_TRY(run_passes(bound, PassStage::portable, {reference_evaluator(), {}}));
  report.layers = bound.nodes.size();
  for (const auto& value : bound.values)
    if (value.constant && is_floating(value.desc.type))
      report.parameters += static_cast<size_t>(element_count(value.desc.shape).value_or(0));
  InputShapes shapes;
  if (!bound.inputs.empty()) shapes[bound.value(bound.inputs[0]).name] = report.input;
  HONE_TRY(bind_shapes(bound, shapes, reference_evaluator()));
  for (const auto& node : bound.nodes) report.gflops += node_flops(bound, node) / 1e9;
  for (const ValueId id : bound.outputs) report.outputs.push_back(bound.desc(id).shape);
  return {};
}

Result<> export_engine(const std::filesystem::path& model, const ExportRequest& request,
                       const OnnxExportOptions& onnx, ExportReport& report) {
  BuildOptions options;
  const Shape& opt = report.input;
  if (request.dynamic) {  // Ultralytics' profile: from one stride to twice the size
    options.profiles = {{{"images", {{1, opt[1], 32, 32}, opt, {opt[0], opt[1], 2 * opt[2], 2 * opt[3]}}}}};
  } else {
    options.profiles = {{{"images", {opt, opt, opt}}}};
  }
  options.memory_limit_bytes = static_cast<size_t>(request.workspace_gib * 1024 * 1024 * 1024);
  HONE_ASSIGN(const auto engine, build(model, options));
  set_export_metadata(engine->data().source.metadata, onnx);
  HONE_ASSIGN(const EngineSize size, write_engine_file(report.path, engine->data(), {}));
  report.bytes = size.file_bytes;
  return {};
}

}  // namespace

Result<bool> names_gpu(const std::string& device) {
  if (device == "cpu") return false;
  std::string_view number = device;
  if (number.starts_with("cuda:")) number.remove_prefix(5);
  if (device == "cuda" || (!number.empty() && number.find_first_not_of("0123456789,") == number.npos))
    return true;
  return error(StatusCode::invalid_argument, "device '" + device + "' is none: use cpu, or 0 for a GPU");
}

Result<ExportReport> export_model(const std::filesystem::path& model, const ExportRequest& request) {
  const auto start = Clock::now();
  HONE_ASSIGN(const ModelKind kind, model_kind(model));
  if (kind == ModelKind::engine)
    return error(StatusCode::invalid_argument,
                 "TypeError: " + model.string() + " is an engine already: export takes a .pt");
  HONE_ASSIGN(const Graph graph, import_model(model));
  if (graph.inputs.size() != 1 || graph.desc(graph.inputs[0]).shape.size() != 4)
    return error(StatusCode::unsupported,
                 model.string() + " does not take one picture: export handles detectors");

  ExportReport report;
  ShapeRequest shapes{.imgsz = request.imgsz, .batch = request.batch, .dynamic = false};
  const Value& input = graph.value(graph.inputs[0]);
  HONE_ASSIGN(const Profile profile,
              profile_for({{input.name, input.desc.type, input.desc.shape, {}}}, graph.metadata, shapes));
  report.input = profile.empty() ? input.desc.shape : profile.at(input.name).opt;
  const Shape size = checked_imgsz(graph, {report.input[2], report.input[3]}, report.note);
  if (!profile.empty()) report.input = {report.input[0], report.input[1], size[0], size[1]};
  HONE_TRY(describe(graph, report));
  const auto task = graph.metadata.find("task");
  report.task = task == graph.metadata.end() ? "detect" : task->second;

  OnnxExportOptions onnx{.batch = report.input[0],
                         .height = report.input[2],
                         .width = report.input[3],
                         .dynamic = request.dynamic,
                         .simplify = request.simplify,
                         .opset = request.opset,
                         .evaluate = reference_evaluator()};
  if (request.half)
    onnx.half = request.gpu ? OnnxExportOptions::Half::gpu_form : OnnxExportOptions::Half::cpu_form;
  report.opset = request.opset.value_or(18);
  report.path = request.output;
  if (report.path.empty()) {
    report.path = model;
    report.path.replace_extension(request.format == ExportRequest::Format::engine ? ".engine" : ".onnx");
  }
  HONE_TRY(check_output(model, report.path));
  if (request.format == ExportRequest::Format::engine) {
    HONE_TRY(export_engine(model, request, onnx, report));
  } else {
    HONE_ASSIGN(report.bytes, export_onnx(graph, report.path, onnx));
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

}  // namespace hone
