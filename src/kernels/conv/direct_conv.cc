// conv.cpu.direct_*: any filter, stride, padding and dilation on channel blocks; groups of whole blocks.
//
// A task is a band of output pixels times some panels of output channels. It sums the input channels in
// chunks whose weights stay in L1 while the band goes by; between chunks the sums wait in the output, which
// is in L1 or L2.
#include <algorithm>

#include "kernels/conv/blocked_conv.h"

namespace hone {
namespace {

constexpr int64_t kWeightBytes = 16 << 10;  // weights of a panel that are used at a time: half of L1
constexpr int64_t kBandPixels = 128;
constexpr int64_t kTasksPerThread = 6;

struct Panel {
  int64_t group = 0, first_block = 0;  // output block
  int blocks = 0;
  int64_t weights = 0;  // offset in floats
};

// Panels in order, their weights after one another; the number of floats last.
std::vector<Panel> make_panels(const ConvGeometry& g, int64_t& floats) {
  const int64_t group_blocks = g.out_blocks() / g.group;
  const int64_t inputs = g.plain_input ? g.in_channels : g.in_blocks() / g.group * g.block;
  std::vector<Panel> panels;
  floats = 0;
  for (int64_t group = 0; group < g.group; ++group) {
    int64_t block = group * group_blocks;
    for (const int size : split_panels(group_blocks)) {
      panels.push_back({.group = group, .first_block = block, .blocks = size, .weights = floats});
      floats += inputs * g.kernel_h * g.kernel_w * size * g.block;
      block += size;
    }
  }
  return panels;
}

// [panel][input block][kernel row][kernel column][channel in block][output channel of the panel]
void pack_panel(const Panel& panel, const ConvGeometry& g, const std::vector<float>& weight, float* out) {
  const int64_t taps = g.kernel_h * g.kernel_w, in_group = g.in_channels / g.group;
  const int64_t block = g.plain_input ? 1 : g.block, width = panel.blocks * g.block;
  for (int64_t c = 0; c < in_group; ++c)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t o = 0; o < width; ++o) {
        const int64_t m = panel.first_block * g.block + o;
        const int64_t at = ((c / block * taps + tap) * block + c % block) * width + o;
        if (m < g.out_channels) out[at] = weight[static_cast<size_t>((m * in_group + c) * taps + tap)];
      }
}

// How the work is cut into tasks: bands of the output, and parts of the panels.
struct Cut {
  int64_t band_rows = 1, band_columns = 1, bands_y = 1, bands_x = 1;
  int64_t parts = 1;

  int64_t tasks(const ConvGeometry& g) const { return g.batch * bands_y * bands_x * parts; }
};

Cut cut_work(const ConvGeometry& g, int64_t panels, size_t threads) {
  Cut c;
  // Equal bands of a row, of whole tiles: 12 pixels are a multiple of most.
  const int64_t across = (g.out_width + kBandPixels - 1) / kBandPixels;
  c.band_columns = std::min(g.out_width, ((g.out_width + across - 1) / across + 11) / 12 * 12);
  c.band_rows = std::clamp<int64_t>(kBandPixels / c.band_columns, 1, g.out_height);
  c.bands_x = (g.out_width + c.band_columns - 1) / c.band_columns;
  c.bands_y = (g.out_height + c.band_rows - 1) / c.band_rows;
  const int64_t bands = g.batch * c.bands_y * c.bands_x;
  const int64_t wanted = kTasksPerThread * static_cast<int64_t>(std::max<size_t>(threads, 1));
  c.parts = std::clamp<int64_t>((wanted + bands - 1) / bands, 1, panels);
  return c;
}

// A 1x1 filter at stride 1 sees one long row: no tile ends early.
ConvGeometry flatten(ConvGeometry g) {
  if (g.kernel_h == 1 && g.kernel_w == 1 && g.stride_h == 1 && g.stride_w == 1 &&
      g.in_area() == g.out_area()) {
    g.in_width = g.out_width = g.out_area();
    g.in_height = g.out_height = 1;
  }
  return g;
}

class DirectRunner final : public Runner {
 public:
  DirectRunner(const TileTable& tiles, const ConvGeometry& geometry, const Conv& conv, size_t threads,
               const float* bias, const float* weights)
      : tiles_(tiles),
        g_(flatten(geometry)),
        epilogue_(make_epilogue(conv)),
        residual_(conv.has_residual ? residual_index(conv) : 0),
        bias_(bias),
        weights_(weights) {
    int64_t floats = 0;
    panels_ = make_panels(g_, floats);
    cut_ = cut_work(g_, static_cast<int64_t>(panels_.size()), threads);
  }

