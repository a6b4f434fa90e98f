// The ONNX door.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include "ir/graph.h"

namespace hone {

// Reads a model of opset 9 to 22 (older ones as far as their forms are known). Unknown extents are -1, with
// their names in dim_names. Metadata is metadata_props. The graph is verified; its constants are views of the
// mapped file where they are aligned there, kept alive by the graph. An error names the file and the node;
// operators that hone does not have (StatusCode::unsupported) are all named in one message.
Result<Graph> import_onnx(const std::filesystem::path& path);
// The same from memory that `owner` keeps alive; external data is looked for in `folder`, and refused if that
// is empty.
Result<Graph> import_onnx(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                          const std::filesystem::path& folder);

}  // namespace hone
