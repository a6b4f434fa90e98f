// A convolution as CUDA rows see it: the problem as numbers, its weights, what all its kernels are compiled
// with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/float16.h"
#include "kernels/conv/blocked_conv.h"
#include "kernels/kernel.h"

namespace hone {

// Extents and filter are ConvGeometry's; `type` is that of input, residual and arithmetic.
struct CudaConv : ConvGeometry {
  DType type = DType::f16;
  bool f32_out = false;
  bool has_residual = false;
  bool residual_upsampled = false;
  Activation activation;

  int64_t out_pixels() const { return batch * out_area(); }
  int64_t taps() const { return kernel_h * kernel_w; }
};

// Fills `conv`, or says why no CUDA row on channels innermost can take the problem: rank 4, nhwc (a plain
// input is told by plain_input), constant weights, sizes below 2^31. The output may be f32 where the rest is
// f16 or bf16.
std::string read_cuda_conv(const Problem& problem, CudaConv& conv);

// All activations nhwc, weights and bias plain. With `plain_input` the same with the input plain comes first.
std::vector<LayoutSignature> nhwc_signatures(std::span<const TensorDesc> inputs,
                                             std::span<const TensorDesc> outputs, bool plain_input = false);

// What epilogue.cuh reads, and RESIDUAL, F32_OUT, SCALAR.
std::vector<std::string> epilogue_options(const CudaConv& conv);

// Channels of dense or sliced NHWC tensors are moved 8 at a time: 16 bytes.
inline bool whole_vectors(int64_t channels) { return channels % 8 == 0; }

inline uint16_t to_half(DType type, float value) {
  return type == DType::bf16 ? f32_to_bf16(value) : f32_to_f16(value);
}

// Where the column `position` of a tile of n output channels (a multiple of 16) belongs, so that the columns
// which the instructions give to one thread are 8 neighbouring channels (4 in a last half group of 16).
int channel_at(int position, int n);

// Multiplier and shift with x / d == (x * multiplier >> 32) >> shift for 0 <= x < 2^31; {0, 0} stands for d
// = 1.
struct Divisor {
  uint32_t multiplier = 0, shift = 0;
};
Divisor make_divisor(int64_t d);

}  // namespace hone
