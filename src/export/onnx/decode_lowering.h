// DecodeBoxes in standard operators, for files that others read.
#pragma once

#include "ir/graph.h"

namespace hone {

// Replaces every DecodeBoxes by what Ultralytics' head exports: level maps are laid side by side, DFL as
// softmax and a 1x1 convolution with 0..15, distances from the anchors, boxes times strides, sigmoid scores.
// Where the extents of the level maps are known, anchors and strides are constants; else they are computed in
// the graph from Shape, for any batch, height and width. `opset` decides what counts up: Range, or NonZero of
// ones before opset 11. All in f32; in the order of operations of detection_math.md section 2, so that
// results agree to rounding.
Result<> lower_decode(Graph& graph, int opset);

}  // namespace hone
