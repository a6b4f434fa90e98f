#include "hone/detection.h"

#include <chrono>

#include "base/log.h"
#include "detect/sources.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// PNG stays PNG, everything else becomes JPEG.
std::string annotated_name(const std::filesystem::path& picture) {
  return picture.stem().string() + (picture.extension() == ".png" ? ".png" : ".jpg");
}

}  // namespace

Result<> make_folder(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure)
    return error(StatusCode::resource,
                 "cannot create the folder " + path.string() + ": " + failure.message());
  return {};
}

Result<DetectionSummary> detect_pictures(std::shared_ptr<const Engine> engine,
                                         const DetectionRequest& request) {
  HONE_ASSIGN(const auto pictures, find_pictures(request.sources));
  HONE_ASSIGN(const auto detector, Detector::create(std::move(engine), request.options));
  if (!request.save_dir.empty()) HONE_TRY(make_folder(request.save_dir));
  DetectionSummary summary;
  summary.class_names = detector->class_names();
  std::map<std::string, size_t> used;  // two pictures of one name get different files
  for (size_t i = 0; i < pictures.size(); ++i) {
    auto start = Clock::now();
    auto picture = read_picture(pictures[i]);
    if (!picture && pictures.size() == 1) return std::unexpected(picture.error());
    if (!picture) {
      log_warning(picture.error().message + "; skipped");
      ++summary.unreadable;
      continue;
    }
    summary.read_ms += ms_since(start);
    auto found = detector->detect(picture->view());
    if (!found) return error_in(pictures[i].string(), found);
    const DetectTimes& times = detector->times();
    summary.total.preprocess_ms += times.preprocess_ms;
    summary.total.inference_ms += times.inference_ms;
    summary.total.postprocess_ms += times.postprocess_ms;
    summary.total.input_shape = times.input_shape;
    PictureResult result{pictures[i].string(), std::move(*found)};
    if (!request.save_dir.empty()) {
      start = Clock::now();
      draw_detections(*picture, result.detections, summary.class_names);
      std::filesystem::path name =
          request.saved_name ? request.saved_name(pictures[i]) : annotated_name(pictures[i]);
      if (const size_t times_used = used[name.string()]++; times_used > 0)
        name = name.stem().string() + "-" + std::to_string(times_used + 1) + name.extension().string();
      HONE_TRY(write_picture(request.save_dir / name, picture->view()));
      summary.save_ms += ms_since(start);
    }
    if (request.done) HONE_TRY(request.done(i, pictures.size(), result, summary.class_names, times));
    summary.results.push_back(std::move(result));
  }
  if (summary.results.empty()) return error(StatusCode::invalid_file, "none of the pictures could be read");
  return summary;
}

}  // namespace hone
