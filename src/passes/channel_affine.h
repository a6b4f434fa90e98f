// y = factor * conv(x) + shift, one factor and shift an output channel, moved into the weight and bias of the
// convolution.
#pragma once

#include <functional>
#include <vector>

#include "ir/graph.h"

namespace hone {

struct ChannelAffine {
  uint64_t key = 0;           // names the recipe: constants' keys and how they are used
  std::vector<float> factor;  // empty: all 1
  std::vector<float> shift;   // empty: all 0
};

// A Conv or ConvTranspose with a constant weight (and bias) of f32, f16 or bf16, and nothing fused behind it.
bool takes_affine(const Graph& graph, const Node& conv);
int64_t output_channels(const Graph& graph, const Node& conv);
// Rewrites weight (lazily) and bias. The channel counts must agree. False, and nothing changed, when the bias
// cannot be read.
bool absorb(Graph& graph, Node& conv, ChannelAffine affine);

}  // namespace hone
