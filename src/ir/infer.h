// Binding concrete shapes: after it every value has a concrete desc and shape arithmetic is constant.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace hone {

// Output descs of one op. `constants[i]` is the i-th input's value where it is known, else null: ops whose
// output shape depends on an input's value (Reshape, Slice, Range, …) need it. A data-dependent extent
// (NonZero, NonMaxSuppression) is planned as its upper bound. Errors name what was found and wanted, not the
// node.
Result<std::vector<TensorDesc>> infer(const Op& op, std::span<const TensorDesc> inputs,
                                      std::span<const ConstantPtr> constants, size_t output_count);

// Computes a node whose inputs are all constant (absent ones null). build/ hands in the reference kernels, so
// that ir/ knows no kernel.
using Evaluator = std::function<Result<std::vector<ConstantPtr>>(
    const Node& node, std::span<const ConstantPtr> inputs, std::span<const TensorDesc> outputs)>;

struct InferOptions {
  // Results up to this many bytes are folded at once; larger ones (a widened weight) become lazy constants.
  size_t eager_fold_limit_bytes = size_t{1} << 16;
};

using InputShapes = std::map<std::string, Shape>;

// Sets the input shapes (all inputs with unknown extents must be given; a given shape must agree with fixed
// extents), infers every node in order and folds nodes whose inputs are constant (removing them, so that the
// result has no shape arithmetic left). Node errors carry the node's name and op.
Result<> bind_shapes(Graph& graph, const InputShapes& shapes, const Evaluator& evaluate,
                     const InferOptions& options = {});

// Multiply-adds counted as two operations; data movement ops are 0.
double node_flops(const Graph& graph, const Node& node);

}  // namespace hone
