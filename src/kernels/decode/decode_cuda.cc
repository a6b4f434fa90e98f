// DecodeBoxes on a GPU: every level in one launch, from maps of any floating type and layout, also channel
// slices.
#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/decode/decode.h"

namespace hone {
namespace {

constexpr int64_t kLevels = 8, kAnchorsPerBlock = 32;

// As decode.cu declares them.
struct Map {
  const void* data;
  int64_t image, channel, pixel;
};
struct Params {
  Map boxes[kLevels], classes[kLevels];
  int32_t width[kLevels], anchors[kLevels], first_anchor[kLevels], first_block[kLevels];
  float stride[kLevels];
  void* out;
  int64_t out_image, out_channel;
  int32_t levels, class_count, vector;
};

Verdict check(const Problem& p) {
  const auto& op = std::get<DecodeBoxes>(p.op);
  if (std::string why = check_decode(p); !why.empty()) return Verdict::no(std::move(why));
  if (op.levels > kLevels) return Verdict::no("takes up to 8 levels");
  if (p.inputs[0].type == DType::f64 || p.outputs[0].type == DType::f64)
    return Verdict::no("does not take f64");
  if (p.outputs[0].layout != Layout::plain) return Verdict::no("gives a plain tensor");
  for (const TensorDesc& desc : p.inputs)
    if (desc.layout != p.inputs[0].layout) return Verdict::no("wants maps of one layout");
  return cuda_yes(p);
}

std::vector<cuda::Program> programs(const Problem& p) {
  const auto& op = std::get<DecodeBoxes>(p.op);
  return {cuda_program(
      "decode", {cuda_text::decode_cu},
      {define("TYPE", cuda_element(p.inputs[0].type)), define("OUT", cuda_element(p.outputs[0].type)),
       define("REG_MAX", op.reg_max), define("XYXY", op.xyxy ? 1 : 0)})};
}

// Eight channels of a pixel are one aligned access.
bool has_vectors(const TensorArg& arg) {
  const size_t bytes = std::min<size_t>(16, dtype_bits(arg.desc->type));
  return arg.desc->layout == Layout::nhwc && reinterpret_cast<uintptr_t>(arg.data) % bytes == 0 &&
         arg.image_stride % 8 == 0;
}

void enqueue(const CudaCall& call) {
  const auto& op = std::get<DecodeBoxes>(call.op);
  const auto levels = static_cast<size_t>(op.levels);
  const TensorArg& out = output(call);
  Params p{};
  p.levels = static_cast<int32_t>(levels);
  p.class_count = static_cast<int32_t>(out.desc->shape[1] - 4);
  p.out = out.data;
  p.out_image = out.image_stride;
  p.out_channel = out.desc->shape[2];
  p.vector = 1;
  int32_t anchors = 0, blocks = 0;
  for (size_t i = 0; i < levels; ++i) {
    const TensorArg &box = input(call, i), &cls = input(call, levels + i);
    const GpuTensor b = gpu_tensor(box), c = gpu_tensor(cls);
    p.boxes[i] = {b.data, b.image, b.channel, b.pixel};
    p.classes[i] = {c.data, c.image, c.channel, c.pixel};
    p.vector = p.vector && has_vectors(box) && has_vectors(cls);
    p.width[i] = static_cast<int32_t>(box.desc->shape[3]);
    p.anchors[i] = static_cast<int32_t>(box.desc->shape[2] * box.desc->shape[3]);
    p.stride[i] = op.strides[i];
    p.first_anchor[i] = anchors, p.first_block[i] = blocks;
    anchors += p.anchors[i];
    blocks += static_cast<int32_t>((p.anchors[i] + kAnchorsPerBlock - 1) / kAnchorsPerBlock);
  }
  cuda::LaunchShape shape;
  shape.grid[0] = static_cast<unsigned>(blocks);
  shape.grid[1] = static_cast<unsigned>(out.desc->shape[0]);
  shape.block[0] = 256;
  if (blocks > 0 && shape.grid[1] > 0) call.launch(0, shape, p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  return {{.inputs = std::vector<Layout>(inputs.size(), Layout::nhwc), .outputs = {Layout::plain}},
          {.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {Layout::plain}}};
}

}  // namespace

const Kernel& decode_cuda() {
  static const CudaKernel kernel("decode.cuda", DecodeBoxes::name, check, programs, enqueue, layouts);
  return kernel;
}

}  // namespace hone
