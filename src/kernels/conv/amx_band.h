// What the AMX file gives to amx_conv.cc: plain structs in, function pointers out.
//
// A band of output rows is computed from a copy of its input rows with zeros around them, 32 channels a
// pixel: 64 bytes, a row of a tile. The copy's rows follow each other with the same pitch as the output's, so
// that 16 outputs that follow each other in memory are a tile whatever row they lie in; those in the pitch's
// gap are thrown away. At stride 2 even and odd rows lie in planes of their own, and a tile takes every
// second pixel.
#pragma once

#include <cstdint>

#include "kernels/conv/tile_table.h"

namespace hone {

struct AmxBandInput {
  const uint16_t* input = nullptr;  // bf16, [block of 16][height][width][16]
  int64_t in_blocks = 0, height = 0, width = 0;
  int64_t first_row = 0, rows = 0;  // of the input, may lie outside it
  int64_t pad_left = 0, pitch = 0, stride = 1;
  uint16_t* copy = nullptr;    // [pair of blocks][row % stride][row / stride][pitch][32]
  int64_t plane_elements = 0;  // of one row % stride
};

struct AmxBand {
  const uint16_t* copy = nullptr;
  const uint16_t* weights =
      nullptr;                  // [pair of input blocks][tap][block of outputs][16 pairs of channels][16][2]
  const float* bias = nullptr;  // 16 an output block
  uint16_t* output = nullptr;   // first block, first row of the band
  const uint16_t* residual = nullptr;
  int64_t out_block_stride = 0, residual_block_stride = 0;  // elements
  int64_t in_pairs = 0, plane_elements = 0, pitch = 0, stride = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t rows = 0, out_width = 0;
  int out_blocks = 2;      // 1 or 2
  int last_channels = 16;  // real ones in the last block
  const Epilogue* epilogue = nullptr;
  float* sums = nullptr;  // 4 tiles of 16 x 16, 64-byte aligned
};

struct AmxFunctions {
  void (*begin)();  // of the calling thread's work with tiles
  void (*end)();
  void (*copy_rows)(const AmxBandInput&);
  void (*multiply)(const AmxBand&);
};
// Activations that multiply() knows.
bool amx_has(UnaryKind activation);
extern const AmxFunctions kAmxBf16;

}  // namespace hone
