// conv.cuda.stem: convolutions of up to four input channels, from a plain picture or channels innermost
// (conv_stem.cu). The input may be f32 where the result has 16 bits.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cuda_text.h"
#include "kernels/conv/cuda/cuda_conv.h"
#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

// Params of conv_stem.cu.
struct Params {
  const void* in;
  const std::byte *weights, *bias;
  void* out;
  int64_t in_image;
  int in_pixel;
  int out_stride, in_h, in_w, out_h, out_w, out_channels, pad_top, pad_left, tiles_x, tiles_y;
  float alpha, beta;
};

constexpr int64_t kTileW = 64, kTileH = 4, kMostShared = 44 << 10;

// Blocks of output channels: 48 where that is exact, else 64 or what there is.
int channels_of_block(int64_t channels) {
  if (channels % 64 != 0 && channels % 48 == 0) return 48;
  return static_cast<int>(std::min<int64_t>(64, (channels + 15) / 16 * 16));
}
int64_t channel_blocks(int64_t channels) {
  const int block = channels_of_block(channels);
  return (channels + block - 1) / block;
}
int steps_of(const CudaConv& c) { return static_cast<int>((c.taps() + 3) / 4); }

// The 16-bit type that is multiplied.
DType product_type(const Problem& problem) {
  return problem.outputs[0].type == DType::f32 ? problem.inputs[0].type : problem.outputs[0].type;
}

std::string read(const Problem& problem, CudaConv& c) {
  if (problem.device == nullptr || problem.device->gpu() == nullptr) return "needs a GPU";
  if (std::string why = read_cuda_conv(problem, c); !why.empty()) return why;
  if (problem.device->gpu()->capability < 80) return "needs sm_80";
  const DType type = product_type(problem);
  if (type != DType::f16 && type != DType::bf16) return "is for f16 and bf16";
  if (c.in_channels > 4) return "is for up to four input channels";
  if (c.group != 1) return "takes no groups";
  if (c.has_residual) return "takes no residual";
  if (c.taps() > 64) return "the filter is too large";
  const int64_t rows = (kTileH - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1;
  const int64_t columns = (kTileW - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1;
  if (rows * columns * 8 > kMostShared) return "a tile's input does not fit into shared memory";
  c.type = type;
  return {};
}

Verdict check(const Problem& problem) {
  CudaConv c;
  if (std::string why = read(problem, c); !why.empty()) return Verdict::no(std::move(why));
  Verdict yes{.legal = true, .image_stride = true, .slice_alignment = 16};
  yes.estimated_ms = moving_ms(problem) + 0.002;
  return yes;
}

std::vector<cuda::Program> programs_of(const Problem& problem) {
  CudaConv c;
  if (!read(problem, c).empty()) return {};
  std::vector<std::string> options = epilogue_options(c);
  options.insert(options.end(),
                 {define("INPUT", cuda_type(problem.inputs[0].type)), define("PLAIN", c.plain_input ? 1 : 0),
                  define("CIN", c.in_channels), define("KH", c.kernel_h), define("KW", c.kernel_w),
                  define("SH", c.stride_h), define("SW", c.stride_w), define("DH", c.dilation_h),
                  define("DW", c.dilation_w), define("NT", channels_of_block(c.out_channels) / 8),
                  define("KS", steps_of(c))});
  return {{.name = "conv_stem",
           .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::epilogue_cuh,
                                  cuda_text::mma_cuh, cuda_text::conv_stem_cu}),
           .options = std::move(options),
           .entry = "conv_stem"}};
}

size_t weight_bytes(const CudaConv& c) {
  return static_cast<size_t>(channel_blocks(c.out_channels) * steps_of(c) *
                             channels_of_block(c.out_channels)) *
         32;
}

void enqueue(const CudaCall& call) {
  const auto& op = std::get<Conv>(call.op);
  const TensorArg &in = call.args.inputs[0], &out = call.args.outputs[0];
  const Shape &x = in.desc->shape, &y = out.desc->shape, &filter = call.args.inputs[1].desc->shape;
  CudaConv c;
  c.out_channels = y[1], c.kernel_h = filter[2], c.kernel_w = filter[3];
  Params p{};
  p.in = in.data, p.out = out.data;
  p.weights = call.packed.data(), p.bias = call.packed.data() + weight_bytes(c);
  p.in_image = image_distance(in);
  p.in_pixel = static_cast<int>(in.image_stride), p.out_stride = static_cast<int>(out.image_stride);
  p.in_h = static_cast<int>(x[2]), p.in_w = static_cast<int>(x[3]);
  p.out_h = static_cast<int>(y[2]), p.out_w = static_cast<int>(y[3]), p.out_channels = static_cast<int>(y[1]);
  p.pad_top = op.pads.empty() ? 0 : static_cast<int>(op.pads[0]);
  p.pad_left = op.pads.empty() ? 0 : static_cast<int>(op.pads[1]);
  p.tiles_x = static_cast<int>((y[3] + kTileW - 1) / kTileW);
  p.tiles_y = static_cast<int>((y[2] + kTileH - 1) / kTileH);
  p.alpha = op.activation.alpha, p.beta = op.activation.beta;
  cuda::LaunchShape shape;
  shape.grid[0] = static_cast<unsigned>(p.tiles_x * p.tiles_y * x[0]);
  shape.grid[1] = static_cast<unsigned>(channel_blocks(y[1]));
  shape.block[0] = 256;
  call.launch(0, shape, p);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return nhwc_signatures(inputs, outputs, true);
}

class StemConv final : public CudaKernel {
 public:
  StemConv() : CudaKernel("conv.cuda.stem", Conv::name, check, programs_of, enqueue, layouts) {}
  std::string packing(const Problem& problem) const override {
    return fmt::format("stem.{}", dtype_name(product_type(problem)));
  }
  std::vector<size_t> packed_inputs(const Problem& problem) const override {
    return conv_packed_inputs(problem);
  }

  // [block of channels][step][8 channels][lane][2 words of 2 values], then the bias.
  Result<std::vector<std::byte>> pack(const Problem& problem) const override {
    CudaConv c;
    if (std::string why = read(problem, c); !why.empty()) return error(StatusCode::invalid_argument, why);
    HONE_ASSIGN(ConvWeights weights, read_weights(problem, c));
    const int block = channels_of_block(c.out_channels);
    const int64_t blocks = channel_blocks(c.out_channels);
    weights.bias.resize(static_cast<size_t>(blocks * block));
    std::vector<std::byte> packed(weight_bytes(c) + weights.bias.size() * sizeof(float));
    auto* target = reinterpret_cast<uint16_t*>(packed.data());
    for (int64_t b = 0; b < blocks; ++b)
      for (int step = 0; step < steps_of(c); ++step)
        for (int n = 0; n < block / 8; ++n)
          for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 4; ++i, ++target) {
              const int64_t m = b * block + channel_at(n * 8 + lane / 4, block);
              const int k = step * 16 + lane % 4 * 2 + i / 2 * 8 + i % 2, tap = k / 4, channel = k % 4;
              if (m >= c.out_channels || tap >= c.taps() || channel >= c.in_channels) continue;
              *target = to_half(
                  c.type,
                  weights.weight[static_cast<size_t>((m * c.in_channels + channel) * c.taps() + tap)]);
            }
    std::memcpy(packed.data() + weight_bytes(c), weights.bias.data(), weights.bias.size() * sizeof(float));
    return packed;
  }
};

}  // namespace

const Kernel& conv_stem() {
  static const StemConv kernel;
  return kernel;
}

}  // namespace hone
