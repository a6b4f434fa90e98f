// Non-maximum suppression as the field does it: what is asked, and its steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hone/preprocess.h"
#include "kernels/kernel.h"

namespace hone {

// More candidates than this are cut to the best ones before suppression (Ultralytics' max_nms).
inline constexpr size_t kMaxCandidates = 30000;
// Classes are kept apart by moving their boxes this far (Ultralytics' max_wh).
inline constexpr float kClassOffsetPx = 7680.0f;

struct NmsSettings {
  int64_t classes = 0, extra = 0, anchors = 0;
  float conf = 0.25f;
  double iou = 0.7;
  int64_t max_det = 300;
  bool agnostic = false, multi_label = false;
  bool half = false;             // the raw output was f16: corners round to it, and so does conf
  std::vector<uint8_t> allowed;  // by class; empty: all
};
// A user types 0.6 and means the double; an attribute holds the nearest float. The shortest decimal that
// gives the float gives the double back.
double typed_threshold(float value);
NmsSettings nms_settings(const DetectionNms& op, const TensorDesc& raw);
// What every kernel of DetectionNms asks of its problem; empty when all is well.
std::string check_nms(const Problem& problem);

struct Candidate {
  float score;
  int32_t anchor, class_id;
};
// A box that stays, in pixels of the input.
struct KeptBox {
  float x1, y1, x2, y2;
  Candidate candidate;
};

// The greatest score of each anchor in [begin, end) of `classes` rows of `anchors` scores; NaN where one of
// them is NaN.
using BestScores = void (*)(const float* scores, int64_t classes, int64_t anchors, int64_t begin, int64_t end,
                            float* best);
extern const BestScores kBestScoresBaseline;
#if defined(__x86_64__)
extern const BestScores kBestScoresAvx2, kBestScoresAvx512;
#endif
BestScores best_scores_function();

// Kept boxes in the form the overlap test reads, moved by their class's offset.
struct KeptColumns {
  float *x1, *y1, *x2, *y2, *area;
};
// Whether one of the first `count` kept boxes overlaps the box by more than `threshold` (IoU).
bool overlaps_kept(const KeptColumns& kept, size_t count, float x1, float y1, float x2, float y2,
                   float threshold);

// Bytes of scratch that select_boxes needs, whatever the scores are.
size_t select_scratch_bytes(const NmsSettings& settings);
// Suppression of one picture. raw: [4 + classes + extra, anchors]; best: one score an anchor; kept: room for
// max_det. Returns how many were kept. Allocates nothing.
size_t select_boxes(const NmsSettings& settings, const float* raw, const float* best, std::byte* scratch,
                    std::span<KeptBox> kept);

}  // namespace hone
