// conv.cpu.winograd_*: 3x3 filters at stride 1 by F(4x4, 3x3): 36 products of matrices for 16 outputs, a
// quarter of the direct sum's multiplications.
//
// Tiles go through in batches: transform the input of a batch, multiply at each of the 36 points, transform
// back. Where the whole picture is a small batch, threads share it and meet after each step, so that each
// reads its part of the weights once; else each thread takes batches of its own, small enough for its L2.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "kernels/conv/blocked_conv.h"

namespace hone {
namespace {

constexpr int64_t kTile = 4, kPoints = 36;
constexpr int64_t kBatchBytes = 640 << 10;  // both transforms of a thread's own batch
constexpr int64_t kSharedBytes = 6 << 20;   // of a batch that all threads share
constexpr int64_t kShareWeights = 1 << 20;  // weights of this size are worth reading once

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
// Floats between the planes of two points: an odd number of cache lines, so that 36 of them do not meet in
// one set.
int64_t plane_stride(int64_t blocks, int64_t tiles, int64_t block) {
  const int64_t lines = round_up(blocks * tiles * block, 16) / 16;
  return (lines | 1) * 16;
}

struct Panel {
  int64_t first_block = 0;
  int blocks = 0;
  int64_t weights = 0;  // offset in floats inside a point
};

struct Shape36 {
  int64_t tiles_x = 0, tiles = 0;  // of one image
  int64_t batch_tiles = 0;         // of the batch that goes through at once
  bool shared = false;
  int64_t in_stride = 0, out_stride = 0;  // floats between planes
  int64_t workers = 1;
  size_t workspace_bytes() const {
    return static_cast<size_t>((in_stride + out_stride) * kPoints * 4 * (shared ? 1 : workers));
  }
};

Shape36 choose_batches(const ConvGeometry& g, size_t threads) {
  Shape36 s;
  s.tiles_x = (g.out_width + kTile - 1) / kTile;
  s.tiles = s.tiles_x * ((g.out_height + kTile - 1) / kTile);
  const int64_t all = s.tiles * g.batch, channels = (g.in_blocks() + g.out_blocks()) * g.block;
  const int64_t tile_bytes = kPoints * channels * 4;
  const int64_t weight_bytes = kPoints * g.in_blocks() * g.out_blocks() * g.block * g.block * 4;
  s.workers = static_cast<int64_t>(std::max<size_t>(threads, 1));
  s.shared = all * tile_bytes <= kSharedBytes && (weight_bytes >= kShareWeights || all < 24 * s.workers);
  if (s.shared) {
    s.batch_tiles = all;
  } else {
    const int64_t fit = std::max<int64_t>(kBatchBytes / tile_bytes, 24);
    const int64_t batches = round_up(std::max<int64_t>((all + fit - 1) / fit, 1), s.workers);
    s.batch_tiles = std::clamp<int64_t>((all + batches - 1) / batches, 1, all);
  }
  s.in_stride = plane_stride(g.in_blocks(), s.batch_tiles, g.block);
  s.out_stride = plane_stride(g.out_blocks(), s.batch_tiles, g.block);
  return s;
}

std::vector<Panel> make_panels(const ConvGeometry& g) {
  std::vector<Panel> panels;
  int64_t block = 0, weights = 0;
  for (const int size : split_panels(g.out_blocks())) {
    panels.push_back({.first_block = block, .blocks = size, .weights = weights});
    block += size;
    weights += g.in_blocks() * g.block * size * g.block;
  }
  return panels;
}
int64_t point_floats(const ConvGeometry& g) { return g.in_blocks() * g.out_blocks() * g.block * g.block; }

// G w G^T in f64, kLanes filters side by side. Rows of G belong to the points 0, a, -a, b, -b, infinity: (1,
// p, p^2) over the product of the differences between p and the other points (winograd_tile.h has the
// points).
constexpr int64_t kLanes = 8;
using Filters = double[9][kLanes];
using Transformed = float[kPoints][kLanes];
void transform_filters(const Filters& w, Transformed& out) {
  static const double a = std::sqrt(0.5), b = std::sqrt(2.0);
  const double g[6][3] = {{1, 0, 0},
                          {-1 / 1.5, -a / 1.5, -0.5 / 1.5},
                          {-1 / 1.5, a / 1.5, -0.5 / 1.5},
                          {1.0 / 6, b / 6, 2.0 / 6},
                          {1.0 / 6, -b / 6, 2.0 / 6},
                          {0, 0, 1}};
  double t[6][3][kLanes];
  for (int i = 0; i < 6; ++i)
    for (int c = 0; c < 3; ++c)
      for (int l = 0; l < kLanes; ++l)
        t[i][c][l] = g[i][0] * w[c][l] + g[i][1] * w[3 + c][l] + g[i][2] * w[6 + c][l];
  for (int i = 0; i < 6; ++i)
    for (int j = 0; j < 6; ++j)
      for (int l = 0; l < kLanes; ++l)
        out[i * 6 + j][l] =
            static_cast<float>(t[i][0][l] * g[j][0] + t[i][1][l] * g[j][1] + t[i][2][l] * g[j][2]);
}

class WinogradRunner final : public Runner {
 public:
  WinogradRunner(const TileTable& tiles, const ConvGeometry& geometry, const Conv& conv, size_t threads,
                 const float* bias, const float* weights)
      : tiles_(tiles),
        g_(geometry),
        s_(choose_batches(geometry, threads)),
        panels_(make_panels(geometry)),
        epilogue_(make_epilogue(conv)),
        residual_(conv.has_residual ? residual_index(conv) : 0),
        bias_(bias),
        weights_(weights) {}

