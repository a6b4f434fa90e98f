// TopK, NonZero and NonMaxSuppression of ONNX on a GPU.
#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.image_stride = false});
}

cuda::Program program(const Problem& p, const char* entry) {
  const DType type = p.inputs[0].type;
  return cuda_program(entry, {cuda_text::sorted_cuh, cuda_text::index_cu},
                      {define("TYPE", cuda_element(type)), define("COMPUTE", cuda_real(type)),
                       define("MOVE", cuda_mover(type))});
}

// --- TopK ---

struct TopKParams {
  const void* x;
  void *values, *indices, *keys;
  int64_t rows, length, k, inner;
  int32_t largest;
};
bool sorts(DType type) { return dtype_bits(type) <= 32; }
unsigned sorting_blocks(const GpuTraits& gpu, int64_t rows) {
  return static_cast<unsigned>(std::clamp<int64_t>(rows, 1, 2 * std::max(gpu.multiprocessors, 1)));
}
Verdict check_top_k(const Problem& p) {
  Verdict verdict = check(p);
  if (!verdict.legal || !sorts(p.inputs[0].type)) return verdict;
  const std::span in(p.inputs[0].shape);
  const int64_t length = in[normal_axis(std::get<TopK>(p.op).axis, in.size())];
  if (length >= (int64_t{1} << 31)) return Verdict::no("has rows of 2^31 elements or more");
  const int64_t rows = length > 0 ? product(in) / length : 0;
  verdict.workspace_bytes =
      sorting_blocks(*p.device->gpu(), rows) * static_cast<size_t>(length) * sizeof(uint64_t);
  return verdict;
}
std::vector<cuda::Program> top_k_programs(const Problem& p) {
  return {program(p, sorts(p.inputs[0].type) ? "top_k_sorted" : "top_k")};
}
void enqueue_top_k(const CudaCall& call) {
  const auto& top = std::get<TopK>(call.op);
  const std::span in(input(call, 0).desc->shape);
  const size_t axis = normal_axis(top.axis, in.size());
  TopKParams p{.x = input(call, 0).data,
               .values = output(call, 0).data,
               .indices = output(call, 1).data,
               .keys = call.args.workspace,
               .rows = 0,
               .length = in[axis],
               .k = output(call, 0).desc->shape[axis],
               .inner = product(in.subspan(axis + 1)),
               .largest = top.largest};
  p.rows = product(in.first(axis)) * p.inner;
  if (p.rows * p.length == 0 || p.k == 0) return;
  if (!sorts(input(call, 0).desc->type)) return call.launch(0, cover(call, p.rows * p.length), p);
  cuda::LaunchShape shape;
  shape.grid[0] = sorting_blocks(*call.device.gpu(), p.rows);
  shape.block[0] = 1024;
  call.launch(0, shape, p);
}

// --- NonZero ---

struct NonZeroParams {
  const void* x;
  void* places;
  int64_t count, capacity;
  int32_t rank;
  int64_t extent[kMaxRank];
};
std::vector<cuda::Program> non_zero_programs(const Problem& p) { return {program(p, "non_zero")}; }
void enqueue_non_zero(const CudaCall& call) {
  const Shape& in = input(call, 0).desc->shape;
  NonZeroParams p{.x = input(call, 0).data,
                  .places = output(call).data,
                  .count = product(in),
                  .capacity = output(call).desc->shape[1],
                  .rank = static_cast<int32_t>(in.size()),
                  .extent = {}};
  for (size_t i = 0; i < in.size(); ++i) p.extent[i] = in[i];
  cuda::LaunchShape shape;
  shape.block[0] = 1024;
  call.launch(0, shape, p);
}

// --- NonMaxSuppression ---

struct NmsParams {
  const void *boxes, *scores, *most, *iou, *score;
  void *rows, *workspace;
  int64_t job_bytes, capacity;
  int32_t jobs, classes, count, center;
};
// Keys, and one more number than there are boxes.
size_t job_bytes(const Shape& scores) { return (static_cast<size_t>(scores[2]) * 12 + 4 + 255) / 256 * 256; }
Verdict check_nms(const Problem& p) {
  Verdict verdict = check(p);
  if (!verdict.legal) return verdict;
  const Shape& scores = p.inputs[1].shape;
  if (scores[2] >= (1 << 30)) return Verdict::no("has too many boxes");
  verdict.workspace_bytes = static_cast<size_t>(scores[0] * scores[1]) * job_bytes(scores);
  return verdict;
}
std::vector<cuda::Program> nms_programs(const Problem&) {
  return {cuda_program("accept_boxes", {cuda_text::sorted_cuh, cuda_text::onnx_nms_cu}, {}),
          cuda_program("number_rows", {cuda_text::sorted_cuh, cuda_text::onnx_nms_cu}, {})};
}
void enqueue_nms(const CudaCall& call) {
  const Shape& scores = input(call, 1).desc->shape;
  const auto data = [&](size_t i) { return has_input(call, i) ? input(call, i).data : nullptr; };
  const NmsParams p{.boxes = data(0),
                    .scores = data(1),
                    .most = data(2),
                    .iou = data(3),
                    .score = data(4),
                    .rows = output(call).data,
                    .workspace = call.args.workspace,
                    .job_bytes = static_cast<int64_t>(job_bytes(scores)),
                    .capacity = output(call).desc->shape[0],
                    .jobs = static_cast<int32_t>(scores[0] * scores[1]),
                    .classes = static_cast<int32_t>(scores[1]),
                    .count = static_cast<int32_t>(scores[2]),
                    .center = std::get<NonMaxSuppression>(call.op).center_point_box};
  cuda::LaunchShape jobs, rows;
  jobs.grid[0] = static_cast<unsigned>(p.jobs);
  jobs.block[0] = rows.block[0] = 512;
  if (p.jobs > 0) call.launch(0, jobs, p);
  call.launch(1, rows, p);
}

}  // namespace

const Kernel& top_k_cuda() {
  static const CudaKernel kernel("top_k.cuda", TopK::name, check_top_k, top_k_programs, enqueue_top_k);
  return kernel;
}
const Kernel& non_zero_cuda() {
  static const CudaKernel kernel("non_zero.cuda", NonZero::name, check, non_zero_programs, enqueue_non_zero);
  return kernel;
}
const Kernel& non_max_suppression_cuda() {
  static const CudaKernel kernel("non_max_suppression.cuda", NonMaxSuppression::name, check_nms, nms_programs,
                                 enqueue_nms);
  return kernel;
}

}  // namespace hone
