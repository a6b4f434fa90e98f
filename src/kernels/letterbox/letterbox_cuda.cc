// Letterbox on a GPU: pictures in device memory to the network's input, plain or nhwc.
#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/letterbox/letterbox_check.h"

namespace hone {
namespace {

// As letterbox.cu declares it.
struct Params {
  const void* image;
  void* out;
  int64_t image_stride, out_stride[4];
  double scale_x, scale_y;
  int32_t images, image_height, image_width, height, width, top, left, resized_height, resized_width,
      pad_value, bgr;
};

Verdict check(const Problem& p) {
  std::vector<TensorDesc> outputs(p.outputs.begin(), p.outputs.end());
  for (TensorDesc& desc : outputs) desc.layout = Layout::plain;
  Problem plain = p;
  plain.outputs = outputs;
  if (std::string why = check_letterbox(plain); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p);
}

std::vector<cuda::Program> programs(const Problem& p) {
  return {
      cuda_program("letterbox", {cuda_text::letterbox_cu}, {define("OUT", cuda_element(p.outputs[0].type))})};
}

void enqueue(const CudaCall& call) {
  const auto& op = std::get<Letterbox>(call.op);
  const TensorArg &in = input(call, 0), &out = output(call);
  const Shape& shape = in.desc->shape;
  const auto g =
      letterbox_geometry(static_cast<int>(shape[1]), static_cast<int>(shape[2]), letterbox_options(op));
  if (!g || shape[0] == 0) return;  // check() asked
  const Dims strides = cuda_strides(out);
  Params p{};
  p.image = in.data, p.out = out.data;
  p.image_stride = in.image_stride;
  for (size_t i = 0; i < 4; ++i) p.out_stride[i] = strides[i];
  p.images = static_cast<int32_t>(shape[0]);
  p.image_height = static_cast<int32_t>(shape[1]), p.image_width = static_cast<int32_t>(shape[2]);
  p.height = g->height, p.width = g->width, p.top = g->top, p.left = g->left;
  p.resized_height = g->resized_height, p.resized_width = g->resized_width;
  // OpenCV computes the scale as the inverse of an inverse; the last bit matters.
  p.scale_x = 1.0 / (static_cast<double>(g->resized_width) / p.image_width);
  p.scale_y = 1.0 / (static_cast<double>(g->resized_height) / p.image_height);
  p.pad_value = static_cast<int32_t>(op.pad_value), p.bgr = op.bgr;
  cuda::LaunchShape launch;
  launch.grid[0] = static_cast<unsigned>((p.width + 31) / 32);
  launch.grid[1] = static_cast<unsigned>((p.height + 7) / 8);
  launch.grid[2] = static_cast<unsigned>(std::min<int64_t>(shape[0], 65535));
  launch.block[0] = 256;
  call.launch(0, launch, p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc>, std::span<const TensorDesc>) {
  return {{.inputs = {Layout::plain}, .outputs = {Layout::nhwc}},
          {.inputs = {Layout::plain}, .outputs = {Layout::plain}}};
}

}  // namespace

const Kernel& letterbox_cuda() {
  static const CudaKernel kernel("letterbox.cuda", Letterbox::name, check, programs, enqueue, layouts);
  return kernel;
}

}  // namespace hone