  void run(const RunArgs& args) noexcept override { s_.shared ? run_shared(args) : run_batches(args); }

 private:
  struct Buffers {
    float *transformed, *products;
  };
  Buffers buffers(const RunArgs& args, int64_t worker) const {
    float* start =
        reinterpret_cast<float*>(args.workspace) + worker * (s_.in_stride + s_.out_stride) * kPoints;
    return {start, start + s_.in_stride * kPoints};
  }

  void run_batches(const RunArgs& args) const {
    const int64_t all = s_.tiles * g_.batch;
    std::atomic<int64_t> next{0};
    args.threads->run(static_cast<size_t>(s_.workers), [&](size_t worker) {
      const Buffers b = buffers(args, static_cast<int64_t>(worker));
      for (int64_t begin = next.fetch_add(s_.batch_tiles); begin < all;
           begin = next.fetch_add(s_.batch_tiles)) {
        const int64_t count = std::min(s_.batch_tiles, all - begin);
        for (int64_t block = 0; block < g_.in_blocks(); ++block)
          transform_input(args, b, block, begin, 0, count);
        for (int64_t point = 0; point < kPoints; ++point)
          for (const Panel& panel : panels_) multiply(b, point, panel, 0, count);
        for (int64_t block = 0; block < g_.out_blocks(); ++block)
          transform_output(args, b, block, begin, 0, count);
      }
    });
  }

  void run_shared(const RunArgs& args) const {
    const Buffers b = buffers(args, 0);
    const int64_t all = s_.batch_tiles, parts = std::clamp<int64_t>(all / 16, 1, 4);
    args.threads->run(static_cast<size_t>(g_.in_blocks() * parts), [&](size_t task) {
      const int64_t block = static_cast<int64_t>(task) / parts, part = static_cast<int64_t>(task) % parts;
      transform_input(args, b, block, 0, part * all / parts, (part + 1) * all / parts);
    });
    // A task's panels follow each other in the packed weights.
    const auto count = static_cast<int64_t>(panels_.size());
    const int64_t groups = std::min(count, (4 * s_.workers + kPoints - 1) / kPoints);
    args.threads->run(static_cast<size_t>(kPoints * groups), [&](size_t task) {
      const int64_t point = static_cast<int64_t>(task) / groups, group = static_cast<int64_t>(task) % groups;
      for (int64_t i = group * count / groups; i < (group + 1) * count / groups; ++i)
        multiply(b, point, panels_[static_cast<size_t>(i)], 0, all);
    });
    args.threads->run(static_cast<size_t>(g_.out_blocks() * parts), [&](size_t task) {
      const int64_t block = static_cast<int64_t>(task) / parts, part = static_cast<int64_t>(task) % parts;
      transform_output(args, b, block, 0, part * all / parts, (part + 1) * all / parts);
    });
  }

