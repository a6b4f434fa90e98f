// conv.cuda.sm90_*: implicit GEMM with Hopper's copy engine and warpgroup products (conv_sm90.cu), one row a
// variant.
#include "kernels/conv/cuda/sm90_conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cuda_text.h"
#include "kernels/conv/cuda/planned_conv.h"

namespace hone {
namespace {

// Params of conv_sm90.cu.
struct Params {
  cuda::TensorMap in[4];
  const std::byte* weights;
  const std::byte* bias;
  const void* residual;
  void* out;
  int residual_stride, out_stride;
  int batch, out_h, out_w, pixels, out_channels;
  int chunks, chunk_channels, ring_a, ring_b;
  int a_bytes, a_stride, row_offset, group_stride;
  int receive_offset, units_per_rank, split, chunks_per_rank;
  int arrangement;
  int sub_x_log2, sub_x, sub_y, tiles_x, tiles_per_image, pitch, n_tiles, tiles;
  int streaming, ping_pong;
  uint32_t weight_tile_bytes, split_multiplier;
  Divisor by_n_tiles, by_tiles_per_image, by_tiles_x, by_pitch, by_out_h, by_out_w;
  float alpha, beta;
};

size_t weight_tile_bytes(const Sm90Variant& v, const CudaConv& c) {
  const int steps = sm90_steps(c.in_channels);
  const auto chunks = static_cast<size_t>((c.in_channels + steps * 16 - 1) / (steps * 16));
  return static_cast<size_t>(c.taps()) * chunks * static_cast<size_t>(steps * v.n * 32);
}

size_t n_tiles(const Sm90Variant& v, const CudaConv& c) {
  return static_cast<size_t>((c.out_channels + v.n - 1) / v.n);
}

// The wgmma instruction for n columns, as a function of the sums' array.
std::string product_source(int n, DType type) {
  std::string registers, operands;
  for (int i = 0; i < n / 2; ++i) {
    registers += fmt::format("{}%{}", i ? ", " : "", i);
    operands += fmt::format("{}\"+f\"(d[{}])", i ? ", " : "", i);
  }
  const std::string_view t = type == DType::bf16 ? "bf16" : "f16";
  return fmt::format(
      "__device__ __forceinline__ void wgmma(float (&d)[{0}], u64 a, u64 b) {{\n"
      "  asm volatile(\"{{.reg .pred p; setp.eq.u32 p, 0, 0;\\n"
      "wgmma.mma_async.sync.aligned.m64n{1}k16.f32.{2}.{2} {{{3}}}, %{0}, %{4}, p, 1, 1, 0, 0;}}\\n\"\n"
      "  : {5} : \"l\"(a), \"l\"(b));\n}}\n",
      n / 2, n, t, registers, n / 2 + 1, operands);
}

// Taps in the order in which the kernel takes them: at stride 2 by the parity of row and column.
constexpr int kStride2Taps[9] = {0, 2, 6, 8, 1, 7, 3, 5, 4};

// [tile][chunk][tap][16 channels][8 outputs][8 channels of 16][output][channel], the order of wgmma's core
// matrices.
void pack_tile(const Sm90Variant& v, const CudaConv& c, const std::vector<float>& weight, int64_t first,
               uint16_t* target) {
  const int steps = sm90_steps(c.in_channels);
  const int64_t taps = c.taps();
  for (int64_t chunk = 0; chunk < c.in_channels; chunk += steps * 16)
    for (int tap = 0; tap < taps; ++tap)
      for (int step = 0; step < steps; ++step)
        for (int block = 0; block < v.n / 8; ++block)
          for (int half = 0; half < 2; ++half)
            for (int row = 0; row < 8; ++row) {
              const int64_t m = first + channel_at(block * 8 + row, v.n);
              const int64_t from = chunk + step * 16 + half * 8;
              for (int k = 0; k < 8; ++k, ++target) {
                if (m >= c.out_channels || from + k >= c.in_channels) continue;
                const int source = v.kind == 2 ? kStride2Taps[tap] : tap;
                *target = to_half(
                    c.type, weight[static_cast<size_t>((m * c.in_channels + from + k) * taps + source)]);
              }
            }
}

class Sm90Runner final : public Runner {
 public:
  Sm90Runner(CudaDevice& device, cuda::Function function, const CudaConv& conv, const Sm90Variant& variant,
             const Sm90Plan& plan, std::span<const std::byte> packed)
      : device_(device), function_(function), conv_(conv), kind_(variant.kind), plan_(plan) {
    const size_t tile = weight_tile_bytes(variant, conv);
    Params& p = params_;
    p.weights = packed.data(), p.bias = packed.data() + n_tiles(variant, conv) * tile;
    p.batch = static_cast<int>(conv.batch);
    p.out_h = static_cast<int>(conv.out_height), p.out_w = static_cast<int>(conv.out_width);
    p.pixels = static_cast<int>(conv.out_pixels()), p.out_channels = static_cast<int>(conv.out_channels);
    p.chunks = plan.chunks, p.chunk_channels = plan.steps * 16;
    p.ring_a = plan.ring_a, p.ring_b = plan.ring_b;
    p.a_bytes = plan.a_bytes, p.a_stride = plan.a_stride;
    p.row_offset = plan.box_w * 8, p.group_stride = plan.group_stride;
    p.receive_offset = plan.receive_offset, p.units_per_rank = plan.units_per_rank;
    p.split = variant.split, p.chunks_per_rank = plan.chunks_per_rank;
    p.arrangement = plan.arrangement;
    p.sub_x = plan.sub_x, p.sub_y = plan.sub_y, p.sub_x_log2 = plan.sub_x == 4 ? 2 : plan.sub_x == 2 ? 1 : 0;
    p.tiles_x = plan.tiles_x, p.tiles_per_image = plan.tiles_per_image, p.pitch = plan.pitch;
    p.n_tiles = plan.n_tiles, p.tiles = plan.tiles;
    p.streaming = plan.streaming, p.ping_pong = variant.ping_pong;
    p.weight_tile_bytes = static_cast<uint32_t>(tile);
    p.split_multiplier = static_cast<uint32_t>((65536 + variant.split - 1) / variant.split);
    p.by_n_tiles = make_divisor(plan.n_tiles), p.by_tiles_per_image = make_divisor(plan.tiles_per_image);
    p.by_tiles_x = make_divisor(plan.tiles_x), p.by_pitch = make_divisor(plan.pitch);
    p.by_out_h = make_divisor(conv.out_height), p.by_out_w = make_divisor(conv.out_width);
    p.alpha = conv.activation.alpha, p.beta = conv.activation.beta;
    shape_.grid[0] = static_cast<unsigned>(plan.grid);
    shape_.block[0] = static_cast<unsigned>(variant.threads());
    shape_.shared_bytes = static_cast<unsigned>(plan.shared_bytes);
    shape_.cluster = static_cast<unsigned>(variant.split);
  }

