// The door of the house: whatever a user calls MODEL.
#pragma once

#include <filesystem>
#include <memory>

#include "hone/engine.h"
#include "ir/graph.h"

namespace hone {

enum class ModelKind { checkpoint, onnx, engine };

// By content, not by suffix.
Result<ModelKind> model_kind(const std::filesystem::path& path);
// Fails where writing `output` would replace the model that is being read: a .pt or .onnx is never
// overwritten.
Result<> check_output(const std::filesystem::path& model, const std::filesystem::path& output);
// A .pt or .onnx as imported; an engine's source graph.
Result<Graph> import_model(const std::filesystem::path& path);

}  // namespace hone
