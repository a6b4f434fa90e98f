// The convolution behind all others on a GPU: any window, stride, dilation and groups, nhwc.
#include <cstring>

#include "cuda_text.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

struct ConvParams {
  const void* x;
  const float *bias, *weight;
  const void* residual;
  void* y;
  int64_t x_pixel, residual_pixel, y_pixel;
  int images, height, width, channels_a_group, out_height, out_width, out_channels, out_channels_a_group;
  int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
  int residual_upsampled;
  float alpha, beta;
};

// Multiply-adds a nanosecond and multiprocessor, as measured on nothing better than a guess: never the
// winner.
constexpr double kRate = 20;

int attribute(const Ints& list, size_t i, int otherwise) {
  return i < list.size() ? static_cast<int>(list[i]) : otherwise;
}

Verdict check(const Problem& p) {
  const Conv& conv = std::get<Conv>(p.op);
  if (p.inputs[0].shape.size() != 4) return Verdict::no("takes two spatial axes");
  if (p.inputs.size() != 2u + (conv.has_bias ? 1 : 0) + (conv.has_residual ? 1 : 0))
    return Verdict::no("has another number of inputs than its attributes say");
  if (!p.constants[1] || (conv.has_bias && !p.constants[2]))
    return Verdict::no("takes constant weights alone");
  const auto is_real = [](DType type) {
    return type == DType::f32 || type == DType::f16 || type == DType::bf16;
  };
  if (!is_real(p.inputs[0].type) || !is_real(p.outputs[0].type))
    return Verdict::no("takes f32, f16 and bf16");
  if (conv.has_residual && p.inputs.back().type != p.outputs[0].type)
    return Verdict::no("takes a residual of the result's type");
  if (p.inputs[0].layout != Layout::nhwc || p.outputs[0].layout != Layout::nhwc ||
      (conv.has_residual && p.inputs.back().layout != Layout::nhwc))
    return Verdict::no("takes nhwc");
  Verdict yes{.legal = true, .image_stride = true};
  const Shape &filter = p.inputs[1].shape, &out = p.outputs[0].shape;
  const double sums = static_cast<double>(element_count(out).value_or(0)) *
                      static_cast<double>(filter[1] * filter[2] * filter[3]);
  yes.estimated_ms = moving_ms(p) + sums / (kRate * p.device->gpu()->multiprocessors * 1e6);
  return yes;
}

std::vector<cuda::Program> programs_of(const Problem& p) {
  std::vector<std::string> options = activation_options(std::get<Conv>(p.op).activation, p.outputs[0].type);
  options.push_back(define("SOURCE", cuda_type(p.inputs[0].type)));
  options.push_back(define("TARGET", cuda_type(p.outputs[0].type)));
  return {
      {.name = "conv_simple",
       .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::conv_simple_cu}),
       .options = std::move(options),
       .entry = "conv_simple"}};
}

void enqueue(const CudaCall& call) {
  const Conv& conv = std::get<Conv>(call.op);
  const TensorArg &x = call.args.inputs[0], &y = call.args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape, &filter = call.args.inputs[1].desc->shape;
  const TensorArg* residual = conv.has_residual ? &call.args.inputs.back() : nullptr;
  const auto* packed = reinterpret_cast<const float*>(call.packed.data());
  const ConvParams params{.x = x.data,
                          .bias = packed,
                          .weight = packed + out[1],
                          .residual = residual != nullptr ? residual->data : nullptr,
                          .y = y.data,
                          .x_pixel = x.image_stride,
                          .residual_pixel = residual != nullptr ? residual->image_stride : 0,
                          .y_pixel = y.image_stride,
                          .images = static_cast<int>(in[0]),
                          .height = static_cast<int>(in[2]),
                          .width = static_cast<int>(in[3]),
                          .channels_a_group = static_cast<int>(filter[1]),
                          .out_height = static_cast<int>(out[2]),
                          .out_width = static_cast<int>(out[3]),
                          .out_channels = static_cast<int>(out[1]),
                          .out_channels_a_group = static_cast<int>(out[1] / conv.group),
                          .kernel_y = static_cast<int>(filter[2]),
                          .kernel_x = static_cast<int>(filter[3]),
                          .stride_y = attribute(conv.strides, 0, 1),
                          .stride_x = attribute(conv.strides, 1, 1),
                          .pad_y = attribute(conv.pads, 0, 0),
                          .pad_x = attribute(conv.pads, 1, 0),
                          .dilation_y = attribute(conv.dilations, 0, 1),
                          .dilation_x = attribute(conv.dilations, 1, 1),
                          .residual_upsampled = conv.residual_upsampled,
                          .alpha = conv.activation.alpha,
                          .beta = conv.activation.beta};
  const int64_t count = element_count(out).value_or(0);
  if (count > 0) call.launch(0, linear_launch(count), params);
}

std::vector<LayoutSignature> layouts(const Op& op, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  LayoutSignature s{.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {Layout::plain}};
  if (inputs[0].shape.size() == 4) {
    s.inputs[0] = s.outputs[0] = Layout::nhwc;
    if (std::get<Conv>(op).has_residual) s.inputs.back() = Layout::nhwc;
  }
  return {std::move(s)};
}

class ConvSimple final : public CudaKernel {
 public:
  ConvSimple() : CudaKernel("conv.cuda.simple", Conv::name, check, programs_of, enqueue, layouts) {}
  std::string packing(const Problem&) const override { return "f32.yxio"; }
  std::vector<size_t> packed_inputs(const Problem& p) const override {
    return std::get<Conv>(p.op).has_bias ? std::vector<size_t>{1, 2} : std::vector<size_t>{1};
  }
  // The bias, then the weights with output channels innermost.
  Result<std::vector<std::byte>> pack(const Problem& p) const override {
    HONE_ASSIGN(const std::vector<float> weight, p.constants[1]->to_floats());
    const Shape& filter = p.inputs[1].shape;
    const auto out = static_cast<size_t>(filter[0]), taps = static_cast<size_t>(filter[2] * filter[3]),
               channels = static_cast<size_t>(filter[1]);
    std::vector<float> packed(out + weight.size());
    if (std::get<Conv>(p.op).has_bias) {
      HONE_ASSIGN(const std::vector<float> bias, p.constants[2]->to_floats());
      std::copy(bias.begin(), bias.end(), packed.begin());
    }
    for (size_t m = 0; m < out; ++m)
      for (size_t c = 0; c < channels; ++c)
        for (size_t t = 0; t < taps; ++t)
          packed[out + (t * channels + c) * out + m] = weight[(m * channels + c) * taps + t];
    const auto bytes = std::as_bytes(std::span(packed));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
};

}  // namespace

const Kernel& conv_cuda_simple() {
  static const ConvSimple kernel;
  return kernel;
}

}  // namespace hone
