#include "kernels/conv/cuda/cuda_conv.h"

#include <algorithm>
#include <bit>

#include "kernels/cuda/cuda_kernel.h"

namespace hone {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 31;

int64_t entry(const Ints& list, size_t i, int64_t otherwise) { return list.empty() ? otherwise : list[i]; }

bool bad_list(const Ints& list, size_t size, int64_t least) {
  return (!list.empty() && list.size() != size) ||
         std::ranges::any_of(list, [&](int64_t v) { return v < least || v >= kMaxElements; });
}

std::string check_tensor(const TensorDesc& desc, const char* what) {
  if (!desc.concrete() || desc.shape.size() != 4) return std::string(what) + " is not of rank 4";
  int64_t elements = 1;
  for (const int64_t extent : desc.shape) {
    if (extent < 1 || extent >= kMaxElements)
      return std::string(what) + " has the shape " + shape_text(desc.shape) + ", out of range";
    elements = std::min(elements * extent, kMaxElements);
  }
  if (elements >= kMaxElements) return std::string(what) + " has 2^31 elements or more";
  return {};
}

// Types and layouts: input, residual and arithmetic in one type, channels innermost.
std::string check_types(const Problem& problem, const Conv& op) {
  const TensorDesc &in = problem.inputs[0], &out = problem.outputs[0];
  if (out.type != in.type && !(out.type == DType::f32 && is_floating(in.type)) && in.type != DType::f32)
    return "the output is " + std::string(dtype_name(out.type)) + ", the input " +
           std::string(dtype_name(in.type));
  if (in.layout != Layout::nhwc && in.layout != Layout::plain)
    return "the input lies in " + std::string(layout_name(in.layout));
  if (out.layout != Layout::nhwc) return "the output lies in " + std::string(layout_name(out.layout));
  if (problem.inputs[1].layout != Layout::plain || !is_floating(problem.inputs[1].type))
    return "the weight is not plain floating point";
  if (!op.has_residual) return {};
  const TensorDesc& residual = problem.inputs[residual_index(op)];
  Shape wanted = out.shape;
  if (op.residual_upsampled) wanted[2] /= 2, wanted[3] /= 2;
  if (residual.layout != Layout::nhwc || residual.shape != wanted)
    return "the residual does not lie as the output";
  if (residual.type != in.type) return "the residual is not of the input's type";
  return {};
}

// The shapes into the geometry, if they fit one another.
std::string read_shapes(const Problem& problem, const Conv& op, CudaConv& c) {
  const Shape &in = problem.inputs[0].shape, &weight = problem.inputs[1].shape,
              &out = problem.outputs[0].shape;
  c.batch = in[0], c.in_channels = in[1], c.in_height = in[2], c.in_width = in[3];
  c.out_channels = out[1], c.out_height = out[2], c.out_width = out[3];
  c.kernel_h = weight[2], c.kernel_w = weight[3];
  c.stride_h = entry(op.strides, 0, 1), c.stride_w = entry(op.strides, 1, 1);
  c.dilation_h = entry(op.dilations, 0, 1), c.dilation_w = entry(op.dilations, 1, 1);
  c.pad_top = entry(op.pads, 0, 0), c.pad_left = entry(op.pads, 1, 0);
  c.group = op.group;
  c.block = 1;
  c.plain_input = problem.inputs[0].layout == Layout::plain;
  const int64_t span_h = c.in_height + c.pad_top + entry(op.pads, 2, 0) - (c.kernel_h - 1) * c.dilation_h - 1;
  const int64_t span_w = c.in_width + c.pad_left + entry(op.pads, 3, 0) - (c.kernel_w - 1) * c.dilation_w - 1;
  if (c.group < 1 || span_h < 0 || span_w < 0 || c.out_height != span_h / c.stride_h + 1 ||
      c.out_width != span_w / c.stride_w + 1 || c.batch != out[0] || weight[0] != c.out_channels ||
      weight[1] * c.group != c.in_channels || c.out_channels % c.group != 0)
    return "the shapes do not fit the filter";
  return {};
}

}  // namespace

std::string read_cuda_conv(const Problem& problem, CudaConv& c) {
  const Conv* op = std::get_if<Conv>(&problem.op);
  if (!op) return "is not a Conv";
  const size_t wanted = 2 + (op->has_bias ? 1 : 0) + (op->has_residual ? 1 : 0);
  if (problem.inputs.size() != wanted || problem.outputs.size() != 1 || problem.constants.size() != wanted)
    return "has " + std::to_string(problem.inputs.size()) + " inputs, wants " + std::to_string(wanted);
  if (bad_list(op->strides, 2, 1) || bad_list(op->dilations, 2, 1) || bad_list(op->pads, 4, 0))
    return "strides, dilations or pads are not those of two axes";
  std::string why = check_tensor(problem.inputs[0], "the input");
  if (why.empty()) why = check_tensor(problem.inputs[1], "the weight");
  if (why.empty()) why = check_tensor(problem.outputs[0], "the output");
  if (why.empty()) why = check_types(problem, *op);
  if (why.empty()) why = read_shapes(problem, *op, c);
  if (!why.empty()) return why;
  if (!problem.constants[1]) return "the weight is not constant";
  if (op->has_bias && (!problem.constants[2] || problem.inputs[2].shape != Shape{c.out_channels}))
    return "the bias is not a constant of " + std::to_string(c.out_channels) + " channels";
  c.type = problem.inputs[0].type;
  c.f32_out = problem.outputs[0].type == DType::f32;
  c.has_residual = op->has_residual, c.residual_upsampled = op->residual_upsampled;
  c.activation = op->activation;
  if (c.activation.kind > UnaryKind::clip)
    return "has the activation " + std::string(unary_name(c.activation.kind));
  return {};
}

std::vector<LayoutSignature> nhwc_signatures(std::span<const TensorDesc> inputs,
                                             std::span<const TensorDesc> outputs, bool plain_input) {
  LayoutSignature all{.inputs = std::vector<Layout>(inputs.size(), Layout::plain),
                      .outputs = std::vector<Layout>(outputs.size(), Layout::nhwc)};
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i != 1 && inputs[i].shape.size() == 4) all.inputs[i] = Layout::nhwc;
  if (!plain_input || inputs.empty()) return {all};
  LayoutSignature plain = all;
  plain.inputs[0] = Layout::plain;
  return {plain, all};
}

std::vector<std::string> epilogue_options(const CudaConv& c) {
  std::vector<std::string> options = activation_options(c.activation, c.type);
  options.push_back(define("RESIDUAL", c.residual_upsampled ? 2 : c.has_residual ? 1 : 0));
  if (c.type == DType::bf16) options.emplace_back("-DBF16");
  if (c.type == DType::f32) options.emplace_back("-DF32");
  if (c.f32_out) options.emplace_back("-DF32_OUT");
  if (!whole_vectors(c.out_channels)) options.emplace_back("-DSCALAR");
  return options;
}

int channel_at(int position, int n) {
  const int block = position / 8, thread = position % 8 / 2, half = position % 2, full = n / 32;
  if (block / 4 < full) return block / 4 * 32 + thread * 8 + block % 4 * 2 + half;
  return full * 32 + thread * 4 + (block - full * 4) * 2 + half;
}

Divisor make_divisor(int64_t d) {
  if (d <= 1) return {};
  const auto shift = static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(d - 1)) - 1);
  const uint64_t power = uint64_t{1} << (32 + shift);
  return {
      .multiplier = static_cast<uint32_t>((power + static_cast<uint64_t>(d) - 1) / static_cast<uint64_t>(d)),
      .shift = shift};
}

}  // namespace hone
