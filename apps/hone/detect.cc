#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "base/log.h"
#include "build/open_model.h"
#include "hone/arguments.h"
#include "hone/commands.h"
#include "hone/detection.h"

namespace hone {
namespace {

struct DetectArguments {
  std::string model, imgsz, save, json, classes, timing_cache;
  std::vector<std::string> sources;
  float conf = 0.25f, iou = 0.7f;
  int max_det = 300, level = 0;
  DeviceArguments device;
  size_t threads = 0;
  bool no_rect = false, agnostic = false, quiet = false;
};

Result<std::vector<int>> parse_classes(const std::string& text) {
  std::vector<int> classes;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find(',', at);
    if (end == std::string::npos) end = text.size();
    const std::string word = text.substr(at, end - at);
    if (word.empty() || word.size() > 6 || word.find_first_not_of("0123456789") != std::string::npos)
      return error(StatusCode::invalid_argument,
                   "--classes " + text + " is not a list of class numbers such as 0,2");
    classes.push_back(std::stoi(word));
    at = end + 1;
  }
  return classes;
}

Result<> detect_sources(const DetectArguments& a) {
  DetectionRequest request;
  request.sources = a.sources;
  request.save_dir = a.save;
  DetectorOptions& o = request.options;
  o.rect = !a.no_rect;
  o.conf = a.conf;
  o.iou = a.iou;
  o.max_det = a.max_det;
  o.agnostic = a.agnostic;
  o.thread_count = a.threads;
  o.device = a.device.device;
  HONE_ASSIGN(o.classes, parse_classes(a.classes));
  ShapeRequest shapes;
  if (!a.imgsz.empty()) {
    HONE_ASSIGN(o.imgsz, parse_imgsz(a.imgsz));
    shapes.imgsz = o.imgsz;
  }
  BuildOptions build_options;
  build_options.level = a.level;
  build_options.thread_count = a.threads;
  a.device.apply(build_options);
  build_options.timing_cache = a.timing_cache;
  if (const auto folder = std::filesystem::path(a.json).parent_path(); !folder.empty())
    HONE_TRY(make_folder(folder));
  HONE_ASSIGN(const auto engine, open_model(a.model, shapes, build_options));
  request.done = [&](size_t index, size_t count, const PictureResult& result, const auto& class_names,
                     const DetectTimes& times) -> Result<> {
    if (!a.quiet)
      fmt::print("{}\n", progress_line(index, count, result.image, result.detections, class_names,
                                       times.input_shape, times.inference_ms));
    return {};
  };
  HONE_ASSIGN(const DetectionSummary s, detect_pictures(engine, request));
  const auto count = static_cast<double>(s.results.size());
  if (!a.quiet)
    fmt::print(
        "Speed: {:.1f}ms read, {:.1f}ms preprocess, {:.1f}ms inference, {:.1f}ms postprocess per image at "
        "shape ({})\n",
        s.read_ms / count, s.total.preprocess_ms / count, s.total.inference_ms / count,
        s.total.postprocess_ms / count, shape_text(s.total.input_shape));
  if (!a.save.empty()) fmt::print("Annotated pictures saved to {}\n", a.save);
  if (a.json.empty()) return {};
  HONE_TRY(write_file(a.json, results_json(s.results, s.class_names) + "\n"));
  fmt::print("Boxes saved to {}\n", a.json);
  return {};
}

}  // namespace

void add_detect(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("detect", "Find objects in pictures");
  auto a = std::make_shared<DetectArguments>();
  c->add_option("MODEL", a->model, ".pt, .onnx or .engine")->required();
  c->add_option("SOURCE", a->sources, "Pictures, folders, patterns such as 'in/*.jpg', or a .txt list")
      ->required();
  c->add_option("--imgsz", a->imgsz,
                "Size of the network's input: 640 or 736x1280 (default: the model's own)");
  c->add_flag("--no-rect", a->no_rect, "Pad to the full imgsz, not to the smallest rectangle");
  c->add_option("--conf", a->conf, "Least score")->check(not_a_share);
  c->add_option("--iou", a->iou, "Overlap above which the weaker of two boxes goes")->check(not_a_share);
  c->add_option("--classes", a->classes, "Only these class numbers: 0,2");
  c->add_flag("--agnostic", a->agnostic, "Boxes of different classes drop each other too");
  c->add_option("--max-det", a->max_det, "Most boxes a picture")->check(CLI::Range(1, 100000));
  c->add_option("--save", a->save, "Save annotated pictures in this folder");
  c->add_option("--json", a->json, "Save boxes in this file");
  c->add_option("--level", a->level, "Tuning of a .pt or .onnx before it runs, 0 (none) to 5")
      ->check(CLI::Range(0, 5));
  c->add_option("--timing-cache", a->timing_cache, "Remember kernel timings in this file");
  a->device.add_to(*c);
  add_threads(*c, a->threads);
  c->footer(
      "examples:\n  hone detect yolov8n.pt bus.jpg --save out --json out/boxes.json\n  hone detect "
      "yolov8m.engine pictures/ --save out --conf 0.4");
  c->callback([a, &line] {
    line.work = [a, &line] {
      a->quiet = line.quiet;
      return detect_sources(*a);
    };
  });
}

}  // namespace hone
