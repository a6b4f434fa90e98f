// Letterbox on a GPU: pictures in device memory to the network's input, plain or nhwc.
#include "kernels/cuda/operands.h"
#include "kernels/letterbox/gpu_pictures.h"
#include "kernels/letterbox/letterbox_check.h"

namespace hone {
namespace {

// As letterbox.cu declares it.
struct Params {
  GpuLetterboxOutput out;
  GpuPicture picture;
  int64_t image_stride;
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
  return {letterbox_program("letterbox", p.outputs[0].type)};
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
  p.out = {.data = out.data,
           .images = static_cast<int32_t>(shape[0]),
           .height = g->height,
           .width = g->width,
           .pad_value = static_cast<int32_t>(op.pad_value)};
  for (size_t i = 0; i < 4; ++i) p.out.stride[i] = strides[i];
  p.picture = gpu_picture({.data = static_cast<const uint8_t*>(in.data),
                           .width = static_cast<int>(shape[2]),
                           .height = static_cast<int>(shape[1]),
                           .row_bytes = static_cast<size_t>(shape[2]) * 3,
                           .format = op.bgr ? PixelFormat::bgr : PixelFormat::rgb},
                          *g);
  p.image_stride = in.image_stride;
  call.launch(0, letterbox_launch(p.out), p);
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