  // Tiles [first, last) of the batch that begins at tile `begin` of all images, image by image: f(image, tile
  // in it, tiles, place in the batch).
  template <class F>
  void by_image(int64_t begin, int64_t first, int64_t last, F&& f) const {
    while (first < last) {
      const int64_t n = (begin + first) / s_.tiles, tile = (begin + first) % s_.tiles;
      const int64_t count = std::min(last - first, s_.tiles - tile);
      f(n, tile, count, first);
      first += count;
    }
  }

  void transform_input(const RunArgs& args, const Buffers& b, int64_t block, int64_t begin, int64_t first,
                       int64_t last) const {
    by_image(begin, first, last, [&](int64_t n, int64_t tile, int64_t count, int64_t place) {
      WinogradInput p;
      p.input = static_cast<const float*>(args.inputs[0].data) + n * args.inputs[0].image_stride +
                block * g_.in_area() * g_.block;
      p.height = g_.in_height, p.width = g_.in_width, p.pad_top = g_.pad_top, p.pad_left = g_.pad_left;
      p.tile_begin = tile, p.tile_count = count, p.tiles_x = s_.tiles_x;
      p.transformed = b.transformed + (block * s_.batch_tiles + place) * g_.block;
      p.point_stride = s_.in_stride;
      tiles_.winograd_input(p);
    });
  }

  void multiply(const Buffers& b, int64_t point, const Panel& panel, int64_t first, int64_t last) const {
    WinogradProduct p;
    p.transformed = b.transformed + point * s_.in_stride + first * g_.block;
    p.weights = weights_ + point * point_floats(g_) + panel.weights;
    p.products = b.products + point * s_.out_stride + (panel.first_block * s_.batch_tiles + first) * g_.block;
    p.in_blocks = g_.in_blocks(), p.tiles = last - first;
    p.in_block_stride = p.product_block_stride = s_.batch_tiles * g_.block;
    tiles_.winograd_multiply(p, panel.blocks);
  }

  void transform_output(const RunArgs& args, const Buffers& b, int64_t block, int64_t begin, int64_t first,
                        int64_t last) const {
    const int64_t at = block * g_.out_area() * g_.block;
    by_image(begin, first, last, [&](int64_t n, int64_t tile, int64_t count, int64_t place) {
      WinogradOutput p;
      p.products = b.products + (block * s_.batch_tiles + place) * g_.block;
      p.point_stride = s_.out_stride;
      p.bias = bias_ + block * g_.block;
      if (residual_)
        p.residual = static_cast<const float*>(args.inputs[residual_].data) +
                     n * args.inputs[residual_].image_stride + at;
      p.output = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride + at;
      p.height = g_.out_height, p.width = g_.out_width;
      p.tile_begin = tile, p.tile_count = count, p.tiles_x = s_.tiles_x;
      p.channels = static_cast<int>(std::min(g_.block, g_.out_channels - block * g_.block));
      p.epilogue = &epilogue_;
      tiles_.winograd_output(p);
    });
  }

  const TileTable& tiles_;
  ConvGeometry g_;
  Shape36 s_;
  std::vector<Panel> panels_;
  Epilogue epilogue_;
  size_t residual_;  // input index, 0: none
  const float *bias_, *weights_;
};

class WinogradConv final : public TiledConv {
 public:
  WinogradConv(const TileIsa& isa, const char* name) : TiledConv(isa, name) {}
  std::string packing(const Problem&) const override { return "winograd4." + std::to_string(tiles_.block); }

