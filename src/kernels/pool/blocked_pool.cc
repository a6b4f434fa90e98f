// pool.cpu.blocked_*: maximum and average over windows of two axes on channel blocks.
//
// A task is a band of output rows of one channel block. It reduces the input rows of the band along x into
// its worker's scratch, then those down the columns.
#include "kernels/pool/blocked_pool.h"

#include <algorithm>
#include <atomic>

#include "base/cpu_features.h"
#include "kernels/kernel.h"

namespace hone {
namespace {

constexpr int64_t kScratchBytes = 64 << 10;
constexpr int64_t kMaxExtent = int64_t{1} << 24;

struct Axis {
  int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;

  int64_t first(int64_t o) const { return o * stride - pad_begin; }
  // Taps [begin, end) of output o that lie inside.
  int64_t begin(int64_t o) const { return first(o) >= 0 ? 0 : (-first(o) + dilation - 1) / dilation; }
  int64_t end(int64_t o) const {
    return first(o) >= in ? 0 : std::min(kernel, (in - 1 - first(o)) / dilation + 1);
  }
  // Taps that an average counts: those inside, or those on the padding too.
  int64_t counted(int64_t o, bool with_pad) const {
    if (!with_pad) return end(o) - begin(o);
    return std::clamp<int64_t>((in + pad_end - 1 - first(o)) / dilation + 1, 0, kernel);
  }
};

struct PoolGeometry {
  int64_t batch = 0, channels = 0;
  Axis y, x;
  bool maximum = true, with_pad = false;
};

std::string read_pool(const Problem& problem, Layout layout, PoolGeometry& g) {
  const Pool* pool = std::get_if<Pool>(&problem.op);
  if (!pool) return "is not a Pool";
  if (problem.inputs.size() != 1 || problem.outputs.size() != 1)
    return "does not have one input and one output";
  const TensorDesc &in = problem.inputs[0], &out = problem.outputs[0];
  for (const TensorDesc* desc : {&in, &out}) {
    if (desc->type != DType::f32) return "the type is " + std::string(dtype_name(desc->type)) + ", not f32";
    if (!desc->concrete() || desc->shape.size() != 4) return "the rank is not 4";
    if (desc->layout != layout) return "the layout is not " + std::string(layout_name(layout));
    if (std::ranges::any_of(desc->shape, [](int64_t d) { return d < 1 || d > kMaxExtent; }))
      return "the shape is out of range";
  }
  if (in.shape[0] != out.shape[0] || in.shape[1] != out.shape[1])
    return "input and output differ in channels";
  const auto fits = [](const Ints& list, size_t size, int64_t least) {
    return list.empty() || (list.size() == size && std::ranges::all_of(list, [&](int64_t v) {
                              return v >= least && v <= kMaxExtent;
                            }));
  };
  if (pool->kernel.size() != 2 || !fits(pool->kernel, 2, 1) || !fits(pool->strides, 2, 1) ||
      !fits(pool->dilations, 2, 1) || !fits(pool->pads, 4, 0))
    return "the window is not of two positive extents";
  const auto axis = [&](size_t i) {
    return Axis{.in = in.shape[2 + i],
                .out = out.shape[2 + i],
                .kernel = pool->kernel[i],
                .stride = pool->strides.empty() ? 1 : pool->strides[i],
                .dilation = pool->dilations.empty() ? 1 : pool->dilations[i],
                .pad_begin = pool->pads.empty() ? 0 : pool->pads[i],
                .pad_end = pool->pads.empty() ? 0 : pool->pads[2 + i]};
  };
  g = {.batch = in.shape[0],
       .channels = in.shape[1],
       .y = axis(0),
       .x = axis(1),
       .maximum = pool->kind == PoolKind::max,
       .with_pad = pool->count_include_pad};
  for (const Axis& a : {g.y, g.x})
    for (int64_t o = 0; o < a.out; ++o)
      if (a.begin(o) >= a.end(o)) return "a window lies in the padding alone";
  return {};
}

// Output rows of a band, and the input rows it needs at most.
struct Band {
  int64_t rows = 1, in_rows = 1;
};
Band choose_band(const PoolGeometry& g, int64_t block) {
  const int64_t reach = (g.y.kernel - 1) * g.y.dilation + 1, row_bytes = g.x.out * block * 4;
  const int64_t fit = kScratchBytes / row_bytes - reach;
  Band band;
  band.rows = std::clamp<int64_t>(fit / g.y.stride, 1, g.y.out);
  band.in_rows = std::min(g.y.in, (band.rows - 1) * g.y.stride + reach);
  return band;
}

class PoolRunner final : public Runner {
 public:
  PoolRunner(const PoolTable& table, const PoolGeometry& geometry, size_t workers)
      : table_(table),
        g_(geometry),
        band_(choose_band(geometry, table.block)),
        workers_(std::max<size_t>(workers, 1)) {
    for (int64_t x = 0; x < g_.x.out; ++x)
      counts_x_.push_back(static_cast<float>(g_.x.counted(x, g_.with_pad)));
  }

