// What surrounds the network of a detector.
#include "kernels/problems/make_problem.h"

namespace hone {

void detection_problems(ProblemSet set, Problems& out) {
  const bool small = set == ProblemSet::parity;
  const auto letterbox = [&](Shape picture, Letterbox op) {
    MakeProblem(op).input(DType::u8, std::move(picture), 0, 255).add_to(out);
  };
  if (small) {
    letterbox({1, 31, 47, 3}, {.height = 64, .width = 64});
    letterbox({2, 97, 53, 3}, {.height = 64, .width = 96});
    letterbox({1, 40, 40, 3},
              {.height = 64, .width = 64, .centered = false, .scale_up = false, .bgr = false});
    letterbox({1, 64, 64, 3}, {.height = 64, .width = 64});
    letterbox({1, 31, 47, 3}, {.height = 64, .width = 64, .to = DType::f16});
    letterbox({3, 1, 7, 3}, {.height = 33, .width = 31});
    letterbox({2, 113, 1, 3}, {.height = 37, .width = 70, .bgr = false, .pad_value = 0});
    letterbox({1, 200, 333, 3}, {.height = 45, .width = 101, .to = DType::f16});
  } else {
    letterbox({1, 1080, 1920, 3}, {});
  }

  const auto decode = [&](int64_t n, int64_t reg_max, int64_t classes, int64_t side, bool xyxy) {
    MakeProblem make(DecodeBoxes{.levels = 3, .reg_max = reg_max, .strides = {8, 16, 32}, .xyxy = xyxy});
    for (const int64_t channels : {4 * reg_max, classes})
      for (const int64_t s : {side, side / 2, side / 4}) make.input({n, channels, s, s + 1}, -5, 5);
    make.add_to(out);
  };
  if (small) {
    decode(1, 16, 80, 8, false);
    decode(2, 16, 3, 12, true);
    decode(2, 1, 5, 8, false);
  } else {
    decode(1, 16, 80, 80, false);
  }

  const auto nms = [&](Shape predictions, DetectionNms op) {
    MakeProblem(op).input(std::move(predictions), 0, 1).add_to(out, 2);
  };
  if (small) {
    nms({2, 9, 60}, {.conf = 0.5f});
    nms({1, 12, 100}, {.conf = 0.3f, .iou = 0.2f, .max_det = 7, .agnostic = true});
    nms({1, 14, 50}, {.conf = 0.9f, .extra = 2});
    nms({1, 9, 5000}, {.conf = 0.05f, .iou = 0.5f});  // thousands of candidates
    nms({2, 24, 300}, {.conf = 0.4f, .iou = 0.9f, .multi_label = true});
    nms({1, 24, 300}, {.conf = 0.8f, .multi_label = true, .classes = {1, 3, 17}});
    nms({1, 9, 60}, {.conf = 0.5f, .classes = {0, 4}});
    nms({3, 7, 777}, {.conf = 0.2f, .iou = 0.3f});
    nms({2, 5, 33}, {.conf = -1, .iou = 0.95f});
    nms({1, 6, 2600}, {.conf = 0.1f, .iou = 0.6f, .max_det = 2000});         // more kept than a tile has
    nms({1, 44, 1500}, {.conf = 0.001f, .iou = 0.7f, .multi_label = true});  // more than 30000 candidates
  } else {
    nms({1, 84, 8400}, {.conf = 0.9996f});  // some 200 candidates, as pictures have
    nms({1, 5, 8400}, {.conf = 0.96f});     // some 340, in each other's way
    nms({1, 84, 8400}, {.conf = 0.95f});    // nearly every anchor
    nms({1, 84, 8400}, {.conf = 0.001f, .multi_label = true});
  }
}

}  // namespace hone
