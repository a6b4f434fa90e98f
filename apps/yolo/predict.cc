#include "yolo/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/cpu_features.h"
#include "base/file.h"
#include "build/model.h"
#include "build/open_model.h"
#include "hone/detection.h"

namespace hone::yolo {
namespace {

namespace fs = std::filesystem;

// runs/detect/[project/]predict, predict-2, …: the next one that is free.
Result<fs::path> run_folder(const Arguments& a) {
  const std::string name = a.text("name", "predict"), project = a.text("project", "");
  fs::path base = fs::path("runs") / "detect";
  if (!project.empty()) base = fs::path(project).is_absolute() ? fs::path(project) : base / project;
  fs::path folder = base / name;
  for (int i = 2; !a.flag("exist_ok", false) && fs::exists(folder); ++i)
    folder = base / (name + "-" + std::to_string(i));
  HONE_TRY(make_folder(folder));
  return folder;
}

// "cls cx cy w h [conf]", normalised to the picture, six significant digits.
Result<> write_labels(const fs::path& folder, const PictureResult& result, bool with_score) {
  if (result.detections.boxes.empty()) return {};
  const auto w = static_cast<float>(result.detections.image_width_px),
             h = static_cast<float>(result.detections.image_height_px);
  std::string text;
  for (const auto& d : result.detections.boxes) {
    const auto& [x1, y1, x2, y2] = d.box_xyxy_px;
    text += fmt::format("{} {:.6g} {:.6g} {:.6g} {:.6g}", d.class_id, (x1 + x2) / 2 / w, (y1 + y2) / 2 / h,
                        (x2 - x1) / w, (y2 - y1) / h);
    text += with_score ? fmt::format(" {:.6g}\n", d.score) : "\n";
  }
  return write_file(folder / (fs::path(result.image).stem().string() + ".txt"), text);
}

}  // namespace

Result<> run_predict(const Arguments& a) {
  const std::string model = a.text("model", "");
  if (model.empty())
    return error(StatusCode::invalid_argument, "ValueError: 'model' is missing: say model=yolov8n.pt");
  if (!fs::exists(model))
    return error(StatusCode::not_found, "FileNotFoundError: '" + model + "' does not exist");
  const std::string source = a.text("source", "");
  if (source.empty())
    return error(StatusCode::invalid_argument, "ValueError: 'source' is missing: say source=bus.jpg");

  DetectionRequest request;
  request.sources = {source};
  DetectorOptions& o = request.options;
  o.conf = static_cast<float>(a.number("conf", 0.25));
  o.iou = static_cast<float>(a.number("iou", 0.7));
  o.max_det = static_cast<int>(std::clamp(a.number("max_det", 300), 0.0, 100000.0));
  o.agnostic = a.flag("agnostic_nms", false);
  o.rect = a.flag("rect", true);
  for (const int64_t c : a.integers("classes")) o.classes.push_back(static_cast<int>(c));
  HONE_ASSIGN(const ModelKind kind, model_kind(model));
  ShapeRequest shapes;
  HONE_ASSIGN(shapes.imgsz, a.picture_size());
  o.imgsz = shapes.imgsz;
  BuildOptions build_options;
  build_options.level = 0;
  fmt::print("hone {} 🚀 CPU ({})\n", HONE_VERSION, cpu_features().model);
  if (kind != ModelKind::checkpoint) fmt::print("Loading {} for hone inference...\n", model);
  HONE_ASSIGN(const auto engine, open_model(model, shapes, build_options));

  const bool save = a.flag("save", true), save_txt = a.flag("save_txt", false);
  fs::path folder;
  if (save || save_txt) {
    HONE_ASSIGN(folder, run_folder(a));
  }
  if (save_txt) HONE_TRY(make_folder(folder / "labels"));
  if (save) {
    request.save_dir = folder;
    request.saved_name = [](const fs::path& picture) { return picture.stem().string() + ".jpg"; };
  }
  size_t labels = 0;
  request.done = [&](size_t index, size_t count, const PictureResult& result, const auto& names,
                     const DetectTimes& times) -> Result<> {
    if (a.flag("verbose", true))
      fmt::print("{}\n", progress_line(index, count, fs::absolute(result.image), result.detections, names,
                                       times.input_shape, times.inference_ms));
    if (!save_txt) return {};
    labels += !result.detections.boxes.empty();
    return write_labels(folder / "labels", result, a.flag("save_conf", false));
  };
  HONE_ASSIGN(const DetectionSummary s, detect_pictures(engine, request));
  const auto n = static_cast<double>(s.results.size());
  std::string shape;
  for (const int64_t d : s.total.input_shape) shape += (shape.empty() ? "" : ", ") + std::to_string(d);
  fmt::print("Speed: {:.1f}ms preprocess, {:.1f}ms inference, {:.1f}ms postprocess per image at shape ({})\n",
             s.total.preprocess_ms / n, s.total.inference_ms / n, s.total.postprocess_ms / n, shape);
  if (!folder.empty()) fmt::print("Results saved to {}\n", folder.string());
  if (save_txt)
    fmt::print("{} label{} saved to {}\n", labels, labels == 1 ? "" : "s", (folder / "labels").string());
  return {};
}

}  // namespace hone::yolo
