// The graph as it was imported, node by node, with the plain references: slow, and the one source of
// correctness.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/constant.h"
#include "ir/graph.h"

namespace hone {

struct ReferenceInput {
  std::string name;
  Shape shape;
  Bytes data;  // dense, row major, of the graph input's type
};

// Outputs in the graph's order, dense. Nothing is rewritten: shapes are bound, shape arithmetic is folded,
// and every other node runs as it stands.
struct ReferenceOutput {
  TensorDesc desc;
  Bytes data;
};
Result<std::vector<ReferenceOutput>> run_as_imported(const Graph& graph,
                                                     const std::vector<ReferenceInput>& inputs);

}  // namespace hone
