// What the convolutions on channel blocks share: the problem as numbers, panels of output channels, packed
// bias.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/conv/tile_table.h"
#include "kernels/kernel.h"

namespace hone {

struct ConvGeometry {
  int64_t batch = 0, in_channels = 0, in_height = 0, in_width = 0, out_channels = 0, out_height = 0,
          out_width = 0;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0, dilation_h = 1,
          dilation_w = 1;
  int64_t group = 1;
  bool plain_input = false;
  int64_t block = 8;

  int64_t in_blocks() const { return (in_channels + block - 1) / block; }
  int64_t out_blocks() const { return (out_channels + block - 1) / block; }
  int64_t in_area() const { return in_height * in_width; }
  int64_t out_area() const { return out_height * out_width; }
  double flops() const {
    return 2.0 * static_cast<double>(batch * out_channels * out_area()) *
           static_cast<double>(in_channels / group * kernel_h * kernel_w);
  }
};

// Fills the geometry from weight and descs, or says why kernels on channel blocks cannot take the problem: it
// is of rank 4 with constant weights, and all else is of `type` in the layout `blocked`; the input alone may
// be plain.
std::string read_geometry(const Problem& problem, Layout blocked, DType type, ConvGeometry& geometry);
inline Layout blocked_layout(const TileTable& tiles) {
  return tiles.block == 16 ? Layout::nchw16c : Layout::nchw8c;
}
inline std::string read_geometry(const Problem& problem, const TileTable& tiles, ConvGeometry& geometry) {
  return read_geometry(problem, blocked_layout(tiles), DType::f32, geometry);
}

// Every tensor in blocks; before it, where the input has few channels, the same with a plain input.
std::vector<LayoutSignature> blocked_signatures(Layout blocked, std::span<const TensorDesc> inputs);

// Sizes of panels that cover `blocks`, equal if possible, so that few tiles leave registers unused.
std::vector<int> split_panels(int64_t blocks);

// The constants as floats: weight [M, C/group, h, w]; bias padded with zeros to whole blocks (zeros if there
// is none).
struct ConvWeights {
  std::vector<float> weight, bias;
};
Result<ConvWeights> read_weights(const Problem& problem, const ConvGeometry& geometry);
std::vector<size_t> conv_packed_inputs(const Problem& problem);

Epilogue make_epilogue(const Conv& conv);
size_t residual_index(const Conv& conv);  // input index; only where has_residual

// Rough time at a typical clock; `efficiency` is the part of the peak that the multiply-adds reach.
inline int lanes_of(const TileTable& tiles) {
  return tiles.block == 16 ? 16 : std::string_view(tiles.isa) == "baseline" ? 4 : 8;
}
double estimate_ms(int lanes, size_t threads, double flops, double efficiency, double bytes);
double tensor_bytes(const ConvGeometry& geometry);

std::vector<std::byte> to_bytes(const std::vector<float>& values);

// What all of them do alike: they take the problems that read() does, and keep the bias in f32 and behind it
// the weights in an order of their own.
class BlockedConv : public Kernel {
 public:
  std::string_view name() const final { return name_; }
  std::string_view op() const final { return Conv::name; }
  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc>) const override {
    return {blocked_signatures(blocked_, inputs).back()};
  }
  Verdict may_i(const Problem& problem) const final;
  std::vector<size_t> packed_inputs(const Problem& problem) const final {
    return conv_packed_inputs(problem);
  }
  Result<std::vector<std::byte>> pack(const Problem& problem) const final;
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const final;

 protected:
  BlockedConv(const char* name, Layout blocked) : name_(name), blocked_(blocked) {}
  // "needs AVX2", or empty.
  virtual std::string missing() const = 0;
  // Fills the geometry, or says why the kernel cannot take the problem.
  virtual std::string read(const Problem& problem, ConvGeometry& geometry) const = 0;
  // Time and workspace of a problem that it takes.
  virtual void estimate(const Problem& problem, const ConvGeometry& geometry, Verdict& verdict) const = 0;
  virtual size_t weight_bytes(const ConvGeometry& geometry) const = 0;
  // `packed` is zero so far.
  virtual void pack_weights(const ConvGeometry& geometry, const std::vector<float>& weight,
                            std::byte* packed) const = 0;
  virtual std::unique_ptr<Runner> runner(const Problem& problem, const ConvGeometry& geometry,
                                         const float* bias, const std::byte* weights) const = 0;

 private:
  const char* name_;
  Layout blocked_;
};

// A conv kernel's rows differ in the instruction set alone.
struct TileIsa {
  const TileTable* tiles;
  bool (*available)();
  const char* missing;  // "needs AVX2 and FMA"
};
extern const TileIsa kBaselineIsa;
#if defined(__x86_64__)
extern const TileIsa kAvx2Isa, kAvx512Isa;
#endif

// In f32 by tiles of registers.
class TiledConv : public BlockedConv {
 protected:
  TiledConv(const TileIsa& isa, const char* name)
      : BlockedConv(name, blocked_layout(*isa.tiles)), tiles_(*isa.tiles), isa_(isa) {}
  std::string missing() const final { return isa_.available() ? "" : isa_.missing; }

  const TileTable& tiles_;

 private:
  const TileIsa& isa_;
};

}  // namespace hone
