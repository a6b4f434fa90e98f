// Writes an ONNX file without holding its weights twice.
#pragma once

#include <filesystem>
#include <span>

#include "export/onnx/graph_writer.h"

namespace hone {

namespace onnx_proto {
class Model;
}

// `model` has everything but the initializers of its graph. They follow it one by one: each is asked for its
// bytes when it is written, and let go. Atomic; returns the file's size. A file over 2 GiB is refused: the
// format ends there.
Result<size_t> write_model(const std::filesystem::path& path, const onnx_proto::Model& model,
                           std::span<const NamedConstant> weights);

}  // namespace hone
