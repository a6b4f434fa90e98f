// Windows of convolutions and pools: their attributes, checked, with auto_pad turned into pads.
#pragma once

#include "import/onnx/onnx_node.h"

namespace hone {

struct Window {
  Ints kernel, strides, dilations, pads;
};

// `kernel`: the extents of the weight's window; empty where the attribute kernel_shape says them. Missing
// strides and dilations become 1s, missing pads 0s. SAME_UPPER and SAME_LOWER need the input's extents unless
// the stride is 1; where they are unknown the node is reported. A mistake is left in the node.
Window read_window(OnnxNode& n, Ints kernel);

}  // namespace hone
