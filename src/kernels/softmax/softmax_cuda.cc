// Softmax and LogSoftmax on a GPU: one block a row, any axis and layout.
#include "cuda_text.h"
#include "kernels/cuda/cuda_rows.h"

namespace hone {
namespace {

// As softmax.cu declares it.
struct Params {
  CudaRows rows;
  const void* x;
  void* y;
};

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.in_place = p.inputs[0].layout == p.outputs[0].layout});
}

std::vector<cuda::Program> programs(const Problem& p) {
  const DType type = p.inputs[0].type;
  return {cuda_program("softmax", {cuda_text::rows_cuh, cuda_text::softmax_cu},
                       {define("TYPE", cuda_element(type)), define("COMPUTE", cuda_real(type)),
                        define("LOG", std::get<Softmax>(p.op).log ? 1 : 0)})};
}

void enqueue(const CudaCall& call) {
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape& shape = x.desc->shape;
  const size_t axis = normal_axis(std::get<Softmax>(call.op).axis, shape.size());
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  Params p{.rows = {}, .x = x.data, .y = y.data};
  for (size_t i = 0; i < shape.size(); ++i)
    if (i == axis)
      p.rows.reduce(shape[i], from[i], to[i]);
    else
      p.rows.keep(shape[i], from[i], to[i]);
  if (p.rows.count > 0 && p.rows.length > 0) call.launch(0, p.rows.launch(), p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return cuda_shared_layouts(inputs, outputs);
}

}  // namespace

const Kernel& softmax_cuda() {
  static const CudaKernel kernel("softmax.cuda", Softmax::name, check, programs, enqueue, layouts);
  return kernel;
}

}  // namespace hone
