// The head in vectors of anchors: reads the convolutions' blocked layouts as they are, writes plain rows.
#include <algorithm>

#include "base/cpu_features.h"
#include "kernels/decode/decode.h"

namespace hone {
namespace {

// Anchors a task decodes: 80 classes of them fit a second-level cache.
constexpr int64_t kStretch = 512;

DecodeFunction best_function() {
#if defined(__x86_64__)
  if (cpu_features().avx512) return kDecodeAvx512;
  if (cpu_features().avx2_fma) return kDecodeAvx2;
#endif
  return kDecodeBaseline;
}

struct Level {
  int64_t plane = 0, offset = 0;  // anchors; those of the levels before
  float stride = 0;
  std::vector<float> centre_x, centre_y;
};
struct Stretch {
  size_t level = 0;
  int64_t begin = 0, end = 0;
};

class DecodeRunner final : public Runner {
 public:
  explicit DecodeRunner(const Problem& problem)
      : op_(std::get<DecodeBoxes>(problem.op)), function_(best_function()) {
    int64_t offset = 0;
    for (size_t i = 0; i < static_cast<size_t>(op_.levels); ++i) {
      const Shape& shape = problem.inputs[i].shape;
      Level level{.plane = shape[2] * shape[3],
                  .offset = offset,
                  .stride = op_.strides[i],
                  .centre_x = {},
                  .centre_y = {}};
      for (int64_t a = 0; a < level.plane; ++a) {
        level.centre_x.push_back(static_cast<float>(a % shape[3]) + 0.5f);
        level.centre_y.push_back(static_cast<float>(a / shape[3]) + 0.5f);
      }
      for (int64_t a = 0; a < level.plane; a += kStretch)
        stretches_.push_back({.level = i, .begin = a, .end = std::min(a + kStretch, level.plane)});
      offset += level.plane;
      levels_.push_back(std::move(level));
    }
  }

  void run(const RunArgs& args) noexcept override {
    const TensorArg& out = args.outputs[0];
    const auto batch = static_cast<size_t>(out.desc->shape[0]);
    const int64_t anchors = out.desc->shape[2];
    args.threads->run(batch * stretches_.size(), [&](size_t task) {
      const auto n = static_cast<int64_t>(task / stretches_.size());
      const Stretch& stretch = stretches_[task % stretches_.size()];
      const Level& level = levels_[stretch.level];
      const TensorArg &box = args.inputs[stretch.level], &cls = args.inputs[levels_.size() + stretch.level];
      function_({.boxes = static_cast<const float*>(box.data) + n * box.image_stride,
                 .classes = static_cast<const float*>(cls.data) + n * cls.image_stride,
                 .centre_x = level.centre_x.data(),
                 .centre_y = level.centre_y.data(),
                 .out = static_cast<float*>(out.data) + n * out.image_stride + level.offset,
                 .out_step = anchors,
                 .plane = level.plane,
                 .block = channel_block(box.desc->layout),
                 .reg_max = op_.reg_max,
                 .class_count = cls.desc->shape[1],
                 .stride = level.stride,
                 .xyxy = op_.xyxy,
                 .begin = stretch.begin,
                 .end = stretch.end});
    });
  }

 private:
  DecodeBoxes op_;
  DecodeFunction function_;
  std::vector<Level> levels_;
  std::vector<Stretch> stretches_;
};

class DecodeCpu final : public Kernel {
 public:
  std::string_view name() const override { return "decode.cpu"; }
  std::string_view op() const override { return DecodeBoxes::name; }

  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc> outputs) const override {
    std::vector<LayoutSignature> all;
    for (Layout layout : {Layout::nchw8c, Layout::nchw16c, Layout::plain})
      all.push_back({.inputs = std::vector<Layout>(inputs.size(), layout),
                     .outputs = std::vector<Layout>(outputs.size(), Layout::plain)});
    if (cpu_features().avx512) std::swap(all[0], all[1]);
    return all;
  }
  Verdict may_i(const Problem& problem) const override {
    if (std::string why = check_decode(problem); !why.empty()) return Verdict::no(std::move(why));
    if (problem.inputs[0].type != DType::f32 || problem.outputs[0].type != DType::f32)
      return Verdict::no("takes f32 alone");
    const Layout layout = problem.inputs[0].layout;
    if (layout == Layout::nhwc || problem.outputs[0].layout != Layout::plain)
      return Verdict::no("takes plain or blocked inputs and gives a plain output");
    for (const TensorDesc& in : problem.inputs)
      if (in.layout != layout) return Verdict::no("takes inputs of one layout");
    const Shape& out = problem.outputs[0].shape;
    const auto exponentials =
        static_cast<double>(out[0] * out[2] * (out[1] - 4 + 4 * std::get<DecodeBoxes>(problem.op).reg_max));
    return {
        .legal = true,
        .reason = {},
        .estimated_ms = exponentials * 1e-6 / static_cast<double>(std::max<size_t>(problem.thread_count, 1)),
        .image_stride = true};
  }
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem, std::span<const std::byte>) const override {
    return std::make_unique<DecodeRunner>(problem);
  }
};

}  // namespace

const Kernel& decode_cpu() {
  static const DecodeCpu kernel;
  return kernel;
}

}  // namespace hone
