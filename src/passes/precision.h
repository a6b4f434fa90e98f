// Changing the floating type of a whole graph.
#pragma once

#include "ir/graph.h"

namespace hone {

// The constant in another floating type: at once where it is small, lazily else. Types that are not f64, f32,
// f16 or bf16 stay as they are.
ConstantPtr converted(const ConstantPtr& constant, DType type);
// The ops that name a type themselves (Cast, ConstantOfShape, Letterbox) name `to` instead of `from`.
void rename_type(Op& op, DType from, DType to);

// The graph input keeps (or gets) the type `outside`; who read it reads a Cast to `inside`.
void cast_input(Graph& graph, ValueId input, DType outside, DType inside);
// Output `index` becomes a Cast to `type` that takes over its name.
void cast_output(Graph& graph, size_t index, DType type);

}  // namespace hone
