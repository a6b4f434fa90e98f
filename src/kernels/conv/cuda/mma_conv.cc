// conv.cuda.mma_*: implicit GEMM with ldmatrix, mma.sync and cp.async (conv_mma.cu), one row a tile.
#include "kernels/conv/cuda/mma_conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "cuda_text.h"
#include "kernels/conv/cuda/planned_conv.h"

namespace hone {
namespace {

// Params of conv_mma.cu.
struct Params {
  const void* in;
  const std::byte *weights, *bias;
  const void* residual;
  void *out, *sums, *arrivals;
  int in_stride, residual_stride, out_stride;
  int batch, in_h, in_w, out_h, out_w, in_channels, out_channels;
  int steps, chunks, chunks_per_part, parts;
  int stride_h, stride_w, load_stride_h, load_stride_w;
  int pad_top, pad_left, dilation_h, dilation_w;
  int arrangement;
  int tile_w_log2, tile_h, tiles_x, tiles_per_image, n_tiles, halo_w, halo_pixels, swizzle_shift;
  Divisor by_n_tiles, by_tiles_per_image, by_tiles_x, by_halo_w, by_out_w;
  float alpha, beta;
};

int64_t steps_of(const CudaConv& c) {
  return (c.in_channels + mma_step_channels(c) - 1) / mma_step_channels(c);
}
int64_t n_tiles(const MmaVariant& v, const CudaConv& c) { return (c.out_channels + v.n - 1) / v.n; }
size_t weight_bytes(const MmaVariant& v, const CudaConv& c) {
  return static_cast<size_t>(n_tiles(v, c) * steps_of(c) * c.taps() * v.n) * 32;
}

class MmaRunner final : public Runner {
 public:
  MmaRunner(CudaDevice& device, cuda::Function function, const CudaConv& real, const MmaVariant& v,
            const MmaPlan& plan, std::span<const std::byte> packed, std::shared_ptr<DeviceBuffer> arrivals)
      : device_(device), function_(function), residual_(real.has_residual), arrivals_(std::move(arrivals)) {
    const CudaConv c = flat_view(real);
    const auto number = [](int64_t value) { return static_cast<int>(value); };
    const bool alone = c.taps() == 1;
    Params& p = params_;
    p.weights = packed.data(), p.bias = packed.data() + weight_bytes(v, c);
    p.batch = number(c.batch), p.in_h = number(c.in_height), p.in_w = number(c.in_width);
    p.out_h = number(c.out_height), p.out_w = number(c.out_width);
    p.in_channels = number(c.in_channels), p.out_channels = number(c.out_channels);
    p.steps = number(steps_of(c)), p.chunks = plan.chunks, p.chunks_per_part = plan.chunks_per_part;
    p.parts = plan.parts;
    p.stride_h = alone ? 1 : number(c.stride_h), p.stride_w = alone ? 1 : number(c.stride_w);
    p.load_stride_h = number(c.stride_h), p.load_stride_w = number(c.stride_w);
    p.pad_top = number(c.pad_top), p.pad_left = number(c.pad_left);
    p.dilation_h = number(c.dilation_h), p.dilation_w = number(c.dilation_w);
    p.arrangement = plan.arrangement, p.tile_w_log2 = plan.tile_w_log2, p.tile_h = plan.tile_h;
    p.tiles_x = plan.tiles_x, p.tiles_per_image = plan.tiles_per_image, p.n_tiles = plan.n_tiles;
    p.halo_w = plan.halo_w, p.halo_pixels = plan.halo_pixels;
    p.swizzle_shift = p.stride_w % 4 == 0 ? 2 : p.stride_w % 2 == 0 ? 1 : 0;
    p.by_n_tiles = make_divisor(plan.n_tiles), p.by_tiles_per_image = make_divisor(plan.tiles_per_image);
    p.by_tiles_x = make_divisor(plan.tiles_x), p.by_halo_w = make_divisor(plan.halo_w);
    p.by_out_w = make_divisor(c.out_width);
    p.alpha = c.activation.alpha, p.beta = c.activation.beta;
    p.arrivals = arrivals_ ? arrivals_->address() : nullptr;
    shape_.grid[0] = static_cast<unsigned>(plan.tiles), shape_.grid[1] = static_cast<unsigned>(plan.parts);
    shape_.block[0] = static_cast<unsigned>(v.threads());
    shape_.shared_bytes = static_cast<unsigned>(plan.shared_bytes);
  }

