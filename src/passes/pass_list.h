// Every pass of passes.inc: true when it changed the graph.
#pragma once

#include "passes/passes.h"

namespace hone {

bool infer_types(Graph& graph, const PassContext& context);
bool remove_identity(Graph& graph, const PassContext& context);
bool fold_constants(Graph& graph, const PassContext& context);
bool merge_duplicates(Graph& graph, const PassContext& context);
bool fuse_silu(Graph& graph, const PassContext& context);
bool fold_batchnorm(Graph& graph, const PassContext& context);
bool fuse_bias_add(Graph& graph, const PassContext& context);
bool fuse_activation(Graph& graph, const PassContext& context);
bool remove_dead(Graph& graph, const PassContext& context);
bool remove_no_ops(Graph& graph, const PassContext& context);
bool recognise_decode_boxes(Graph& graph, const PassContext& context);
bool merge_reshapes(Graph& graph, const PassContext& context);
bool merge_transposes(Graph& graph, const PassContext& context);
bool fuse_residual(Graph& graph, const PassContext& context);

}  // namespace hone
