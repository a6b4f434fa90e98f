// What the instruction-set files give to the kernels above them: plain structs in, function pointers out.
#pragma once

#include <cstdint>

#include "ir/op.h"

namespace hone {

// What follows the sum: activation, then the residual.
struct Epilogue {
  UnaryKind activation = UnaryKind::identity;
  float alpha = 0, beta = 0;
  // Any activation that has no vector form: applied to `count` floats in place.
  void (*scalar)(float* values, int64_t count, UnaryKind kind, float alpha, float beta) = nullptr;
};

// Finishes `rows` runs of `row_pixels` pixels of one channel block, in place. The residual has the same
// geometry. Channels from `channels` on (padding) become zero.
struct FinishBlock {
  float* output = nullptr;
  const float* residual = nullptr;
  int64_t row_stride = 0, residual_row_stride = 0;  // floats
  int64_t rows = 1, row_pixels = 0;
  int channels = 0;
  const Epilogue* epilogue = nullptr;
};

// A band of output rows for one panel of output channels (1 to kMaxPanelBlocks blocks), summed over some
// input blocks. Weights: [input block][kernel row][kernel column][channel in block][panel blocks * block].
struct DirectPanel {
  const float* input = nullptr;  // first input block, row 0, column 0
  const float* weights = nullptr;
  const float* bias = nullptr;                        // of the panel; null: go on from what the output holds
  float* output = nullptr;                            // first block of the panel, row 0, column 0
  int64_t in_block_stride = 0, out_block_stride = 0;  // floats from one channel block to the next
  int64_t in_height = 0, in_width = 0, out_width = 0;
  int64_t row_begin = 0, row_end = 0;  // output rows
  int64_t col_begin = 0, col_end = 0;  // output columns
  int64_t in_blocks = 0;               // plain input: channels
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0, dilation_h = 1,
          dilation_w = 1;
  bool plain_input = false;  // input is [channel][row][column]
};
inline constexpr int kMaxPanelBlocks = 4;

// A band of output rows of one channel block of a depthwise convolution. Weights: [kernel row][kernel
// column][block].
struct DepthwiseBand {
  const float* input = nullptr;
  const float* weights = nullptr;
  const float* bias = nullptr;
  float* output = nullptr;
  int64_t in_height = 0, in_width = 0, out_width = 0;
  int64_t row_begin = 0, row_end = 0;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0, dilation_h = 1,
          dilation_w = 1;
};

// Winograd F(4x4, 3x3): six points a dimension, tiles of 6x6 inputs and 4x4 outputs.
struct WinogradInput {
  const float* input = nullptr;  // image, one channel block
  int64_t height = 0, width = 0, pad_top = 0, pad_left = 0;
  int64_t tile_begin = 0, tile_count = 0, tiles_x = 0;  // row-major tiles of the image
  float* transformed = nullptr;                         // [36] planes of [tile][block]
  int64_t point_stride = 0;                             // floats between planes
};
// One of the 36 products: tiles times input channels times the output channels of a panel.
struct WinogradProduct {
  const float* transformed = nullptr;  // [in block][tile][block]
  const float* weights = nullptr;      // [input channel][panel blocks * block]
  float* products = nullptr;           // [panel block][tile][block]
  int64_t in_blocks = 0, tiles = 0;
  int64_t in_block_stride = 0, product_block_stride = 0;  // floats
};
struct WinogradOutput {
  const float* products = nullptr;  // one panel block: [36] planes of [tile][block]
  int64_t point_stride = 0;
  const float* bias = nullptr;      // of the block
  const float* residual = nullptr;  // image, this channel block; or null
  float* output = nullptr;
  int64_t height = 0, width = 0;
  int64_t tile_begin = 0, tile_count = 0, tiles_x = 0;
  int channels = 0;
  const Epilogue* epilogue = nullptr;
};

struct TileTable {
  const char* isa = "";
  int block = 8;  // channels of a layout block
  void (*direct)(const DirectPanel&, int panel_blocks) = nullptr;
  void (*depthwise)(const DepthwiseBand&) = nullptr;
  void (*finish)(const FinishBlock&) = nullptr;
  void (*winograd_input)(const WinogradInput&) = nullptr;
  void (*winograd_multiply)(const WinogradProduct&, int panel_blocks) = nullptr;
  void (*winograd_output)(const WinogradOutput&) = nullptr;
};

// Each may be called only where the CPU has the instructions.
extern const TileTable kTilesBaseline;  // SSE2 or NEON, blocks of 8
#if defined(__x86_64__)
extern const TileTable kTilesAvx2;
extern const TileTable kTilesAvx512;  // blocks of 16
#endif

}  // namespace hone
