// What the references of Conv and ConvTranspose ask alike, and where their operands lie.
#pragma once

#include "kernels/element.h"
#include "kernels/reference_kernel.h"
#include "kernels/window.h"

namespace hone {

// Input, filter and what follows are of one floating type; input, filter and output of one rank of at least
// 3; the window's attributes fit. Channels are the caller's to check.
template <class Convolution>
std::string check_conv_operands(const Problem& p, const Convolution& conv, size_t inputs) {
  if (std::string why = check_arity(p, inputs, inputs); !why.empty()) return why;
  if (std::string why = check_floating(p, 0); !why.empty()) return why;
  for (const TensorDesc& desc : p.inputs)
    if (std::string why = check_same_type(p.outputs[0], desc); !why.empty()) return why;
  const size_t rank = p.inputs[0].shape.size();
  if (rank < 3 || p.inputs[1].shape.size() != rank || p.outputs[0].shape.size() != rank)
    return "has operands of unequal rank";
  if (conv.group < 1) return "has a group below 1";
  return check_window(rank - 2, conv.strides, conv.pads, conv.dilations);
}

template <class T>
struct ConvOperands {
  template <class Convolution>
  ConvOperands(const Convolution& conv, const RunArgs& args)
      : in(args.inputs[0].desc->shape),
        filter(args.inputs[1].desc->shape),
        out(args.outputs[0].desc->shape),
        x(static_cast<const T*>(args.inputs[0].data)),
        weight(static_cast<const T*>(args.inputs[1].data)),
        bias(conv.has_bias ? static_cast<const T*>(args.inputs[2].data) : nullptr),
        y(static_cast<T*>(args.outputs[0].data)),
        window(make_window(kernel(), conv.strides, conv.pads, conv.dilations)) {}

  std::span<const int64_t> kernel() const { return std::span(filter).subspan(2); }
  std::span<const int64_t> in_plane() const { return std::span(in).subspan(2); }
  std::span<const int64_t> out_plane() const { return std::span(out).subspan(2); }
  double bias_of(int64_t m) const { return bias ? static_cast<double>(widen(bias[m])) : 0.0; }

  const Shape &in, &filter, &out;
  const T *x, *weight, *bias;  // bias: null without one
  T* y;
  Window window;
};

}  // namespace hone