  void run(const RunArgs& args) noexcept override {
    const TensorArg &in = args.inputs[0], &out = args.outputs[0];
    params_.in = in.data, params_.in_stride = static_cast<int>(in.image_stride);
    params_.out = out.data, params_.out_stride = static_cast<int>(out.image_stride);
    params_.sums = args.workspace;
    if (residual_) {
      const TensorArg& residual = args.inputs.back();
      params_.residual = residual.data, params_.residual_stride = static_cast<int>(residual.image_stride);
    }
    // The device keeps an error until the enqueuing is done.
    (void)device_.launch(function_, shape_, static_cast<cuda::Stream>(args.stream), &params_,
                         sizeof(params_));
  }

 private:
  CudaDevice& device_;
  cuda::Function function_;
  bool residual_;
  std::shared_ptr<DeviceBuffer> arrivals_;  // zero between launches
  cuda::LaunchShape shape_;
  Params params_{};
};

class MmaConv final : public PlannedConv<MmaPlan> {
 public:
  explicit MmaConv(const MmaVariant& variant) : PlannedConv(mma_name(variant)), variant_(variant) {}

  std::string packing(const Problem& problem) const override {
    return fmt::format("mma.n{}.w{}.{}", variant_.n, variant_.n / variant_.warps_n,
                       dtype_name(problem.inputs[0].type));
  }
  // [tile of channels][step][tap][16 outputs][lane][2 products of 8 outputs][2 registers], then the bias.
  Result<std::vector<std::byte>> pack(const Problem& problem) const override {
    CudaConv c;
    if (std::string why = read_cuda_conv(problem, c); !why.empty())
      return error(StatusCode::invalid_argument, why);
    HONE_ASSIGN(ConvWeights weights, read_weights(problem, c));
    weights.bias.resize(static_cast<size_t>(n_tiles(variant_, c) * variant_.n));
    std::vector<std::byte> packed(weight_bytes(variant_, c) + weights.bias.size() * sizeof(float));
    if (c.type == DType::f32)
      pack_weights(c, weights.weight, reinterpret_cast<float*>(packed.data()), [](float w) { return w; });
    else
      pack_weights(c, weights.weight, reinterpret_cast<uint16_t*>(packed.data()),
                   [&](float w) { return to_half(c.type, w); });
    std::memcpy(packed.data() + weight_bytes(variant_, c), weights.bias.data(),
                weights.bias.size() * sizeof(float));
    return packed;
  }

 private:
  // A register holds 4 bytes: two neighbouring 16-bit inputs or one f32.
  template <class T, class Convert>
  void pack_weights(const CudaConv& c, const std::vector<float>& weight, T* target, Convert convert) const {
    const int of_warp = variant_.n / variant_.warps_n, of_register = 4 / static_cast<int>(sizeof(T));
    for (int64_t tile = 0; tile < n_tiles(variant_, c); ++tile)
      for (int64_t step = 0; step < steps_of(c); ++step)
        for (int64_t tap = 0; tap < c.taps(); ++tap)
          for (int pair = 0; pair < variant_.n / 16; ++pair)
            for (int lane = 0; lane < 32; ++lane)
              for (int i = 0; i < 4 * of_register; ++i, ++target) {
                const int word = i / of_register, column = pair * 16 + word / 2 * 8 + lane / 4;
                const int64_t m =
                    tile * variant_.n + column / of_warp * of_warp + channel_at(column % of_warp, of_warp);
                const int64_t k =
                    step * mma_step_channels(c) + (lane % 4 + word % 2 * 4) * of_register + i % of_register;
                if (m >= c.out_channels || k >= c.in_channels) continue;
                *target = convert(weight[static_cast<size_t>((m * c.in_channels + k) * c.taps() + tap)]);
              }
  }