  void run(const RunArgs& args) noexcept override {
    args.threads->run(static_cast<size_t>(cut_.tasks(g_)),
                      [&](size_t task) { run_task(args, static_cast<int64_t>(task)); });
  }

 private:
  struct Band {
    int64_t row_begin, row_end, col_begin, col_end;
    const float *image, *residual;
    float* output;
  };

  // Neighbouring tasks share a part of the panels, so that threads meet in the weights.
  void run_task(const RunArgs& args, int64_t task) const {
    const int64_t bands = cut_.bands_y * cut_.bands_x;
    const int64_t part = task / (bands * g_.batch), n = task / bands % g_.batch, at = task % bands;
    Band band{};
    band.row_begin = at / cut_.bands_x * cut_.band_rows;
    band.row_end = std::min(band.row_begin + cut_.band_rows, g_.out_height);
    band.col_begin = at % cut_.bands_x * cut_.band_columns;
    band.col_end = std::min(band.col_begin + cut_.band_columns, g_.out_width);
    band.image = static_cast<const float*>(args.inputs[0].data) + n * args.inputs[0].image_stride;
    band.output = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride;
    if (residual_)
      band.residual =
          static_cast<const float*>(args.inputs[residual_].data) + n * args.inputs[residual_].image_stride;
    const auto count = static_cast<int64_t>(panels_.size());
    for (int64_t i = part * count / cut_.parts; i < (part + 1) * count / cut_.parts; ++i) {
      sum(panels_[static_cast<size_t>(i)], band);
      finish(panels_[static_cast<size_t>(i)], band);
    }
  }

  void sum(const Panel& panel, const Band& band) const {
    const int64_t blocks = g_.plain_input ? g_.in_channels : g_.in_blocks() / g_.group;
    const int64_t block_weights =
        g_.kernel_h * g_.kernel_w * (g_.plain_input ? 1 : g_.block) * panel.blocks * g_.block;
    const int64_t fit = std::max<int64_t>(1, kWeightBytes / 4 / block_weights);
    const int64_t chunks = (blocks + fit - 1) / fit;
    DirectPanel p = window();
    p.row_begin = band.row_begin, p.row_end = band.row_end;
    p.col_begin = band.col_begin, p.col_end = band.col_end;
    p.output = band.output + panel.first_block * p.out_block_stride;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = chunk * blocks / chunks, end = (chunk + 1) * blocks / chunks;
      p.input = band.image + (panel.group * blocks + begin) * p.in_block_stride;
      p.in_blocks = end - begin;
      p.weights = weights_ + panel.weights + begin * block_weights;
      p.bias = chunk == 0 ? bias_ + panel.first_block * g_.block : nullptr;
      tiles_.direct(p, panel.blocks);
    }
  }

  void finish(const Panel& panel, const Band& band) const {
    const int64_t at = (band.row_begin * g_.out_width + band.col_begin) * g_.block;
    FinishBlock f;
    f.row_stride = f.residual_row_stride = g_.out_width * g_.block;
    f.epilogue = &epilogue_;
    f.rows = band.row_end - band.row_begin;
    f.row_pixels = band.col_end - band.col_begin;
    for (int64_t block = panel.first_block; block < panel.first_block + panel.blocks; ++block) {
      const int64_t plane = block * g_.out_area() * g_.block;
      f.output = band.output + plane + at;
      if (band.residual) f.residual = band.residual + plane + at;
      f.channels = static_cast<int>(std::min(g_.block, g_.out_channels - block * g_.block));
      tiles_.finish(f);
    }
  }

