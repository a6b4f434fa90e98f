// Programs that compute an expression of strided operands at every index: everything pointwise, and
// everything that only moves elements.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/operands.h"

namespace hone {

// Types are device types (cuda_type, cuda_mover); the output's first. See pointwise.cu for what an expression
// may name.
struct PointwiseSpec {
  std::vector<std::string> types;
  std::string compute, expression;
};
cuda::Program pointwise_program(const PointwiseSpec& spec);

// A loop over `shape` with up to six operands, the output first.
struct PointwiseOperand {
  void* data = nullptr;
  size_t element_bytes = 0;
  Dims strides{};
};
struct PointwiseScalars {
  double alpha = 0, beta = 0;
  int64_t integer = 0;
};
void run_pointwise(const CudaCall& call, size_t program, std::span<const int64_t> shape,
                   std::span<const PointwiseOperand> operands, const PointwiseScalars& scalars = {});

// A copy of elements of one size between strided places, the target first.
cuda::Program copy_program(DType type);
inline PointwiseOperand pointwise_operand(const TensorArg& arg, const Dims& strides, int64_t first = 0) {
  const size_t size = dtype_bits(arg.desc->type) / 8;
  return {.data = static_cast<std::byte*>(arg.data) + first * static_cast<int64_t>(size),
          .element_bytes = size,
          .strides = strides};
}

}  // namespace hone
