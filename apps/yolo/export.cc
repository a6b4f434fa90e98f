#include "yolo/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>

#include "base/cpu_features.h"
#include "build/export_model.h"

namespace hone::yolo {
namespace {

std::unexpected<Status> python_error(const std::string& type, const std::string& text) {
  return error(StatusCode::invalid_argument, type + ": " + text);
}

// 16 (half), 8 (int8) or 32, from quantize, half and int8 as Ultralytics ranks them.
Result<int> quantize_bits(const Arguments& a) {
  if (a.has("quantize")) {
    std::string text = a.text("quantize", "32");
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (text == "16" || text == "fp16" || text == "w16a16") return 16;
    if (text == "8" || text == "int8" || text == "w8a8") return 8;
    if (text == "32" || text == "fp32" || text == "w32a32") return 32;
    return python_error(
        "ValueError",
        "'quantize=" + text + "' is invalid: use one of 8, 16, 32, int8, fp16, fp32, w8a8, w16a16, w32a32");
  }
  if (a.flag("int8", false)) return 8;
  return a.flag("half", false) ? 16 : 32;
}

Result<ExportRequest::Format> export_format(const Arguments& a) {
  std::string format = a.text("format", "torchscript");
  for (char& c : format) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (format == "onnx") return ExportRequest::Format::onnx;
  if (format == "engine" || format == "tensorrt" || format == "trt") return ExportRequest::Format::engine;
  return python_error("ValueError",
                      "'format=" + format + "' is not available in hone: use format=onnx or format=engine");
}

std::string tuple_text(const Shape& shape) {
  std::string text;
  for (const int64_t d : shape) text += (text.empty() ? "" : ", ") + std::to_string(d);
  return "(" + text + ")";
}

// "3,151,904"
std::string grouped(size_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

double mib(size_t bytes) { return static_cast<double>(bytes) / 1048576; }

}  // namespace

Result<> run_export(const Arguments& a) {
  const std::string model = a.text("model", "");
  if (model.empty()) return python_error("ValueError", "'model' is missing: say model=yolov8n.pt");
  if (!std::filesystem::exists(model))
    return python_error("FileNotFoundError", "'" + model + "' does not exist");
  ExportRequest request;
  HONE_ASSIGN(request.format, export_format(a));
  HONE_ASSIGN(const int bits, quantize_bits(a));
  if (bits == 8)
    return error(StatusCode::unsupported,
                 "int8 export is not available in this hone: use half=True or neither");
  request.half = bits == 16;
  HONE_ASSIGN(request.imgsz, a.picture_size());
  const double batch = a.number("batch", 1);
  if (!(batch >= 1 && batch <= 4096) || batch != std::floor(batch))
    return python_error("ValueError",
                        "'batch=" + a.text("batch", "") + "' must be a whole number from 1 to 4096");
  request.batch = static_cast<int64_t>(batch);
  request.dynamic = a.flag("dynamic", false);
  request.simplify = a.flag("simplify", true);
  if (a.has("opset") && !a.values.at("opset").get<std::monostate>())
    request.opset = static_cast<int>(a.number("opset", 18));
  if (request.format == ExportRequest::Format::onnx && a.number("workspace", 0) != 0)
    return python_error("AssertionError", "argument 'workspace' is not supported for format='onnx'");
  request.workspace_gib = a.number("workspace", 0);
  if (a.has("nms") && a.flag("nms", false))
    return error(StatusCode::unsupported,
                 "nms=True export is not available in this hone: leave NMS outside the graph");
  const std::string device = a.text("device", request.format == ExportRequest::Format::engine ? "0" : "cpu");
  const auto gpu = names_gpu(device);
  if (!gpu && a.integers("device").empty())  // 0,1 and [0,1] are lists
    return python_error("ValueError",
                        "Invalid CUDA 'device=" + device +
                            "' requested. Use 'device=cpu' or 'device=0'; the GPU need not be here");
  request.gpu = gpu.value_or(true);

  fmt::print("hone {} 🚀 CPU ({})\n", HONE_VERSION, cpu_features().model);
  const bool engine = request.format == ExportRequest::Format::engine;
  const char* prefix = engine ? "TensorRT:" : "ONNX:";
  auto done = export_model(model, request);
  if (!done) {
    fmt::print("ERROR ❌ {} export failure: {}\n", prefix, done.error().message);
    return std::unexpected(done.error());
  }
  const ExportReport& r = *done;
  if (!r.note.empty()) fmt::print("WARNING ⚠️ {}\n", r.note);
  const std::string stem = std::filesystem::path(model).stem().string();
  fmt::print("{} summary (fused): {} layers, {} parameters, 0 gradients, {:.1f} GFLOPs\n\n", stem, r.layers,
             grouped(r.parameters), r.gflops / static_cast<double>(r.input[0]));
  std::string outputs;
  for (const auto& shape : r.outputs) outputs += (outputs.empty() ? "" : ", ") + tuple_text(shape);
  if (r.outputs.size() > 1) outputs = "(" + outputs + ")";
  fmt::print("PyTorch: starting from '{}' with input shape {} BCHW and output shape(s) {} ({:.1f} MB)\n\n",
             model, tuple_text(r.input), outputs, mib(std::filesystem::file_size(model)));
  if (engine)
    fmt::print("{} starting export with hone {}...\n", prefix, HONE_VERSION);
  else
    fmt::print("{} starting export with hone {} opset {}...\n", prefix, HONE_VERSION, r.opset);
  fmt::print("{} export success ✅ {:.1f}s, saved as '{}' ({:.1f} MB)\n\n", prefix, r.seconds,
             r.path.string(), mib(r.bytes));
  const std::string size =
      r.input[2] == r.input[3] ? std::to_string(r.input[2]) : fmt::format("{},{}", r.input[2], r.input[3]);
  const std::string half = request.half ? " quantize=16" : "";
  fmt::print("Export complete ({:.1f}s)\nResults saved to {}\n", r.seconds,
             std::filesystem::absolute(r.path).string());
  fmt::print("Predict:         yolo predict task={} model={} imgsz={}{} \n", r.task, r.path.string(), size,
             half);
  fmt::print("Validate:        yolo val task={} model={} imgsz={}{} \n", r.task, r.path.string(), size, half);
  return {};
}

}  // namespace hone::yolo
