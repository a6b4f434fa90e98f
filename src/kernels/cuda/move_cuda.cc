// Reorders and copies: one kernel between any two of plain and nhwc.
#include "cuda_text.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

struct MoveParams {
  const void* from;
  void* to;
  int64_t from_image, from_channel, from_pixel, to_image, to_channel, to_pixel;
  int images, channels, pixels;
};

bool is_half(DType type) { return type == DType::f16 || type == DType::bf16; }

Verdict check(const Problem& p) {
  if (p.inputs.size() != 1 || p.outputs.size() != 1 || p.inputs[0].shape != p.outputs[0].shape)
    return Verdict::no("has operands that do not fit");
  const DType from = p.inputs[0].type, to = p.outputs[0].type;
  if (cuda_type(from).empty() || cuda_type(to).empty())
    return Verdict::no("has a type that no GPU kernel reads");
  Verdict yes{.legal = true, .image_stride = true};
  yes.estimated_ms = moving_ms(p) * (p.inputs[0].layout == p.outputs[0].layout ? 1 : 2);
  return yes;
}

Verdict check_copy(const Problem& p) {
  const auto* unary = std::get_if<Unary>(&p.op);
  if (unary == nullptr || !unary->function.is_identity()) return Verdict::no("computes something");
  if (p.inputs[0].type != p.outputs[0].type) return Verdict::no("changes the type");
  return check(p);
}

std::vector<cuda::Program> programs(const Problem& p) {
  const DType from = p.inputs[0].type, to = p.outputs[0].type;
  // Copies keep every bit; integers do not go through float.
  const bool exact = from == to || !(is_half(from) || is_half(to));
  return {{.name = "move",
           .source = cuda_source({cuda_text::types_cuh, cuda_text::move_cu}),
           .options = {define("SOURCE", cuda_type(from)), define("TARGET", cuda_type(to)),
                       define("EXACT", exact ? 1 : 0),
                       define("TO_BOOLEAN", to == DType::boolean && from != to ? 1 : 0)},
           .entry = "move"}};
}

void enqueue(const CudaCall& call) {
  const TensorArg &x = call.args.inputs[0], &y = call.args.outputs[0];
  const GpuExtents extents = gpu_extents(*x.desc);
  const GpuTensor from = gpu_tensor(x), to = gpu_tensor(y);
  const MoveParams params{.from = from.data,
                          .to = to.data,
                          .from_image = from.image,
                          .from_channel = from.channel,
                          .from_pixel = from.pixel,
                          .to_image = to.image,
                          .to_channel = to.channel,
                          .to_pixel = to.pixel,
                          .images = extents.images,
                          .channels = extents.channels,
                          .pixels = extents.pixels};
  const int64_t count = int64_t{extents.images} * extents.channels * extents.pixels;
  if (count > 0) call.launch(0, linear_launch(count), params);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  std::vector<LayoutSignature> all = {{.inputs = {Layout::plain}, .outputs = {Layout::plain}}};
  if (inputs.size() != 1 || inputs[0].shape.size() != 4) return all;
  all.push_back({.inputs = {Layout::nhwc}, .outputs = {Layout::nhwc}});
  all.push_back({.inputs = {Layout::plain}, .outputs = {Layout::nhwc}});
  all.push_back({.inputs = {Layout::nhwc}, .outputs = {Layout::plain}});
  return all;
}

}  // namespace

const Kernel& reorder_cuda() {
  static const CudaKernel kernel("reorder.cuda", Unary::name, check_copy, programs, enqueue, layouts);
  return kernel;
}

}  // namespace hone
