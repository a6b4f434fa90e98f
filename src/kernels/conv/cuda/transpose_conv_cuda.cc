// conv_transpose.cuda: transposed convolution, any window, stride, dilation and groups, nhwc
// (conv_transpose.cu).
#include "cuda_text.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

// Params of conv_transpose.cu.
struct Params {
  const void* x;
  const float *bias, *weight;
  void* y;
  int64_t x_pixel, y_pixel;
  int images, height, width, channels_a_group, out_height, out_width, out_channels, out_channels_a_group;
  int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
  float alpha, beta;
};

constexpr double kSumsPerNs = 20;  // of one multiprocessor: multiply-adds without tensor cores

int attribute(const Ints& list, size_t i, int otherwise) {
  return i < list.size() ? static_cast<int>(list[i]) : otherwise;
}

Verdict check(const Problem& p) {
  const auto& conv = std::get<ConvTranspose>(p.op);
  const size_t wanted = 2u + (conv.has_bias ? 1 : 0);
  if (p.inputs.size() != wanted || p.outputs.size() != 1)
    return Verdict::no("has another number of operands");
  if (p.inputs[0].shape.size() != 4) return Verdict::no("takes two spatial axes");
  if (!p.constants[1] || (conv.has_bias && !p.constants[2]))
    return Verdict::no("takes constant weights alone");
  const DType type = p.inputs[0].type;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16)
    return Verdict::no("takes f32, f16 and bf16");
  if (p.outputs[0].type != type) return Verdict::no("gives the type that it takes");
  if (p.inputs[0].layout != Layout::nhwc || p.outputs[0].layout != Layout::nhwc)
    return Verdict::no("takes nhwc");
  const Shape &in = p.inputs[0].shape, &filter = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (filter.size() != 4 || conv.group < 1 || in[1] != filter[0] || in[1] % conv.group != 0 ||
      out[1] != filter[1] * conv.group)
    return Verdict::no("has channels that do not fit its groups");
  Verdict yes{.legal = true, .image_stride = true};
  const double sums = static_cast<double>(element_count(in).value_or(0)) *
                      static_cast<double>(filter[1] * filter[2] * filter[3]);
  yes.estimated_ms = moving_ms(p) + sums / (kSumsPerNs * p.device->gpu()->multiprocessors * 1e6);
  return yes;
}

std::vector<cuda::Program> programs_of(const Problem& p) {
  std::vector<std::string> options =
      activation_options(std::get<ConvTranspose>(p.op).activation, p.inputs[0].type);
  options.push_back(define("ELEMENT", cuda_type(p.inputs[0].type)));
  return {
      {.name = "conv_transpose",
       .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::conv_transpose_cu}),
       .options = std::move(options),
       .entry = "conv_transpose"}};
}

void enqueue(const CudaCall& call) {
  const auto& conv = std::get<ConvTranspose>(call.op);
  const TensorArg &x = call.args.inputs[0], &y = call.args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape, &filter = call.args.inputs[1].desc->shape;
  const auto number = [](int64_t value) { return static_cast<int>(value); };
  const auto* packed = reinterpret_cast<const float*>(call.packed.data());
  Params p{};
  p.x = x.data, p.y = y.data, p.x_pixel = x.image_stride, p.y_pixel = y.image_stride;
  p.bias = packed, p.weight = packed + out[1];
  p.images = number(in[0]), p.height = number(in[2]), p.width = number(in[3]);
  p.channels_a_group = number(in[1] / conv.group);
  p.out_height = number(out[2]), p.out_width = number(out[3]);
  p.out_channels = number(out[1]), p.out_channels_a_group = number(filter[1]);
  p.kernel_y = number(filter[2]), p.kernel_x = number(filter[3]);
  p.stride_y = attribute(conv.strides, 0, 1), p.stride_x = attribute(conv.strides, 1, 1);
  p.pad_y = attribute(conv.pads, 0, 0), p.pad_x = attribute(conv.pads, 1, 0);
  p.dilation_y = attribute(conv.dilations, 0, 1), p.dilation_x = attribute(conv.dilations, 1, 1);
  p.alpha = conv.activation.alpha, p.beta = conv.activation.beta;
  const int64_t count = element_count(out).value_or(0);
  if (count > 0) call.launch(0, linear_launch(count), p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  LayoutSignature s{.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {Layout::plain}};
  if (inputs[0].shape.size() == 4) s.inputs[0] = s.outputs[0] = Layout::nhwc;
  return {std::move(s)};
}

class TransposeConv final : public CudaKernel {
 public:
  TransposeConv()
      : CudaKernel("conv_transpose.cuda", ConvTranspose::name, check, programs_of, enqueue, layouts) {}
  std::string packing(const Problem&) const override { return "f32.transposed"; }
  std::vector<size_t> packed_inputs(const Problem& p) const override {
    return std::get<ConvTranspose>(p.op).has_bias ? std::vector<size_t>{1, 2} : std::vector<size_t>{1};
  }

  // The bias, then [tap][channel of the group][output channel], from [channel][output channel of the
  // group][tap].
  Result<std::vector<std::byte>> pack(const Problem& p) const override {
    const auto& conv = std::get<ConvTranspose>(p.op);
    HONE_ASSIGN(const std::vector<float> weight, p.constants[1]->to_floats());
    const Shape& filter = p.inputs[1].shape;
    const auto of_group = static_cast<size_t>(filter[1]), taps = static_cast<size_t>(filter[2] * filter[3]);
    const auto groups = static_cast<size_t>(conv.group), channels = static_cast<size_t>(filter[0]) / groups;
    const size_t out = of_group * groups;
    std::vector<float> packed(out + weight.size());
    if (conv.has_bias) {
      HONE_ASSIGN(const std::vector<float> bias, p.constants[2]->to_floats());
      std::copy(bias.begin(), bias.end(), packed.begin());
    }
    for (size_t g = 0; g < groups; ++g)
      for (size_t c = 0; c < channels; ++c)
        for (size_t m = 0; m < of_group; ++m)
          for (size_t t = 0; t < taps; ++t)
            packed[out + (t * channels + c) * out + g * of_group + m] =
                weight[((g * channels + c) * of_group + m) * taps + t];
    const auto bytes = std::as_bytes(std::span(packed));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  }
};

}  // namespace

const Kernel& conv_transpose_cuda() {
  static const TransposeConv kernel;
  return kernel;
}

}  // namespace hone
