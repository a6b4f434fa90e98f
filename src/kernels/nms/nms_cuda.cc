// DetectionNms on a GPU: the boxes of the reference, in its order.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/float16.h"
#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/nms/nms.h"

namespace hone {
namespace {

constexpr int64_t kAllowedWords = 128, kAnchorsOfSegment = 32;
// Of nms.cu's Shared, rounded up.
constexpr unsigned kSelectSharedBytes = 64 << 10;

// As nms.cu declares it.
struct Params {
  const void* raw;
  void *rows, *counts, *workspace;
  int64_t raw_image, rows_image, counts_image, workspace_image;
  int32_t classes, extra, anchors, max_det, agnostic;
  float conf, iou;
  int32_t restricted;
  uint32_t allowed[kAllowedWords];
};

int64_t segments_of(int64_t anchors) {
  return std::max<int64_t>(1, (anchors + kAnchorsOfSegment - 1) / kAnchorsOfSegment);
}

size_t picture_bytes(const NmsSettings& s) {
  const int64_t segments = segments_of(s.anchors);
  const int64_t room = kAnchorsOfSegment * (s.multi_label ? s.classes : 1);
  const auto bytes = static_cast<size_t>(8 * segments * room + 4 * (5 * s.max_det + segments));
  return (bytes + 255) / 256 * 256;
}

Verdict check(const Problem& p) {
  if (std::string why = check_nms(p); !why.empty()) return Verdict::no(std::move(why));
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  const NmsSettings s = nms_settings(std::get<DetectionNms>(p.op), p.inputs[0]);
  if (!s.allowed.empty() && s.classes > 32 * kAllowedWords)
    return Verdict::no("chooses among up to 4096 classes");
  return cuda_yes(p, {.workspace_bytes = static_cast<size_t>(p.inputs[0].shape[0]) * picture_bytes(s)});
}

std::vector<cuda::Program> programs(const Problem& p) {
  const auto& op = std::get<DetectionNms>(p.op);
  const DType type = p.inputs[0].type;
  const std::vector<std::string> options = {define("TYPE", cuda_element(type)),
                                            define("HALF", type == DType::f16 ? 1 : 0),
                                            define("MULTI_LABEL", op.multi_label ? 1 : 0)};
  std::vector<cuda::Program> both;
  for (const char* entry : {"candidates", "select"})
    both.push_back(cuda_program(entry, {cuda_text::sorted_cuh, cuda_text::nms_cu}, options));
  return both;
}

// x > value is x > this for every float x.
float round_down(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) > value
             ? std::nextafter(nearest, -std::numeric_limits<float>::infinity())
             : nearest;
}

void enqueue(const CudaCall& call) {
  const auto& op = std::get<DetectionNms>(call.op);
  const TensorArg &raw = input(call, 0), &rows = output(call, 0), &counts = output(call, 1);
  const int64_t classes = raw.desc->shape[1] - 4 - op.extra;
  Params p{};
  p.raw = raw.data, p.rows = rows.data, p.counts = counts.data, p.workspace = call.args.workspace;
  p.raw_image = raw.image_stride, p.rows_image = rows.image_stride, p.counts_image = counts.image_stride;
  p.classes = static_cast<int32_t>(classes), p.extra = static_cast<int32_t>(op.extra);
  p.anchors = static_cast<int32_t>(raw.desc->shape[2]), p.max_det = static_cast<int32_t>(op.max_det);
  NmsSettings sizes{.classes = classes, .anchors = raw.desc->shape[2], .max_det = op.max_det};
  sizes.multi_label = op.multi_label;
  p.workspace_image = static_cast<int64_t>(picture_bytes(sizes));
  p.agnostic = op.agnostic;
  p.conf = raw.desc->type == DType::f16 ? f16_to_f32(f32_to_f16(op.conf)) : op.conf;
  p.iou = round_down(typed_threshold(op.iou));
  p.restricted = !op.classes.empty();
  for (const int64_t c : op.classes)
    if (c >= 0 && c < classes) p.allowed[c / 32] |= 1u << (c % 32);
  const auto pictures = static_cast<unsigned>(raw.desc->shape[0]);
  if (pictures == 0) return;
  cuda::LaunchShape candidates, select;
  candidates.grid[0] = static_cast<unsigned>(segments_of(raw.desc->shape[2]));
  candidates.grid[1] = pictures;
  candidates.block[0] = 256;
  select.grid[0] = pictures;
  select.block[0] = 1024;
  select.shared_bytes = kSelectSharedBytes;
  call.launch(0, candidates, p);
  call.launch(1, select, p);
}

}  // namespace

const Kernel& nms_cuda() {
  static const CudaKernel kernel("nms.cuda", DetectionNms::name, check, programs, enqueue);
  return kernel;
}

}  // namespace hone
