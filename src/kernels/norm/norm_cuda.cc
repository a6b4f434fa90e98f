// LayerNorm, InstanceNorm and BatchNorm on a GPU.
#include "cuda_text.h"
#include "kernels/cuda/cuda_rows.h"
#include "kernels/elementwise/pointwise.h"

namespace hone {
namespace {

// As normalise.cu declares it.
struct Params {
  CudaRows rows;
  const void *x, *scale, *bias;
  void* y;
  int64_t channels;
  double epsilon;
};

Verdict check(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.passes = 2});
}
std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return cuda_shared_layouts(inputs, outputs);
}

cuda::Program row_program(const Problem& p, bool by_row) {
  const DType type = p.inputs[0].type, scale = p.inputs[1].type;
  const bool has_bias = p.inputs.size() > 2 && p.inputs[2].has_shape;
  return cuda_program(
      "normalise", {cuda_text::rows_cuh, cuda_text::normalise_cu},
      {define("TYPE", cuda_element(type)), define("COMPUTE", cuda_real(type)),
       define("SCALE", cuda_element(scale)),
       define("BIAS", cuda_element(has_bias ? p.inputs[2].type : scale)), define("BY_ROW", by_row ? 1 : 0)});
}
std::vector<cuda::Program> layer_programs(const Problem& p) { return {row_program(p, false)}; }
std::vector<cuda::Program> instance_programs(const Problem& p) { return {row_program(p, true)}; }

// Axes before `first` number the rows.
void normalise(const CudaCall& call, size_t first, int64_t channels, float epsilon) {
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape& shape = x.desc->shape;
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  Params p{.rows = {},
           .x = x.data,
           .scale = input(call, 1).data,
           .bias = has_input(call, 2) ? input(call, 2).data : nullptr,
           .y = y.data,
           .channels = channels,
           .epsilon = static_cast<double>(epsilon)};
  for (size_t i = 0; i < shape.size(); ++i)
    if (i < first)
      p.rows.keep(shape[i], from[i], to[i]);
    else
      p.rows.reduce(shape[i], from[i], to[i]);
  if (p.rows.count > 0 && p.rows.length > 0) call.launch(0, p.rows.launch(), p);
}
void enqueue_layer(const CudaCall& call) {
  const auto& norm = std::get<LayerNorm>(call.op);
  normalise(call, normal_axis(norm.axis, input(call, 0).desc->shape.size()), 1, norm.epsilon);
}
void enqueue_instance(const CudaCall& call) {
  normalise(call, 2, input(call, 0).desc->shape[1], std::get<InstanceNorm>(call.op).epsilon);
}

// One expression of five operands, the parameters broadcast over all axes but the channels'.
std::vector<cuda::Program> batch_programs(const Problem& p) {
  std::vector<std::string> types = {cuda_element(p.outputs[0].type)};
  for (const TensorDesc& desc : p.inputs) types.emplace_back(cuda_element(desc.type));
  const std::string real = cuda_real(p.inputs[0].type);
  return {pointwise_program(
      {.types = types, .compute = real, .expression = "(a-d)/sqrt(e+" + real + "(p.alpha))*b+c"})};
}
void enqueue_batch(const CudaCall& call) {
  const Shape& shape = output(call).desc->shape;
  PointwiseOperand operands[6] = {pointwise_operand(output(call), cuda_strides(output(call))),
                                  pointwise_operand(input(call, 0), cuda_strides(input(call, 0)))};
  Dims by_channel{};
  by_channel[1] = 1;
  for (size_t i = 1; i < 5; ++i) operands[1 + i] = pointwise_operand(input(call, i), by_channel);
  run_pointwise(call, 0, shape, operands,
                {.alpha = static_cast<double>(std::get<BatchNorm>(call.op).epsilon)});
}

}  // namespace

const Kernel& layer_norm_cuda() {
  static const CudaKernel kernel("layer_norm.cuda", LayerNorm::name, check, layer_programs, enqueue_layer,
                                 layouts);
  return kernel;
}
const Kernel& instance_norm_cuda() {
  static const CudaKernel kernel("instance_norm.cuda", InstanceNorm::name, check, instance_programs,
                                 enqueue_instance, layouts);
  return kernel;
}
const Kernel& batch_norm_cuda() {
  static const CudaKernel kernel("batch_norm.cuda", BatchNorm::name, check, batch_programs, enqueue_batch,
                                 layouts);
  return kernel;
}

}  // namespace hone
