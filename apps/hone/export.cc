#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "build/export_model.h"
#include "hone/arguments.h"
#include "hone/commands.h"

namespace hone {
namespace {

struct ExportArguments {
  std::string model, format, imgsz, output, device = "cpu";
  int64_t batch = 1;
  std::optional<int> opset;
  bool dynamic = false, half = false;
};

Result<> export_checkpoint(const ExportArguments& a) {
  ExportRequest request;
  const bool engine = a.format.empty() ? a.output.ends_with(".engine") : a.format == "engine";
  request.format = engine ? ExportRequest::Format::engine : ExportRequest::Format::onnx;
  if (!a.imgsz.empty()) {
    HONE_ASSIGN(request.imgsz, parse_imgsz(a.imgsz));
  }
  request.batch = a.batch;
  request.dynamic = a.dynamic;
  request.half = a.half;
  HONE_ASSIGN(request.gpu, names_gpu(a.device));
  request.opset = a.opset;
  request.output = a.output;
  HONE_ASSIGN(const ExportReport r, export_model(a.model, request));
  if (!r.note.empty()) fmt::print(stderr, "warning: {}\n", r.note);
  fmt::print("{}: {} in {:.2f} s\n  input {}", r.path.string(), size_text(r.bytes), r.seconds,
             shape_text(r.input));
  for (const auto& shape : r.outputs) fmt::print(", output {}", shape_text(shape));
  fmt::print("{}{}\n  {} layers, {} parameters, {:.1f} GFLOPs\n", a.dynamic ? ", dynamic" : "",
             a.half ? ", f16" : "", r.layers, r.parameters, r.gflops);
  return {};
}

}  // namespace

void add_export(CLI::App& app, CommandLine& line) {
  CLI::App* c =
      app.add_subcommand("export", "Write a .pt as ONNX or as an engine, as Ultralytics' exporter does");
  auto a = std::make_shared<ExportArguments>();
  c->add_option("MODEL", a->model, "A .pt (or an .onnx)")->required();
  c->add_option("--format", a->format, "onnx or engine (default: as OUTPUT ends, else onnx)")
      ->check(CLI::IsMember({"onnx", "engine"}));
  c->add_option("--imgsz", a->imgsz, "640 or 736x1280 (height x width)");
  c->add_option("--batch", a->batch, "Batch (with --dynamic: of the example)")->check(CLI::Range(1, 4096));
  c->add_flag("--dynamic", a->dynamic, "Batch, height and width stay free");
  c->add_flag("--half", a->half, "f16 inside; inputs and outputs stay f32, unless --device 0");
  c->add_option("--device", a->device, "cpu or 0: the form of --half (no GPU is needed)");
  c->add_option("--opset", a->opset, "ONNX opset (default 18)")->check(CLI::Range(9, 22));
  c->add_option("-o,--output", a->output, "File to write (default: beside the model)");
  c->footer("example:\n  hone export yolov8m.pt --dynamic --half --imgsz 1280 --batch 4");
  c->callback([a, &line] { line.work = [a] { return export_checkpoint(*a); }; });
}

}  // namespace hone