 private:
  std::string read(const Problem& problem, ConvGeometry& g) const override {
    if (std::string why = read_geometry(problem, tiles_, g); !why.empty()) return why;
    if (g.kernel_h != 3 || g.kernel_w != 3) return "the filter is not 3x3";
    if (g.stride_h != 1 || g.stride_w != 1 || g.dilation_h != 1 || g.dilation_w != 1)
      return "stride or dilation is not 1";
    if (g.group != 1) return "takes no groups";
    if (g.plain_input) return "a plain input has too few channels";
    const int64_t tiles = (g.out_height + kTile - 1) / kTile * ((g.out_width + kTile - 1) / kTile);
    if (tiles * kTile * kTile > 2 * g.out_area()) return "tiles of 4x4 fit the output badly";
    return {};
  }

  void estimate(const Problem& problem, const ConvGeometry& g, Verdict& verdict) const override {
    const Shape36 s = choose_batches(g, problem.thread_count);
    const auto tiles = static_cast<double>(s.tiles * g.batch);
    const auto blocks = static_cast<double>(g.in_blocks() + g.out_blocks());
    verdict.workspace_bytes = s.workspace_bytes();
    const double channels = static_cast<double>(g.block);
    const double products =
        2 * kPoints * tiles * static_cast<double>(g.in_blocks() * g.out_blocks()) * channels * channels;
    // A transform of a tile and block takes about as long as 400 multiply-adds of a vector.
    const double transforms = 2 * 400 * tiles * blocks * channels;
    const double moved = 4 * kPoints * (tiles * blocks * channels + static_cast<double>(point_floats(g)));
    verdict.estimated_ms = estimate_ms(lanes_of(tiles_), problem.thread_count, products + transforms, 0.8,
                                       tensor_bytes(g) + moved / 4);
  }

  size_t weight_bytes(const ConvGeometry& g) const override {
    return static_cast<size_t>(kPoints * point_floats(g)) * sizeof(float);
  }

  // [point][panel][input channel][output channel of the panel]
  void pack_weights(const ConvGeometry& g, const std::vector<float>& weight,
                    std::byte* packed) const override {
    auto* out = reinterpret_cast<float*>(packed);
    for (const Panel& panel : make_panels(g)) {
      const int64_t width = panel.blocks * g.block;
      for (int64_t o = 0; o < width; o += kLanes)
        for (int64_t c = 0; c < g.in_channels; ++c)
          pack_lanes(g, weight, panel.first_block * g.block + o, c, out + panel.weights + c * width + o);
    }
  }

  std::unique_ptr<Runner> runner(const Problem& problem, const ConvGeometry& g, const float* bias,
                                 const std::byte* weights) const override {
    return std::make_unique<WinogradRunner>(tiles_, g, std::get<Conv>(problem.op), problem.thread_count, bias,
                                            reinterpret_cast<const float*>(weights));
  }

  // Filters [first, first + kLanes) of input channel c, at each of the points.
  static void pack_lanes(const ConvGeometry& g, const std::vector<float>& weight, int64_t first, int64_t c,
                         float* out) {
    Filters filters = {};
    const int64_t lanes = std::min(kLanes, g.out_channels - first);
    for (int64_t l = 0; l < lanes; ++l)
      for (int64_t tap = 0; tap < 9; ++tap)
        filters[tap][l] = weight[static_cast<size_t>(((first + l) * g.in_channels + c) * 9 + tap)];
    Transformed points;
    transform_filters(filters, points);
    for (int64_t point = 0; point < kPoints; ++point)
      std::copy_n(points[point], kLanes, out + point * point_floats(g));
  }
};

}  // namespace

#if defined(__x86_64__)
const Kernel& conv_winograd_avx512() {
  static const WinogradConv kernel(kAvx512Isa, "conv.cpu.winograd_avx512");
  return kernel;
}
const Kernel& conv_winograd_avx2() {
  static const WinogradConv kernel(kAvx2Isa, "conv.cpu.winograd_avx2");
  return kernel;
}
#endif
const Kernel& conv_winograd_baseline() {
  static const WinogradConv kernel(kBaselineIsa, "conv.cpu.winograd_baseline");
  return kernel;
}

}  // namespace hone
