// A model over pictures: what `hone detect`, `yolo predict` and `hone demo` share.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "detect/results.h"
#include "hone/detector.h"
#include "hone/picture.h"

namespace hone {

struct DetectionRequest {
  std::vector<std::string> sources;
  DetectorOptions options;
  std::filesystem::path save_dir;  // empty: nothing is drawn
  // Name of the annotated file in save_dir; empty function: the picture's own name, as .jpg or .png.
  std::function<std::string(const std::filesystem::path&)> saved_name;
  // Called for each picture once it is done, with what is known so far and the picture's own times.
  std::function<Result<>(size_t index, size_t count, const PictureResult&,
                         const std::vector<std::string>& class_names, const DetectTimes&)>
      done;
};

struct DetectionSummary {
  std::vector<PictureResult> results;
  std::vector<std::string> class_names;
  DetectTimes total;  // summed over the pictures; input_shape of the last
  double read_ms = 0, save_ms = 0;
  size_t unreadable = 0;  // pictures of a folder or pattern that could not be read, each with a warning
};

// A single picture that cannot be read is an error; one of several is skipped with a warning, and all of them
// is an error.
Result<DetectionSummary> detect_pictures(std::shared_ptr<const Engine> engine,
                                         const DetectionRequest& request);

// Creates a folder and its parents.
Result<> make_folder(const std::filesystem::path& path);

}  // namespace hone
