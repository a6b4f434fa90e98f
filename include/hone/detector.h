// Pictures in, boxes out.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hone/detections.h"
#include "hone/engine.h"
#include "hone/picture.h"

namespace hone {

struct DetectorOptions {
  Shape imgsz;  // {height, width}; empty: the model's own
  bool rect =
      true;  // pad to the next multiple of the stride instead of to imgsz, where the engine is dynamic
  float conf = 0.25f, iou = 0.7f;
  int max_det = 300;
  bool agnostic = false;
  std::vector<int> classes;     // empty: all
  std::string device = "auto";  // see ContextOptions
  size_t thread_count = 0;
};

// Where the time of the last detect() went, milliseconds for the whole batch. On a GPU all is one launch:
// inference_ms is the way from pictures in host memory to boxes in host memory, the others are zero.
struct DetectTimes {
  double preprocess_ms = 0, inference_ms = 0, postprocess_ms = 0;
  Shape input_shape;
};

// Letterbox, network, decode and NMS, on the GPU where the engine runs on one. Belongs to one thread at a
// time.
class Detector {
 public:
  static Result<std::unique_ptr<Detector>> create(std::shared_ptr<const Engine> engine,
                                                  DetectorOptions options = {});
  ~Detector();

  Result<Detections> detect(const ImageView& image);
  // A batch; pictures of unequal shapes are letterboxed to the same full imgsz.
  Result<std::vector<Detections>> detect(std::span<const ImageView> images);

  // Memory for pictures from which they travel fastest: page-locked where a GPU computes. Detectors also read
  // pictures elsewhere, one on a GPU those in its own memory too.
  Result<std::shared_ptr<std::byte>> host_memory(size_t size_bytes);

  const std::vector<std::string>& class_names() const;
  const DetectTimes& times() const;
  // Where the network runs: "cpu", "cuda:0".
  std::string device() const;

 private:
  struct State;
  explicit Detector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone
