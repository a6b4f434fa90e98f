// conv.cuda.depthwise: one filter a channel, 16-bit NHWC (conv_depthwise.cu).
#include <fmt/format.h>

#include <cstring>

#include "cuda_text.h"
#include "kernels/conv/cuda/cuda_conv.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

// Params of conv_depthwise.cu.
struct Params {
  const void* in;
  const std::byte *weights, *bias;
  const void* residual;
  void* out;
  int in_stride, residual_stride, out_stride;
  int in_h, in_w, out_h, out_w, channels, pad_top, pad_left, strips, threads;
  Divisor by_vectors, by_strips, by_out_h;
  float alpha, beta;
};

constexpr int64_t kMostTaps = 49;
constexpr unsigned kBlock = 128;

// Columns a thread computes: few where their inputs overlap little.
int64_t columns_of_thread(const Conv& conv) {
  const int64_t stride = conv.strides.empty() ? 1 : conv.strides[1];
  return stride == 1 ? 4 : 2;
}

std::string read(const Problem& problem, CudaConv& c) {
  if (problem.device == nullptr || problem.device->gpu() == nullptr) return "needs a GPU";
  if (std::string why = read_cuda_conv(problem, c); !why.empty()) return why;
  if (problem.device->gpu()->capability < 80) return "needs sm_80";
  if (c.type != DType::f16 && c.type != DType::bf16) return "is for f16 and bf16";
  if (c.plain_input) return "wants channels innermost";
  if (c.group != c.in_channels || c.out_channels != c.in_channels) return "takes one filter a channel";
  if (c.residual_upsampled) return "takes no upsampled residual";
  if (!whole_vectors(c.in_channels)) return "channels are no multiple of 8";
  if (c.taps() > kMostTaps) return "the filter is too large";
  return {};
}

Verdict check(const Problem& problem) {
  CudaConv c;
  if (std::string why = read(problem, c); !why.empty()) return Verdict::no(std::move(why));
  Verdict yes{.legal = true, .image_stride = true, .slice_alignment = 16};
  // Multiply-adds without tensor cores, half of them hidden behind the loads.
  const double sums = static_cast<double>(c.out_pixels() * c.out_channels * c.taps());
  const GpuTraits& gpu = *problem.device->gpu();
  yes.estimated_ms = moving_ms(problem) + 0.5 * sums / (64.0 * gpu.multiprocessors * gpu.clock_ghz * 1e6);
  return yes;
}

std::vector<cuda::Program> programs_of(const Problem& problem) {
  CudaConv c;
  if (!read(problem, c).empty()) return {};
  std::vector<std::string> options = epilogue_options(c);
  options.insert(options.end(),
                 {define("KH", c.kernel_h), define("KW", c.kernel_w), define("SH", c.stride_h),
                  define("SW", c.stride_w), define("DH", c.dilation_h), define("DW", c.dilation_w),
                  define("PX", columns_of_thread(std::get<Conv>(problem.op)))});
  return {{.name = "conv_depthwise",
           .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::epilogue_cuh,
                                  cuda_text::conv_depthwise_cu}),
           .options = std::move(options),
           .entry = "conv_depthwise"}};
}

void enqueue(const CudaCall& call) {
  const auto& op = std::get<Conv>(call.op);
  const TensorArg &in = call.args.inputs[0], &out = call.args.outputs[0];
  const Shape &x = in.desc->shape, &y = out.desc->shape, &filter = call.args.inputs[1].desc->shape;
  const int64_t strips = (y[3] + columns_of_thread(op) - 1) / columns_of_thread(op);
  Params p{};
  p.in = in.data, p.in_stride = static_cast<int>(in.image_stride);
  p.out = out.data, p.out_stride = static_cast<int>(out.image_stride);
  if (op.has_residual) {
    p.residual = call.args.inputs.back().data;
    p.residual_stride = static_cast<int>(call.args.inputs.back().image_stride);
  }
  p.weights = call.packed.data();
  p.bias = call.packed.data() + static_cast<size_t>(filter[2] * filter[3] * y[1]) * sizeof(float);
  p.in_h = static_cast<int>(x[2]), p.in_w = static_cast<int>(x[3]);
  p.out_h = static_cast<int>(y[2]), p.out_w = static_cast<int>(y[3]), p.channels = static_cast<int>(y[1]);
  p.pad_top = op.pads.empty() ? 0 : static_cast<int>(op.pads[0]);
  p.pad_left = op.pads.empty() ? 0 : static_cast<int>(op.pads[1]);
  p.strips = static_cast<int>(strips);
  p.threads = static_cast<int>(y[0] * y[2] * strips * (y[1] / 8));
  p.by_vectors = make_divisor(y[1] / 8), p.by_strips = make_divisor(strips), p.by_out_h = make_divisor(y[2]);
  p.alpha = op.activation.alpha, p.beta = op.activation.beta;
  cuda::LaunchShape shape;
  shape.grid[0] = (static_cast<unsigned>(p.threads) + kBlock - 1) / kBlock;
  shape.block[0] = kBlock;
  call.launch(0, shape, p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return nhwc_signatures(inputs, outputs);
}

class DepthwiseConv final : public CudaKernel {
 public:
  DepthwiseConv() : CudaKernel("conv.cuda.depthwise", Conv::name, check, programs_of, enqueue, layouts) {}
  std::string packing(const Problem&) const override { return "f32.depthwise"; }
  std::vector<size_t> packed_inputs(const Problem& problem) const override {
    return conv_packed_inputs(problem);
  }

  // f32 [tap][channel], then the bias.
  Result<std::vector<std::byte>> pack(const Problem& problem) const override {
    CudaConv c;
    if (std::string why = read(problem, c); !why.empty()) return error(StatusCode::invalid_argument, why);
    HONE_ASSIGN(ConvWeights weights, read_weights(problem, c));
    std::vector<float> packed;
    packed.reserve(weights.weight.size() + weights.bias.size());
    for (int64_t tap = 0; tap < c.taps(); ++tap)
      for (int64_t m = 0; m < c.out_channels; ++m)
        packed.push_back(weights.weight[static_cast<size_t>(m * c.taps() + tap)]);
    packed.insert(packed.end(), weights.bias.begin(), weights.bias.end());
    return to_bytes(packed);
  }
};

}  // namespace

const Kernel& conv_depthwise_cuda() {
  static const DepthwiseConv kernel;
  return kernel;
}

}  // namespace hone