  void run(const RunArgs& args) noexcept override {
    const int64_t blocks = (g_.channels + table_.block - 1) / table_.block;
    const int64_t bands = (g_.y.out + band_.rows - 1) / band_.rows, tasks = g_.batch * blocks * bands;
    std::atomic<int64_t> next{0};
    args.threads->run(workers_, [&](size_t worker) {
      float* scratch = reinterpret_cast<float*>(args.workspace) +
                       static_cast<int64_t>(worker) * band_.in_rows * g_.x.out * table_.block;
      for (int64_t task = next++; task < tasks; task = next++) {
        const int64_t n = task / (blocks * bands), block = task / bands % blocks;
        const float* in = static_cast<const float*>(args.inputs[0].data) + n * args.inputs[0].image_stride +
                          block * g_.y.in * g_.x.in * table_.block;
        float* out = static_cast<float*>(args.outputs[0].data) + n * args.outputs[0].image_stride +
                     block * g_.y.out * g_.x.out * table_.block;
        run_band(in, out, scratch, task % bands * band_.rows);
      }
    });
  }

 private:
  void run_band(const float* in, float* out, float* scratch, int64_t y_begin) const {
    const int64_t y_end = std::min(y_begin + band_.rows, g_.y.out), row = g_.x.out * table_.block;
    const int64_t in_begin = std::max<int64_t>(g_.y.first(y_begin), 0);
    const int64_t in_end = std::min(g_.y.in, g_.y.first(y_end - 1) + (g_.y.kernel - 1) * g_.y.dilation + 1);
    PoolRow r{.in_width = g_.x.in,
              .out_width = g_.x.out,
              .kernel = g_.x.kernel,
              .stride = g_.x.stride,
              .pad = g_.x.pad_begin,
              .dilation = g_.x.dilation};
    for (int64_t y = in_begin; y < in_end; ++y) {
      r.input = in + y * g_.x.in * table_.block;
      r.output = scratch + (y - in_begin) * row;
      table_.row(r, g_.maximum);
    }
    PoolColumns c{.width = g_.x.out, .tap_stride = g_.y.dilation * row, .counts_x = counts_x_.data()};
    for (int64_t y = y_begin; y < y_end; ++y) {
      c.taps = g_.y.end(y) - g_.y.begin(y);
      c.input = scratch + (g_.y.first(y) + g_.y.begin(y) * g_.y.dilation - in_begin) * row;
      c.output = out + y * row;
      c.count_y = static_cast<float>(g_.y.counted(y, g_.with_pad));
      table_.columns(c, g_.maximum);
    }
  }

  const PoolTable& table_;
  PoolGeometry g_;
  Band band_;
  size_t workers_;
  std::vector<float> counts_x_;
};

class BlockedPool final : public Kernel {
 public:
  BlockedPool(const PoolTable& table, const char* name, bool (*available)(), const char* missing)
      : table_(table), name_(name), available_(available), missing_(missing) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return Pool::name; }
  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc>,
                                          std::span<const TensorDesc>) const override {
    return {{.inputs = {layout()}, .outputs = {layout()}}};
  }

  Verdict may_i(const Problem& problem) const override {
    if (!available_()) return Verdict::no(missing_);
    PoolGeometry g;
    if (std::string why = read_pool(problem, layout(), g); !why.empty()) return Verdict::no(why);
    const size_t workers = std::max<size_t>(problem.thread_count, 1);
    Verdict yes;
    yes.legal = yes.image_stride = true;
    yes.workspace_bytes =
        workers * static_cast<size_t>(choose_band(g, table_.block).in_rows * g.x.out * table_.block * 4);
    // About a nanosecond a vector of each pass's taps.
    const auto rows =
        static_cast<double>(g.batch * ((g.channels + table_.block - 1) / table_.block) * g.x.out);
    yes.estimated_ms = 1e-6 * rows * static_cast<double>(g.y.in * g.x.kernel + g.y.out * g.y.kernel) /
                       static_cast<double>(workers);
    return yes;
  }

  Result<std::unique_ptr<Runner>> prepare(const Problem& problem, std::span<const std::byte>) const override {
    PoolGeometry g;
    if (std::string why = read_pool(problem, layout(), g); !why.empty())
      return error(StatusCode::invalid_argument, why);
    return std::make_unique<PoolRunner>(table_, g, problem.thread_count);
  }

 private:
  Layout layout() const { return table_.block == 16 ? Layout::nchw16c : Layout::nchw8c; }

  const PoolTable& table_;
  const char* name_;
  bool (*available_)();
  const char* missing_;
};

}  // namespace

#if defined(__x86_64__)
const Kernel& pool_blocked_avx512() {
  static const BlockedPool kernel(
      kPoolAvx512, "pool.cpu.blocked_avx512", [] { return cpu_features().avx512; },
      "needs AVX-512 (F, BW, DQ, VL)");
  return kernel;
}
const Kernel& pool_blocked_avx2() {
  static const BlockedPool kernel(
      kPoolAvx2, "pool.cpu.blocked_avx2", [] { return cpu_features().avx2_fma; }, "needs AVX2 and FMA");
  return kernel;
}
#endif
const Kernel& pool_blocked_baseline() {
  static const BlockedPool kernel(kPoolBaseline, "pool.cpu.blocked_baseline", [] { return true; }, "");
  return kernel;
}

}  // namespace hone
