#include <algorithm>
#include <charconv>

#include "base/cpu_features.h"
#include "kernels/nms/nms.h"
#include "kernels/reference_kernel.h"

namespace hone {

double typed_threshold(float value) {
  char text[64];
  const auto written = std::to_chars(std::begin(text), std::end(text), value);
  double exact = value;
  std::from_chars(text, written.ptr, exact);
  return exact;
}

NmsSettings nms_settings(const DetectionNms& op, const TensorDesc& raw) {
  NmsSettings s{.classes = raw.shape[1] - 4 - op.extra,
                .extra = op.extra,
                .anchors = raw.shape[2],
                .conf = op.conf,
                .iou = typed_threshold(op.iou),
                .max_det = op.max_det,
                .agnostic = op.agnostic,
                .multi_label = op.multi_label,
                .half = raw.type == DType::f16,
                .allowed = {}};
  if (!op.classes.empty()) {
    s.allowed.resize(static_cast<size_t>(s.classes), 0);
    for (int64_t c : op.classes)
      if (c >= 0 && c < s.classes) s.allowed[static_cast<size_t>(c)] = 1;
  }
  return s;
}

std::string check_nms(const Problem& problem) {
  if (std::string why = check_arity(problem, 1, 1, 2); !why.empty()) return why;
  const auto& op = std::get<DetectionNms>(problem.op);
  const TensorDesc &raw = problem.inputs[0], &rows = problem.outputs[0], &count = problem.outputs[1];
  if (op.max_det < 1 || op.max_det > (1 << 20))
    return "max_det is " + std::to_string(op.max_det) + ", wanted is 1 to 1048576";
  if (op.extra < 0 || op.extra > (1 << 20)) return "extra is " + std::to_string(op.extra);
  if ((raw.type != DType::f32 && raw.type != DType::f16) || raw.shape.size() != 3 ||
      raw.shape[1] < 5 + op.extra)
    return "input is " + desc_text(raw) + ", wanted is [N, 4 + classes + " + std::to_string(op.extra) +
           ", anchors]";
  if (raw.shape[2] > (1 << 24) || raw.shape[1] > (1 << 20) ||
      raw.shape[1] * raw.shape[2] > (int64_t{1} << 32))
    return "input is too large: " + desc_text(raw);
  if (rows.type != DType::f32 || rows.shape != Shape{raw.shape[0], op.max_det, 6 + op.extra})
    return "rows are " + desc_text(rows);
  if (count.type != DType::i32 || count.shape != Shape{raw.shape[0]}) return "count is " + desc_text(count);
  return {};
}

BestScores best_scores_function() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return kBestScoresAvx512;
  if (cpu_features().avx2_fma) return kBestScoresAvx2;
#endif
  return kBestScoresBaseline;
}

}  // namespace hone
