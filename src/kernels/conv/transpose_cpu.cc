// ConvTranspose of plain f32 pictures: one matrix product gives every input pixel's share of every tap, [M k
// k][H W]; then each output channel gathers its shares. Weights are constant and packed in panels ahead.
#include <cstring>

#include "kernels/cpu_kernel.h"
#include "kernels/matmul/panels.h"
#include "kernels/simd/loops.h"
#include "kernels/window.h"

namespace hone {
namespace {

struct Sizes {
  Window window;
  int64_t images, channels, pixels, width, height;  // of the input; channels of a group
  int64_t groups, filters, taps;                    // filters of a group; taps of a filter
  int64_t out_height, out_width;

  int64_t columns() const { return filters * taps; }
  int64_t packed_floats() const { return groups * panel_count(columns()) * panel_floats(channels); }
  int64_t share_floats() const { return groups * columns() * pixels; }
};

Sizes sizes_of(const ConvTranspose& conv, const Shape& x, const Shape& weight, const Shape& y) {
  Sizes s{};
  s.window = make_window(std::span(weight).subspan(2), conv.strides, conv.pads, conv.dilations);
  s.images = x[0], s.groups = conv.group, s.channels = x[1] / conv.group;
  s.height = x[2], s.width = x[3], s.pixels = x[2] * x[3];
  s.filters = weight[1], s.taps = weight[2] * weight[3];
  s.out_height = y[2], s.out_width = y[3];
  return s;
}

class TransposeRunner final : public Runner {
 public:
  TransposeRunner(const ConvTranspose& conv, const Sizes& sizes, std::span<const std::byte> packed)
      : conv_(conv), s_(sizes), packed_(reinterpret_cast<const float*>(packed.data())) {}

  void run(const RunArgs& args) noexcept override {
    auto* shares = reinterpret_cast<float*>(args.workspace);
    const auto* bias = conv_.has_bias ? static_cast<const float*>(args.inputs[2].data) : nullptr;
    const int64_t panels = panel_count(s_.columns()), blocks = (s_.pixels + kBlockPixels - 1) / kBlockPixels;
    for (int64_t n = 0; n < s_.images; ++n) {
      const auto* x = static_cast<const float*>(args.inputs[0].data) + n * args.inputs[0].image_stride;
      auto* y = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride;
      parallel_ranges(*args.threads, s_.groups * blocks * panels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          multiply(x, shares, i / panels / blocks, i / panels % blocks * kBlockPixels, i % panels);
      });
      parallel_ranges(*args.threads, s_.groups * s_.filters, 1, [&](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m) gather(shares, y, m, bias ? bias[m] : 0.0f);
      });
    }
  }

 private:
  static constexpr int64_t kBlockPixels = 96;

  // Shares of a block of pixels and one panel of (filter, tap) columns.
  void multiply(const float* x, float* shares, int64_t group, int64_t first_pixel, int64_t panel) const {
    const MatMulTile& tile = matmul_tile();
    const int64_t column = panel * tile.columns, columns = std::min(tile.columns, s_.columns() - column);
    const float* b = packed_ + (group * panel_count(s_.columns()) + panel) * panel_floats(s_.channels);
    const int64_t end = std::min(first_pixel + kBlockPixels, s_.pixels);
    float sums[kMaxTileRows * kMaxPanelColumns];
    for (int64_t pixel = first_pixel; pixel < end; pixel += tile.rows) {
      const int64_t rows = std::min(tile.rows, end - pixel);
      tile.run(x + group * s_.channels * s_.pixels + pixel, 1, s_.pixels, rows, b, s_.channels, sums);
      for (int64_t j = 0; j < columns; ++j) {
        float* to = shares + (group * s_.columns() + column + j) * s_.pixels + pixel;
        for (int64_t r = 0; r < rows; ++r) to[r] = sums[r * tile.columns + j];
      }
    }
  }

  // y[m] = act(bias + shares), tap by tap.
  void gather(const float* shares, float* y, int64_t m, float bias) const {
    float* plane = y + m * s_.out_height * s_.out_width;
    std::fill_n(plane, s_.out_height * s_.out_width, bias);
    const Window& w = s_.window;
    for (int64_t ky = 0; ky < w.kernel[0]; ++ky)
      for (int64_t kx = 0; kx < w.kernel[1]; ++kx) {
        const float* share = shares + (m * s_.taps + ky * w.kernel[1] + kx) * s_.pixels;
        const int64_t down = ky * w.dilation[0] - w.pad_begin[0],
                      across = kx * w.dilation[1] - w.pad_begin[1];
        for (int64_t row = 0; row < s_.height; ++row) {
          const int64_t at = row * w.stride[0] + down;
          if (at >= 0 && at < s_.out_height)
            add_row(share + row * s_.width, plane + at * s_.out_width, across);
        }
      }
    if (!conv_.activation.is_identity())
      loops().unary(conv_.activation, plane, plane, s_.out_height * s_.out_width);
  }

