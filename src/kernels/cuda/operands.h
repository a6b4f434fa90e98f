// Operands of the CUDA rows that are written once for every type, rank and layout: strides, element types,
// checks.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/cuda/cuda_kernel.h"
#include "kernels/index_walk.h"
#include "kernels/operands.h"

namespace hone {

inline const TensorArg& input(const CudaCall& call, size_t i) { return call.args.inputs[i]; }
inline const TensorArg& output(const CudaCall& call, size_t i = 0) { return call.args.outputs[i]; }
inline bool has_input(const CudaCall& call, size_t i) {
  return i < call.args.inputs.size() && call.args.inputs[i].data;
}
// The inputs again, with host addresses where the host knows them: for index_at() and its like.
inline RunArgs host_args(const CudaCall& call) { return {.inputs = call.host, .outputs = call.args.outputs}; }
// Blocks of `threads` for `work` items with grid-stride loops: enough to fill the GPU, no more.
cuda::LaunchShape cover(const CudaCall& call, int64_t work, unsigned threads = 256);

struct CudaTraits {
  bool in_place = false, image_stride = true;
  size_t workspace_bytes = 0;
  double passes = 1;  // how often operands are moved
};
// Yes, with a launch and the time that moving every operand takes as the estimate.
Verdict cuda_yes(const Problem& problem, const CudaTraits& traits = {});
// What the operator's reference says of the problem, layouts aside; empty when it computes it. Types without
// a name in device code are refused too.
std::string reference_check(const Problem& problem);
// Inputs from `first` on are small constants, or absent; else why not.
std::string check_host_constants(const Problem& problem, size_t first);

// shared_layouts() in nhwc and plain.
std::vector<LayoutSignature> cuda_shared_layouts(std::span<const TensorDesc> inputs,
                                                 std::span<const TensorDesc> outputs, int free_axis = -1);

// Input 0 and the output share nhwc or plain; the other inputs, which are settings, are plain.
std::vector<LayoutSignature> picture_layouts(const Op& op, std::span<const TensorDesc> inputs,
                                             std::span<const TensorDesc> outputs);
// Vectors of `step` elements (16 bytes) lie whole at every index: the last axis is dense, the others are
// multiples of it.
bool moves_in_vectors(const void* data, std::span<const int64_t> strides, int64_t step);

// Distances in elements between indices of each axis, in the order of the shape.
Dims cuda_strides(const TensorArg& arg);
// Those of an operand that is broadcast to `wider`.
Dims cuda_broadcast(const TensorArg& arg, std::span<const int64_t> wider);

// The element type in device code ("half_t", "bool_t"), one that moves the same bytes ("u16"), and what
// arithmetic on the type is done in ("float", "double", "i64" or "u64"). Null for types that no CUDA row
// takes.
const char* cuda_element(DType type);
const char* cuda_mover(DType type);
const char* cuda_compute(DType type);
// As cuda_compute, but reals for every type.
const char* cuda_real(DType type);

// A program whose text is types.cuh and element.cuh, then `texts`.
cuda::Program cuda_program(std::string entry, std::initializer_list<std::string_view> texts,
                           std::vector<std::string> options);

}  // namespace hone
