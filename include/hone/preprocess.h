// Pictures to a detector's input and its raw output to boxes: what Detector does around the network, for
// those who run an ExecutionContext themselves. Numbers are Ultralytics' to the bit.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "hone/detections.h"
#include "hone/picture.h"
#include "hone/types.h"

namespace hone {

// Where a picture lies in the network's input.
struct LetterboxGeometry {
  int height = 0, width = 0;                  // of the input
  int resized_height = 0, resized_width = 0;  // of the picture in it
  int top = 0, left = 0;
  bool operator==(const LetterboxGeometry&) const = default;
};

struct LetterboxOptions {
  Shape imgsz = {640, 640};  // {height, width}
  // 0: the input is exactly imgsz. Else padding is cut to its remainder by the stride: the minimal rectangle.
  int rect_stride = 0;
  bool centered = true;  // false: the picture lies in the upper left corner
  bool scale_up = true;  // false: small pictures keep their size
};

Result<LetterboxGeometry> letterbox_geometry(int image_height, int image_width,
                                             const LetterboxOptions& options);

// Resize (OpenCV's bilinear), pad with 114, BGR to RGB, HWC to CHW, divide by 255. Belongs to one thread at a
// time; keeps the tables of the last geometry.
class Letterboxer {
 public:
  explicit Letterboxer(size_t thread_count = 1);  // 0: every usable core
  ~Letterboxer();
  // `target` holds 3 * geometry.height * geometry.width elements of `type`, f32 or f16.
  Result<> run(const ImageView& image, const LetterboxGeometry& geometry, DType type, void* target);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct SelectionOptions {
  float conf = 0.25f;  // a score must be greater
  float iou = 0.7f;    // a box that overlaps a better one of its class by more is dropped
  int max_det = 300;
  bool agnostic = false;     // boxes of different classes drop each other too
  bool multi_label = false;  // an anchor gives a box for each class above conf, not for its best alone
  std::vector<int> classes;  // empty: all
};

// Candidates of one picture's raw output [4 + classes, anchors] (cx, cy, w, h, then scores; f32 or f16),
// non-maximum suppression, best first. Belongs to one thread at a time.
class DetectionSelector {
 public:
  explicit DetectionSelector(size_t thread_count = 1);  // 0: every usable core
  ~DetectionSelector();
  Result<std::vector<Detection>> run(ConstTensor raw, const SelectionOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// From pixels of a letterboxed input {height, width} to pixels of the picture, clamped to it
// (Ultralytics 8.4's formula).
void scale_boxes(std::span<Detection> boxes, int input_height, int input_width, int image_height,
                 int image_width);

}  // namespace hone