  void add_row(const float* share, float* line, int64_t across) const {
    const int64_t stride = s_.window.stride[1];
    const int64_t begin = across >= 0 ? 0 : (-across + stride - 1) / stride;
    const int64_t end =
        s_.out_width <= across ? 0 : std::min(s_.width, (s_.out_width - 1 - across) / stride + 1);
    for (int64_t i = begin; i < end; ++i) line[i * stride + across] += share[i];
  }

  ConvTranspose conv_;
  Sizes s_;
  const float* packed_;
};

constexpr double kMacsPerMs = 1.5e7;

class ConvTransposeCpu final : public Kernel {
 public:
  std::string_view name() const override { return "conv_transpose.cpu"; }
  std::string_view op() const override { return ConvTranspose::name; }

  Verdict may_i(const Problem& p) const override {
    const auto& conv = std::get<ConvTranspose>(p.op);
    if (p.inputs.size() != (conv.has_bias ? 3u : 2u) || p.outputs.size() != 1)
      return Verdict::no("has another number of operands");
    for (const auto operands : {p.inputs, p.outputs})
      for (const TensorDesc& desc : operands)
        if (desc.type != DType::f32 || desc.layout != Layout::plain || !desc.concrete())
          return Verdict::no("takes plain f32, not " + desc_text(desc));
    const Shape &x = p.inputs[0].shape, &weight = p.inputs[1].shape, &y = p.outputs[0].shape;
    if (x.size() != 4 || weight.size() != 4 || y.size() != 4) return Verdict::no("takes pictures");
    if (p.constants.size() < 2 || !p.constants[1]) return Verdict::no("wants constant weights");
    if (conv.group < 1 || x[1] != weight[0] || x[1] % conv.group || y[1] != weight[1] * conv.group ||
        y[0] != x[0])
      return Verdict::no("has channels that do not fit its groups");
    if (std::string why = check_window(2, conv.strides, conv.pads, conv.dilations); !why.empty())
      return Verdict::no(why);
    if (product(x) == 0 || product(weight) == 0) return Verdict::no("has nothing to compute");
    if (!conv.activation.is_identity() && !has_unary_loop(conv.activation.kind))
      return Verdict::no("has no vector form of " + std::string(unary_name(conv.activation.kind)));
    const Sizes s = hone::sizes_of(conv, x, weight, y);
    Verdict verdict;
    verdict.legal = true;
    verdict.image_stride = true;
    verdict.workspace_bytes = static_cast<size_t>(s.share_floats()) * sizeof(float);
    verdict.estimated_ms = 1e-3 + static_cast<double>(s.images * s.share_floats() * s.channels) / kMacsPerMs /
                                      static_cast<double>(std::max<size_t>(p.thread_count, 1));
    return verdict;
  }

  std::string packing(const Problem& p) const override {
    return "panels" + std::to_string(matmul_tile().columns) + "g" +
           std::to_string(std::get<ConvTranspose>(p.op).group);
  }
  std::vector<size_t> packed_inputs(const Problem&) const override { return {1}; }

  Result<std::vector<std::byte>> pack(const Problem& p) const override {
    const Sizes s = sizes_of(p);
    HONE_ASSIGN(const Bytes weight, p.constants[1]->bytes());
    std::vector<std::byte> packed(static_cast<size_t>(s.packed_floats()) * sizeof(float));
    auto* to = reinterpret_cast<float*>(packed.data());
    for (int64_t g = 0; g < s.groups; ++g)
      for (int64_t panel = 0; panel < panel_count(s.columns()); ++panel, to += panel_floats(s.channels))
        pack_panel({weight.as<float>().data() + g * s.channels * s.columns(), s.channels, s.columns(),
                    s.columns(), 1},
                   panel, to);
    return packed;
  }

  Result<std::unique_ptr<Runner>> prepare(const Problem& p,
                                          std::span<const std::byte> packed) const override {
    return std::make_unique<TransposeRunner>(std::get<ConvTranspose>(p.op), sizes_of(p), packed);
  }

 private:
  static Sizes sizes_of(const Problem& p) {
    return hone::sizes_of(std::get<ConvTranspose>(p.op), p.inputs[0].shape, p.inputs[1].shape,
                          p.outputs[0].shape);
  }
};

}  // namespace

const Kernel& conv_transpose_cpu() {
  static const ConvTransposeCpu kernel;
  return kernel;
}

}  // namespace hone