  void run(const RunArgs& args) noexcept override {
    encode(args.inputs[0]);
    const TensorArg& out = args.outputs[0];
    params_.out = out.data, params_.out_stride = static_cast<int>(out.image_stride);
    if (conv_.has_residual) {
      const TensorArg& residual = args.inputs.back();
      params_.residual = residual.data, params_.residual_stride = static_cast<int>(residual.image_stride);
    }
    // The device keeps an error until the enqueuing is done.
    (void)device_.launch(function_, shape_, static_cast<cuda::Stream>(args.stream), &params_,
                         sizeof(params_));
  }

 private:
  // The input as the copy engine sees it: one map, at stride 2 one for each parity of row and column.
  void encode(const TensorArg& in) {
    const auto pixel = static_cast<uint64_t>(in.image_stride) * 2;
    const auto width = static_cast<uint64_t>(conv_.in_width), height = static_cast<uint64_t>(conv_.in_height);
    const bool slice = in.image_stride != conv_.in_channels;
    TensorMapShape shape{.type = conv_.type, .rank = 4};
    shape.box[0] = 64, shape.box[1] = static_cast<uint32_t>(plan_.box_w);
    shape.box[2] = static_cast<uint32_t>(plan_.box_h), shape.box[3] = 1;
    shape.swizzle_bytes = 128;
    // A slice's neighbours in the concat buffer are not wanted in L2.
    shape.promote_bytes = slice ? 0 : 256;
    shape.extents[0] = static_cast<uint64_t>(conv_.in_channels);
    const auto set = [&](size_t map, std::byte* data, uint64_t w, uint64_t h, uint64_t n, uint64_t x,
                         uint64_t y, uint64_t image) {
      shape.extents[1] = w, shape.extents[2] = h, shape.extents[3] = n;
      shape.strides_bytes[0] = x, shape.strides_bytes[1] = y, shape.strides_bytes[2] = image;
      if (auto encoded = device_.encode_tensor_map(data, shape)) params_.in[map] = *encoded;
    };
    auto* data = static_cast<std::byte*>(in.data);
    const auto batch = static_cast<uint64_t>(conv_.batch);
    if (kind_ == 1) {
      const uint64_t pixels = batch * width * height;
      set(0, data, pixels, 1, 1, pixel, pixel * pixels, pixel * pixels);
    } else if (kind_ == 3) {
      set(0, data, width, height, batch, pixel, pixel * width, pixel * width * height);
    } else {
      for (size_t parity = 0; parity < 4; ++parity) {
        const uint64_t py = parity < 2 ? 1 : 0, px = parity % 2 == 0 ? 1 : 0;
        set(parity, data + (py * width + px) * pixel, (width - px + 1) / 2, (height - py + 1) / 2, batch,
            2 * pixel, 2 * pixel * width, pixel * width * height);
      }
    }
  }

