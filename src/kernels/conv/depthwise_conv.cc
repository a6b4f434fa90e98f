// conv.cpu.depthwise_*: every channel has a filter of its own, so that a vector holds channels and there is
// no sum over them. A task is a band of output rows of one channel block.
#include <algorithm>

#include "kernels/conv/blocked_conv.h"

namespace hone {
namespace {

constexpr int64_t kBandPixels = 512;

class DepthwiseRunner final : public Runner {
 public:
  DepthwiseRunner(const TileTable& tiles, const ConvGeometry& geometry, const Conv& conv, const float* bias,
                  const float* weights)
      : tiles_(tiles),
        g_(geometry),
        epilogue_(make_epilogue(conv)),
        residual_(conv.has_residual ? residual_index(conv) : 0),
        bias_(bias),
        weights_(weights),
        band_rows_(std::clamp<int64_t>(kBandPixels / geometry.out_width, 1, geometry.out_height)) {}

  void run(const RunArgs& args) noexcept override {
    const int64_t bands = (g_.out_height + band_rows_ - 1) / band_rows_;
    args.threads->run(static_cast<size_t>(g_.batch * g_.out_blocks() * bands), [&](size_t task) {
      const auto t = static_cast<int64_t>(task);
      run_band(args, t / bands / g_.out_blocks(), t / bands % g_.out_blocks(), t % bands * band_rows_);
    });
  }

 private:
  void run_band(const RunArgs& args, int64_t n, int64_t block, int64_t row) const {
    const int64_t plane = block * g_.out_area() * g_.block;
    DepthwiseBand p;
    p.input = static_cast<const float*>(args.inputs[0].data) + n * args.inputs[0].image_stride +
              block * g_.in_area() * g_.block;
    p.weights = weights_ + block * g_.kernel_h * g_.kernel_w * g_.block;
    p.bias = bias_ + block * g_.block;
    p.output = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride + plane;
    p.in_height = g_.in_height, p.in_width = g_.in_width, p.out_width = g_.out_width;
    p.row_begin = row, p.row_end = std::min(row + band_rows_, g_.out_height);
    p.kernel_h = g_.kernel_h, p.kernel_w = g_.kernel_w, p.stride_h = g_.stride_h, p.stride_w = g_.stride_w;
    p.pad_top = g_.pad_top, p.pad_left = g_.pad_left, p.dilation_h = g_.dilation_h,
    p.dilation_w = g_.dilation_w;
    tiles_.depthwise(p);

    const int64_t at = row * g_.out_width * g_.block;
    FinishBlock f;
    f.output = p.output + at;
    if (residual_)
      f.residual = static_cast<const float*>(args.inputs[residual_].data) +
                   n * args.inputs[residual_].image_stride + plane + at;
    f.row_pixels = (p.row_end - p.row_begin) * g_.out_width;
    f.channels = static_cast<int>(std::min(g_.block, g_.out_channels - block * g_.block));
    f.epilogue = &epilogue_;
    tiles_.finish(f);
  }

  const TileTable& tiles_;
  ConvGeometry g_;
  Epilogue epilogue_;
  size_t residual_;  // input index, 0: none
  const float *bias_, *weights_;
  int64_t band_rows_;
};

class DepthwiseConv final : public TiledConv {
 public:
  DepthwiseConv(const TileIsa& isa, const char* name) : TiledConv(isa, name) {}
  std::string packing(const Problem&) const override { return "depthwise" + std::to_string(tiles_.block); }

 private:
  std::string read(const Problem& problem, ConvGeometry& g) const override {
    if (std::string why = read_geometry(problem, tiles_, g); !why.empty()) return why;
    if (g.group != g.in_channels || g.group != g.out_channels) return "is not depthwise";
    if (g.plain_input) return "the input is plain";
    return {};
  }

  void estimate(const Problem& problem, const ConvGeometry& g, Verdict& verdict) const override {
    verdict.estimated_ms =
        estimate_ms(lanes_of(tiles_), problem.thread_count, g.flops(), 0.3, tensor_bytes(g));
  }

  size_t weight_bytes(const ConvGeometry& g) const override {
    return static_cast<size_t>(g.out_blocks() * g.block * g.kernel_h * g.kernel_w) * sizeof(float);
  }

  // [block][kernel row][kernel column][channel in block]
  void pack_weights(const ConvGeometry& g, const std::vector<float>& weight,
                    std::byte* packed) const override {
    const int64_t taps = g.kernel_h * g.kernel_w;
    auto* out = reinterpret_cast<float*>(packed);
    for (int64_t c = 0; c < g.out_channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap)
        out[(c / g.block * taps + tap) * g.block + c % g.block] = weight[static_cast<size_t>(c * taps + tap)];
  }

  std::unique_ptr<Runner> runner(const Problem& problem, const ConvGeometry& g, const float* bias,
                                 const std::byte* weights) const override {
    return std::make_unique<DepthwiseRunner>(tiles_, g, std::get<Conv>(problem.op), bias,
                                             reinterpret_cast<const float*>(weights));
  }
};

}  // namespace

#if defined(__x86_64__)
const Kernel& conv_depthwise_avx512() {
  static const DepthwiseConv kernel(kAvx512Isa, "conv.cpu.depthwise_avx512");
  return kernel;
}
const Kernel& conv_depthwise_avx2() {
  static const DepthwiseConv kernel(kAvx2Isa, "conv.cpu.depthwise_avx2");
  return kernel;
}
#endif
const Kernel& conv_depthwise_baseline() {
  static const DepthwiseConv kernel(kBaselineIsa, "conv.cpu.depthwise_baseline");
  return kernel;
}

}  // namespace hone