  DirectPanel window() const {
    DirectPanel p;
    p.in_block_stride = g_.in_area() * (g_.plain_input ? 1 : g_.block);
    p.out_block_stride = g_.out_area() * g_.block;
    p.in_height = g_.in_height, p.in_width = g_.in_width, p.out_width = g_.out_width;
    p.kernel_h = g_.kernel_h, p.kernel_w = g_.kernel_w, p.stride_h = g_.stride_h, p.stride_w = g_.stride_w;
    p.pad_top = g_.pad_top, p.pad_left = g_.pad_left, p.dilation_h = g_.dilation_h,
    p.dilation_w = g_.dilation_w;
    p.plain_input = g_.plain_input;
    return p;
  }

  const TileTable& tiles_;
  ConvGeometry g_;
  Epilogue epilogue_;
  size_t residual_;  // input index, 0: none
  const float *bias_, *weights_;
  std::vector<Panel> panels_;
  Cut cut_;
};

class DirectConv final : public TiledConv {
 public:
  DirectConv(const TileIsa& isa, const char* name) : TiledConv(isa, name) {}
  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc>) const override {
    return blocked_signatures(blocked_layout(tiles_), inputs);
  }
  std::string packing(const Problem& problem) const override {
    const bool plain = problem.inputs[0].layout == Layout::plain;
    return "direct" + std::to_string(tiles_.block) + (plain ? ".plain" : "");
  }

 private:
  std::string read(const Problem& problem, ConvGeometry& g) const override {
    if (std::string why = read_geometry(problem, tiles_, g); !why.empty()) return why;
    if (g.group > 1 &&
        (g.plain_input || g.in_channels / g.group % g.block != 0 || g.out_channels / g.group % g.block != 0))
      return "a group's channels are no multiple of " + std::to_string(g.block);
    return {};
  }

  void estimate(const Problem& problem, const ConvGeometry& g, Verdict& verdict) const override {
    // Channels that fill a block with zeros cost as much as real ones.
    const double padded_in =
        g.plain_input ? 1.0
                      : static_cast<double>(g.in_blocks() * g.block) / static_cast<double>(g.in_channels);
    const double padded_out =
        static_cast<double>(g.out_blocks() * g.block) / static_cast<double>(g.out_channels);
    verdict.estimated_ms = estimate_ms(lanes_of(tiles_), problem.thread_count,
                                       g.flops() * padded_in * padded_out, 0.75, tensor_bytes(g));
  }

  size_t weight_bytes(const ConvGeometry& g) const override {
    int64_t floats = 0;
    make_panels(g, floats);
    return static_cast<size_t>(floats) * sizeof(float);
  }

  void pack_weights(const ConvGeometry& g, const std::vector<float>& weight,
                    std::byte* packed) const override {
    int64_t floats = 0;
    for (const Panel& panel : make_panels(g, floats))
      pack_panel(panel, g, weight, reinterpret_cast<float*>(packed) + panel.weights);
  }

  std::unique_ptr<Runner> runner(const Problem& problem, const ConvGeometry& g, const float* bias,
                                 const std::byte* weights) const override {
    return std::make_unique<DirectRunner>(tiles_, g, std::get<Conv>(problem.op), problem.thread_count, bias,
                                          reinterpret_cast<const float*>(weights));
  }
};

}  // namespace

#if defined(__x86_64__)
const Kernel& conv_direct_avx512() {
  static const DirectConv kernel(kAvx512Isa, "conv.cpu.direct_avx512");
  return kernel;
}
const Kernel& conv_direct_avx2() {
  static const DirectConv kernel(kAvx2Isa, "conv.cpu.direct_avx2");
  return kernel;
}
#endif
const Kernel& conv_direct_baseline() {
  static const DirectConv kernel(kBaselineIsa, "conv.cpu.direct_baseline");
  return kernel;
}

}  // namespace hone
