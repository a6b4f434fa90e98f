// conv.cpu.amx_bf16: direct convolution in bf16 on the tiles of Intel's AMX.
//
// A task is a band of output rows and some of the output channels; its worker copies the input rows of the
// band once (amx_band.h says how) and multiplies them with the weights of one pair of output blocks after the
// other.
#if defined(__x86_64__)
#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/cpu_features.h"
#include "base/float16.h"
#include "kernels/conv/amx_band.h"
#include "kernels/conv/blocked_conv.h"

namespace hone {
namespace {

constexpr int64_t kBlock = 16, kPixel = 32, kWeightTile = 16 * 32;
constexpr size_t kCopyBytes = 768 << 10;  // a band's input, in L2 beside the weights of a pair
constexpr size_t kSumBytes = 4 * 16 * 16 * sizeof(float);

struct Cut {
  int64_t pitch = 0, plane_elements = 0;  // of the copy
  int64_t band_rows = 0, bands = 0, groups = 0;
  size_t worker_bytes = 0;
};

int64_t pairs_of(int64_t blocks) { return (blocks + 1) / 2; }

Cut choose_cut(const ConvGeometry& g, size_t threads) {
  Cut c;
  const int64_t s = g.stride_h;
  c.pitch = ((g.out_width - 1) * s + g.kernel_w + s - 1) / s * s;
  const auto rows_in = [&](int64_t rows) { return (rows - 1) * s + g.kernel_h; };
  const auto plane = [&](int64_t rows) { return (rows_in(rows) + s - 1) / s * c.pitch * kPixel; };
  const auto bytes = [&](int64_t rows) {
    return static_cast<size_t>(pairs_of(g.in_blocks()) * s * plane(rows) * 2);
  };
  c.band_rows = g.out_height;
  while (c.band_rows > 1 && bytes(c.band_rows) > kCopyBytes) c.band_rows = (c.band_rows + 1) / 2;
  c.bands = (g.out_height + c.band_rows - 1) / c.band_rows;
  const auto wanted = static_cast<int64_t>(2 * std::max<size_t>(threads, 1));
  // Few bands: finer ones where the weights are small, else several workers share a band's output channels.
  const bool light_weights = g.in_channels * g.out_channels * g.kernel_h * g.kernel_w < (int64_t{1} << 18);
  if (g.batch * c.bands < wanted && light_weights) {
    c.band_rows = std::max<int64_t>(1, g.out_height * g.batch / wanted);
    c.bands = (g.out_height + c.band_rows - 1) / c.band_rows;
  }
  const int64_t pairs = pairs_of(g.out_blocks());
  c.groups = std::clamp<int64_t>((wanted + g.batch * c.bands - 1) / (g.batch * c.bands), 1, pairs);
  c.plane_elements = plane(c.band_rows);
  // Tiles at the end read up to 32 pixels too many.
  c.worker_bytes = (bytes(c.band_rows) + static_cast<size_t>(32 * s * kPixel * 2) + 63) / 64 * 64 + kSumBytes;
  return c;
}

std::string read_amx(const Problem& problem, ConvGeometry& g) {
  if (std::string why = read_geometry(problem, Layout::nchw16c, DType::bf16, g); !why.empty()) return why;
  if (g.plain_input) return "the input is plain";
  if (g.group != 1) return "takes no groups";
  if (g.stride_h != g.stride_w || g.stride_h > 2) return "the stride is neither 1 nor 2";
  if (g.dilation_h != 1 || g.dilation_w != 1) return "takes no dilation";
  const Activation& activation = std::get<Conv>(problem.op).activation;
  if (!activation.is_identity() && !amx_has(activation.kind)) return "has no vector form of the activation";
  return {};
}

class AmxRunner final : public Runner {
 public:
  AmxRunner(const ConvGeometry& geometry, const Conv& conv, size_t threads, const float* bias,
            const uint16_t* weights)
      : g_(geometry),
        cut_(choose_cut(geometry, threads)),
        epilogue_(make_epilogue(conv)),
        residual_(conv.has_residual ? residual_index(conv) : 0),
        workers_(std::max<size_t>(threads, 1)),
        bias_(bias),
        weights_(weights) {}

  void run(const RunArgs& args) noexcept override {
    const int64_t tasks = g_.batch * cut_.bands * cut_.groups;
    std::atomic<int64_t> next{0};
    args.threads->run(workers_, [&](size_t worker) {
      std::byte* scratch = args.workspace + worker * cut_.worker_bytes;
      bool begun = false;
      for (int64_t task = next++; task < tasks; task = next++) {
        if (!begun) kAmxBf16.begin();
        begun = true;
        run_task(args, task, scratch);
      }
      if (begun) kAmxBf16.end();
    });
  }

