// Which tensors of a graph will be channel slices of wider buffers, because a Concat or a Split beside them
// is a view in `nhwc`.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/graph.h"

namespace hone {

// Of a node's operands: elements from pixel to pixel in `nhwc`; 0: as dense as the tensor is.
struct Slices {
  std::vector<int64_t> inputs, outputs;
  uint64_t hash() const;
};

class SliceMap {
 public:
  explicit SliceMap(const Graph& graph);
  Slices of(const Node& node) const;

 private:
  std::vector<int64_t> stride(std::span<const ValueId> ids) const;
  std::vector<int64_t> channels_;  // of each value's buffer; 0: no picture
  const Graph& graph_;
};

}  // namespace hone
