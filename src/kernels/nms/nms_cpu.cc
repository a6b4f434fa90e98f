// Two passes: the best score of every anchor, in vectors along the class rows; then the few candidates, one
// picture a thread.
#include <algorithm>

#include "kernels/nms/nms.h"

namespace hone {
namespace {

constexpr int64_t kStretch = 1024;  // anchors a task of the first pass looks at

size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

struct PictureScratch {
  size_t best = 0, select = 0, kept = 0, total = 0;
  explicit PictureScratch(const NmsSettings& s) {
    select = padded(static_cast<size_t>(s.anchors) * sizeof(float));
    kept = select + padded(select_scratch_bytes(s));
    total = kept + padded(static_cast<size_t>(s.max_det) * sizeof(KeptBox));
  }
};

class NmsRunner final : public Runner {
 public:
  explicit NmsRunner(NmsSettings settings)
      : settings_(std::move(settings)), scratch_(settings_), best_scores_(best_scores_function()) {}

  void run(const RunArgs& args) noexcept override {
    const TensorArg& in = args.inputs[0];
    const auto batch = static_cast<size_t>(in.desc->shape[0]);
    const auto raw_of = [&](size_t n) {
      return static_cast<const float*>(in.data) + static_cast<int64_t>(n) * in.image_stride;
    };
    const auto best_of = [&](size_t n) {
      return reinterpret_cast<float*>(args.workspace + n * scratch_.total + scratch_.best);
    };
    const auto stretches = static_cast<size_t>((settings_.anchors + kStretch - 1) / kStretch);
    args.threads->run(batch * stretches, [&](size_t task) {
      const size_t n = task / stretches;
      const auto begin = static_cast<int64_t>(task % stretches) * kStretch;
      best_scores_(raw_of(n) + 4 * settings_.anchors, settings_.classes, settings_.anchors, begin,
                   std::min(begin + kStretch, settings_.anchors), best_of(n));
    });
    args.threads->run(batch, [&](size_t n) {
      std::byte* scratch = args.workspace + n * scratch_.total;
      const std::span kept(reinterpret_cast<KeptBox*>(scratch + scratch_.kept),
                           static_cast<size_t>(settings_.max_det));
      const size_t count = select_boxes(settings_, raw_of(n), best_of(n), scratch + scratch_.select, kept);
      const TensorArg &rows = args.outputs[0], &counts = args.outputs[1];
      write(raw_of(n), kept.first(count),
            static_cast<float*>(rows.data) + static_cast<int64_t>(n) * rows.image_stride);
      static_cast<int32_t*>(counts.data)[static_cast<int64_t>(n) * counts.image_stride] =
          static_cast<int32_t>(count);
    });
  }

 private:
  void write(const float* raw, std::span<const KeptBox> kept, float* out) const {
    const int64_t width = 6 + settings_.extra;
    for (const KeptBox& box : kept) {
      const float values[] = {
          box.x1, box.y1, box.x2, box.y2, box.candidate.score, static_cast<float>(box.candidate.class_id)};
      std::copy(std::begin(values), std::end(values), out);
      for (int64_t e = 0; e < settings_.extra; ++e)
        out[6 + e] = raw[(4 + settings_.classes + e) * settings_.anchors + box.candidate.anchor];
      out += width;
    }
    std::fill_n(out, (settings_.max_det - static_cast<int64_t>(kept.size())) * width, 0.0f);
  }

  NmsSettings settings_;
  PictureScratch scratch_;
  BestScores best_scores_;
};

class NmsCpu final : public Kernel {
 public:
  std::string_view name() const override { return "nms.cpu"; }
  std::string_view op() const override { return DetectionNms::name; }

  Verdict may_i(const Problem& problem) const override {
    if (std::string why = check_nms(problem); !why.empty()) return Verdict::no(std::move(why));
    const TensorDesc& raw = problem.inputs[0];
    if (raw.type != DType::f32) return Verdict::no("takes f32 alone");
    if (raw.layout != Layout::plain) return Verdict::no("takes plain layouts alone");
    const NmsSettings settings = nms_settings(std::get<DetectionNms>(problem.op), raw);
    return {.legal = true,
            .reason = {},
            .workspace_bytes = static_cast<size_t>(raw.shape[0]) * PictureScratch(settings).total,
            .estimated_ms = static_cast<double>(raw.shape[0] * raw.shape[1] * raw.shape[2]) * 0.5e-6,
            .image_stride = true};
  }
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem, std::span<const std::byte>) const override {
    return std::make_unique<NmsRunner>(nms_settings(std::get<DetectionNms>(problem.op), problem.inputs[0]));
  }
};

}  // namespace

const Kernel& nms_cpu() {
  static const NmsCpu kernel;
  return kernel;
}

}  // namespace hone
