// The public DetectionSelector: scratch and threads that live from picture to picture.
#include <fmt/format.h>

#include <algorithm>

#include "base/float16.h"
#include "base/thread_pool.h"
#include "kernels/nms/nms.h"

namespace hone {

struct DetectionSelector::State {
  explicit State(size_t thread_count) : threads(thread_count) {}

  ThreadPool threads;
  std::vector<float> widened, best;
  std::vector<std::byte> scratch;
  std::vector<KeptBox> kept;
};

DetectionSelector::DetectionSelector(size_t thread_count) : state_(std::make_unique<State>(thread_count)) {}
DetectionSelector::~DetectionSelector() = default;

Result<std::vector<Detection>> DetectionSelector::run(ConstTensor raw, const SelectionOptions& options) {
  const Shape& shape = raw.shape;
  if (shape.size() != 2 || shape[0] < 5 || shape[1] < 1 || shape[1] > (1 << 24) || shape[0] > (1 << 20) ||
      shape[0] * shape[1] > (int64_t{1} << 32))
    return error(StatusCode::invalid_argument,
                 fmt::format("raw detections are {}, wanted is (4 + classes) x anchors", shape_text(shape)));
  if (raw.type != DType::f32 && raw.type != DType::f16)
    return error(StatusCode::unsupported,
                 fmt::format("raw detections are {}, wanted is f32 or f16", dtype_name(raw.type)));
  if (options.max_det < 1 || options.max_det > (1 << 20))
    return error(StatusCode::invalid_argument,
                 fmt::format("max_det is {}, wanted is 1 to 1048576", options.max_det));

  DetectionNms op{.conf = options.conf,
                  .iou = options.iou,
                  .max_det = options.max_det,
                  .extra = 0,
                  .agnostic = options.agnostic,
                  .multi_label = options.multi_label,
                  .classes = Ints(options.classes.begin(), options.classes.end())};
  const NmsSettings settings = nms_settings(op, TensorDesc(raw.type, {1, shape[0], shape[1]}));
  State& s = *state_;
  const auto* values = static_cast<const float*>(raw.data);
  if (raw.type == DType::f16) {
    s.widened.resize(static_cast<size_t>(shape[0] * shape[1]));
    f16_to_f32({static_cast<const uint16_t*>(raw.data), s.widened.size()}, s.widened.data());
    values = s.widened.data();
  }
  s.best.resize(static_cast<size_t>(settings.anchors));
  s.scratch.resize(select_scratch_bytes(settings));
  s.kept.resize(static_cast<size_t>(settings.max_det));
  const BestScores best_scores = best_scores_function();
  s.threads.run_ranges(s.best.size(), [&](size_t begin, size_t end) {
    best_scores(values + 4 * settings.anchors, settings.classes, settings.anchors,
                static_cast<int64_t>(begin), static_cast<int64_t>(end), s.best.data());
  });
  const size_t count = select_boxes(settings, values, s.best.data(), s.scratch.data(), s.kept);
  std::vector<Detection> found;
  for (const KeptBox& box : std::span(s.kept).first(count))
    found.push_back({.box_xyxy_px = {box.x1, box.y1, box.x2, box.y2},
                     .score = box.candidate.score,
                     .class_id = box.candidate.class_id});
  return found;
}

}  // namespace hone