  void choose(const CudaConv& conv, const GpuTraits& gpu, MmaPlan& plan, std::string& why) const override {
    best_mma_plan(variant_, conv, gpu, plan, why);
  }
  // Programs differ in what their rings hold and in whether parts are summed.
  bool choose_carried(const CudaConv& conv, const CudaDevice& gpu, MmaPlan& plan) const override {
    std::string why;
    std::vector<MmaPlan> plans = mma_plans(variant_, conv, *gpu.gpu(), why);
    std::map<std::array<int, 4>, bool> known;
    std::erase_if(plans, [&](const MmaPlan& p) {
      const auto [found, is_new] =
          known.try_emplace({p.steps, p.stages, p.taps_per_stage, p.parts > 1 ? 1 : 0}, false);
      if (is_new) found->second = gpu.may_load(mma_program(variant_, conv, p).key());
      return !found->second;
    });
    if (plans.empty()) return false;
    plan = *std::ranges::min_element(plans, {}, &MmaPlan::estimated_us);
    return true;
  }
  size_t workspace_bytes(const MmaPlan& plan) const override { return plan.sums_bytes(variant_); }
  cuda::Program program(const CudaConv& conv, const MmaPlan& plan) const override {
    return mma_program(variant_, conv, plan);
  }
  Result<std::unique_ptr<Runner>> runner(CudaDevice& device, const CudaConv& conv, const MmaPlan& plan,
                                         std::span<const std::byte> packed) const override {
    return prepare_mma(device, variant_, conv, plan, packed);
  }

  MmaVariant variant_;
};

}  // namespace

cuda::Program mma_program(const MmaVariant& v, const CudaConv& conv, const MmaPlan& plan) {
  std::vector<std::string> options = epilogue_options(conv);
  options.insert(
      options.end(),
      {define("BM", v.m), define("BN", v.n), define("WARPS_M", v.warps_m), define("WARPS_N", v.warps_n),
       define("WARPS_K", v.warps_k), define("NK", plan.steps), define("KH", conv.kernel_h),
       define("KW", conv.kernel_w), define("TPS", plan.taps_per_stage), define("STAGES", plan.stages),
       define("BLOCKS", v.blocks_at_once()), define("SPLIT", plan.parts > 1 ? 1 : 0)});
  return {.name = "conv_mma",
          .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::epilogue_cuh,
                                 cuda_text::mma_cuh, cuda_text::conv_mma_cu}),
          .options = std::move(options),
          .entry = "conv_mma"};
}

Result<std::unique_ptr<Runner>> prepare_mma(CudaDevice& device, const MmaVariant& v, const CudaConv& conv,
                                            const MmaPlan& plan, std::span<const std::byte> packed) {
  if (packed.size() != weight_bytes(v, conv) + static_cast<size_t>(n_tiles(v, conv) * v.n) * sizeof(float))
    return error(StatusCode::invalid_argument, mma_name(v) + ": packed weights of another size");
  HONE_ASSIGN(const cuda::Function function, device.load(mma_program(v, conv, plan)));
  std::shared_ptr<DeviceBuffer> arrivals;
  if (plan.parts > 1) {
    HONE_ASSIGN(arrivals, device.allocate(static_cast<size_t>(plan.tiles) * sizeof(uint32_t)));
    HONE_TRY(device.fill(*arrivals, std::byte{0}));
  }
  return std::make_unique<MmaRunner>(device, function, conv, v, plan, packed, std::move(arrivals));
}

std::span<const Kernel* const> conv_mma() {
  static const std::vector<MmaConv> rows(mma_variants().begin(), mma_variants().end());
  static const std::vector<const Kernel*> all = pointers_to(rows);
  return all;
}

}  // namespace hone