  CudaDevice& device_;
  cuda::Function function_;
  CudaConv conv_;
  int kind_;
  Sm90Plan plan_;
  cuda::LaunchShape shape_;
  Params params_{};
};

class Sm90Conv final : public PlannedConv<Sm90Plan> {
 public:
  explicit Sm90Conv(const Sm90Variant& variant) : PlannedConv(sm90_name(variant)), variant_(variant) {}

  // Names what the packed bytes depend on beside the weights: plans of every size share them.
  std::string packing(const Problem& problem) const override {
    CudaConv conv;
    if (!read_cuda_conv(problem, conv).empty()) return "sm90";
    return fmt::format("sm90.k{}.n{}.c{}.{}", variant_.kind, variant_.n, sm90_steps(conv.in_channels) * 16,
                       dtype_name(conv.type));
  }
  Result<std::vector<std::byte>> pack(const Problem& problem) const override {
    CudaConv conv;
    if (std::string why = read_cuda_conv(problem, conv); !why.empty())
      return error(StatusCode::invalid_argument, why);
    HONE_ASSIGN(ConvWeights weights, read_weights(problem, conv));
    const size_t tile = weight_tile_bytes(variant_, conv), tiles = n_tiles(variant_, conv);
    weights.bias.resize(tiles * static_cast<size_t>(variant_.n));
    std::vector<std::byte> packed(tiles * tile + weights.bias.size() * sizeof(float));
    for (size_t i = 0; i < tiles; ++i)
      pack_tile(variant_, conv, weights.weight, static_cast<int64_t>(i) * variant_.n,
                reinterpret_cast<uint16_t*>(packed.data() + i * tile));
    std::memcpy(packed.data() + tiles * tile, weights.bias.data(), weights.bias.size() * sizeof(float));
    return packed;
  }

 private:
  void choose(const CudaConv& conv, const GpuTraits& gpu, Sm90Plan& plan, std::string& why) const override {
    best_sm90_plan(variant_, conv, gpu, plan, why);
  }
  cuda::Program program(const CudaConv& conv, const Sm90Plan& plan) const override {
    return sm90_program(variant_, conv, plan);
  }
  Result<std::unique_ptr<Runner>> runner(CudaDevice& device, const CudaConv& conv, const Sm90Plan& plan,
                                         std::span<const std::byte> packed) const override {
    return prepare_sm90(device, variant_, conv, plan, packed);
  }

  Sm90Variant variant_;
};

}  // namespace

cuda::Program sm90_program(const Sm90Variant& variant, const CudaConv& conv, const Sm90Plan& plan) {
  std::vector<std::string> options = epilogue_options(conv);
  options.insert(options.end(),
                 {define("BN", variant.n), define("MI", variant.m), define("NWG", variant.warpgroups),
                  define("KIND", variant.kind), define("NK", plan.steps), define("TPS", plan.taps_per_stage),
                  define("SPLIT", variant.split > 1 ? 1 : 0)});
  return {.name = "conv_sm90",
          .source = cuda_source({cuda_text::types_cuh, cuda_text::activation_cuh, cuda_text::epilogue_cuh,
                                 cuda_text::hopper_cuh, product_source(variant.n, conv.type),
                                 cuda_text::conv_sm90_cu}),
          .options = std::move(options),
          .entry = "conv_sm90"};
}

Result<std::unique_ptr<Runner>> prepare_sm90(CudaDevice& device, const Sm90Variant& variant,
                                             const CudaConv& conv, const Sm90Plan& plan,
                                             std::span<const std::byte> packed) {
  if (packed.size() != n_tiles(variant, conv) * (weight_tile_bytes(variant, conv) +
                                                 static_cast<size_t>(variant.n) * sizeof(float)))
    return error(StatusCode::invalid_argument, sm90_name(variant) + ": packed weights of another size");
  HONE_ASSIGN(const cuda::Function function, device.load(sm90_program(variant, conv, plan)));
  return std::make_unique<Sm90Runner>(device, function, conv, variant, plan, packed);
}

std::span<const Kernel* const> conv_sm90() {
  static const std::vector<Sm90Conv> rows(sm90_variants().begin(), sm90_variants().end());
  static const std::vector<const Kernel*> all = pointers_to(rows);
  return all;
}

}  // namespace hone