 private:
  void run_task(const RunArgs& args, int64_t task, std::byte* scratch) const {
    const int64_t group = task % cut_.groups, band = task / cut_.groups % cut_.bands,
                  n = task / cut_.groups / cut_.bands;
    const int64_t first = band * cut_.band_rows, rows = std::min(cut_.band_rows, g_.out_height - first);
    auto* sums = reinterpret_cast<float*>(scratch);
    auto* copy = reinterpret_cast<uint16_t*>(scratch + kSumBytes);
    kAmxBf16.copy_rows(
        {.input = static_cast<const uint16_t*>(args.inputs[0].data) + n * args.inputs[0].image_stride,
         .in_blocks = g_.in_blocks(),
         .height = g_.in_height,
         .width = g_.in_width,
         .first_row = first * g_.stride_h - g_.pad_top,
         .rows = (rows - 1) * g_.stride_h + g_.kernel_h,
         .pad_left = g_.pad_left,
         .pitch = cut_.pitch,
         .stride = g_.stride_h,
         .copy = copy,
         .plane_elements = cut_.plane_elements});
    const int64_t blocks = g_.out_blocks(), pairs = pairs_of(blocks);
    const int64_t in_pairs = pairs_of(g_.in_blocks()), taps = g_.kernel_h * g_.kernel_w;
    for (int64_t pair = group * pairs / cut_.groups; pair < (group + 1) * pairs / cut_.groups; ++pair) {
      const int64_t block = 2 * pair, offset = block * g_.out_area() * kBlock + first * g_.out_width * kBlock;
      AmxBand b;
      b.copy = copy;
      b.weights = weights_ + block * in_pairs * taps * kWeightTile;
      b.bias = bias_ + block * kBlock;
      b.output = static_cast<uint16_t*>(args.outputs[0].data) + n * args.outputs[0].image_stride + offset;
      if (residual_)
        b.residual = static_cast<const uint16_t*>(args.inputs[residual_].data) +
                     n * args.inputs[residual_].image_stride + offset;
      b.out_block_stride = b.residual_block_stride = g_.out_area() * kBlock;
      b.in_pairs = in_pairs, b.plane_elements = cut_.plane_elements, b.pitch = cut_.pitch,
      b.stride = g_.stride_h;
      b.kernel_h = g_.kernel_h, b.kernel_w = g_.kernel_w, b.rows = rows, b.out_width = g_.out_width;
      b.out_blocks = static_cast<int>(std::min<int64_t>(2, blocks - block));
      b.last_channels =
          static_cast<int>(std::min(kBlock, g_.out_channels - (block + b.out_blocks - 1) * kBlock));
      b.epilogue = &epilogue_;
      b.sums = sums;
      kAmxBf16.multiply(b);
    }
  }

  ConvGeometry g_;
  Cut cut_;
  Epilogue epilogue_;
  size_t residual_;  // input index, 0: none
  size_t workers_;
  const float* bias_;
  const uint16_t* weights_;
};

class AmxConv final : public BlockedConv {
 public:
  AmxConv() : BlockedConv("conv.cpu.amx_bf16", Layout::nchw16c) {}
  std::string packing(const Problem&) const override { return "amx_bf16"; }

 private:
  std::string missing() const override { return cpu_features().amx_bf16 ? "" : "needs AMX with bf16"; }
  std::string read(const Problem& problem, ConvGeometry& g) const override { return read_amx(problem, g); }

  void estimate(const Problem& problem, const ConvGeometry& g, Verdict& verdict) const override {
    verdict.workspace_bytes =
        std::max<size_t>(problem.thread_count, 1) * choose_cut(g, problem.thread_count).worker_bytes;
    // Tiles do 16 times the work of f32 vectors; copying the input and the epilogue cost more than the sums.
    verdict.estimated_ms = estimate_ms(16, problem.thread_count, g.flops() / 16, 0.4, 2 * tensor_bytes(g));
  }

  size_t weight_bytes(const ConvGeometry& g) const override {
    const int64_t tiles = g.out_blocks() * pairs_of(g.in_blocks()) * g.kernel_h * g.kernel_w;
    return static_cast<size_t>(tiles * kWeightTile) * sizeof(uint16_t);
  }

  // For each pair of output blocks (the last may be one) [pair of input blocks][tap][block] tiles.
  void pack_weights(const ConvGeometry& g, const std::vector<float>& weight,
                    std::byte* packed) const override {
    auto* tile = reinterpret_cast<uint16_t*>(packed);
    const int64_t blocks = g.out_blocks(), taps = g.kernel_h * g.kernel_w;
    for (int64_t block = 0; block < blocks; block += 2)
      for (int64_t in_pair = 0; in_pair < pairs_of(g.in_blocks()); ++in_pair)
        for (int64_t tap = 0; tap < taps; ++tap)
          for (int64_t b = block; b < std::min(block + 2, blocks); ++b, tile += kWeightTile)
            for (int64_t k = 0; k < 32; ++k)
              for (int64_t o = 0; o < kBlock; ++o) {
                const int64_t m = b * kBlock + o, c = in_pair * 32 + k;
                if (m >= g.out_channels || c >= g.in_channels) continue;
                tile[k / 2 * 32 + o * 2 + k % 2] =
                    f32_to_bf16(weight[static_cast<size_t>((m * g.in_channels + c) * taps + tap)]);
              }
  }

  std::unique_ptr<Runner> runner(const Problem& problem, const ConvGeometry& g, const float* bias,
                                 const std::byte* weights) const override {
    return std::make_unique<AmxRunner>(g, std::get<Conv>(problem.op), problem.thread_count, bias,
                                       reinterpret_cast<const uint16_t*>(weights));
  }
};

}  // namespace

const Kernel& conv_amx_bf16() {
  static const AmxConv kernel;
  return kernel;
}

}  // namespace hone

#endif
