// Nodes that only move data: where they can be views of one buffer, they cost nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace hone {

struct Movement {
  enum class Kind : uint8_t {
    none,    // computes, or moves data in a way that no view can stand for
    whole,   // the output is the input under another shape (Reshape, Identity, …)
    split,   // the outputs are ranges of the input along `axis`
    concat,  // the inputs are ranges of the output along `axis`
  };
  Kind kind = Kind::none;
  size_t axis = 0;
  std::vector<int64_t> begins;  // of each part along axis
};

// The graph is bound: every desc is concrete.
Movement movement_of(const Graph& graph, const Node& node);

// Descs of a node's outputs; those of outputs that nobody uses are inferred. Empty on failure.
std::vector<TensorDesc> output_descs(const Graph& graph, const Node& node);

// Elements from the start of an image of `whole` to the range [begin, begin + extent) of `axis`, when that
// range is one run of memory in each image (axis 0: a run of images, the offset counted in images). In `nhwc`
// pixels take the place of images: the range of channels must be one run in each pixel. Nothing when it is
// not.
std::optional<int64_t> run_offset(const TensorDesc& whole, size_t axis, int64_t begin, int64_t extent);

// The movement is a view when every tensor of the node has this layout.
bool is_view_in(const Graph& graph, const Node& node, const Movement& movement, Layout layout);

}  // namespace hone
