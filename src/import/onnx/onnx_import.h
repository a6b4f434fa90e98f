// The ONNX door.
#pragma once

#include <filesystem>

#include "ir/graph.h"

namespace hone {

// Reads a model of opset 9 to 22 (older ones as far as their forms are known). Unknown extents are -1, with their names
// in dim_names. Metadata is metadata_props.
Result<Graph> import_onnx(const std::filesystem::path& path);

}  // namespace hone
