#include "build/model.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/file.h"
#include "engine/container.h"
#include "engine/engine_data.h"
#include "import/onnx/onnx_import.h"
#include "import/pt/pt_import.h"

namespace hone {
namespace {

// The first field of a ModelProto: any of its own, which writers put in ascending order.
bool may_be_onnx(std::byte first) {
  constexpr std::array kTags = {0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
  return std::ranges::find(kTags, std::to_integer<int>(first)) != kTags.end();
}

}  // namespace

Result<ModelKind> model_kind(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  if (bytes.empty()) return error(StatusCode::invalid_file, path.string() + " is empty");
  if (engine_origin(bytes)) return ModelKind::engine;
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0) return ModelKind::checkpoint;
  if (path.extension() == ".pt" || path.extension() == ".pth") return ModelKind::checkpoint;
  if (path.extension() == ".engine" || path.extension() == ".plan") return ModelKind::engine;
  if (path.extension() != ".onnx" && !may_be_onnx(bytes[0]))
    return error(StatusCode::invalid_file, path.string() + " is no .pt, no .onnx and no .engine file");
  return ModelKind::onnx;
}

Result<> check_output(const std::filesystem::path& model, const std::filesystem::path& output) {
  std::error_code absent;
  if (!std::filesystem::equivalent(model, output, absent)) return {};
  return error(StatusCode::invalid_argument,
               output.string() + " is the model itself, which stays as it is: name another file to write");
}

Result<Graph> import_model(const std::filesystem::path& path) {
  HONE_ASSIGN(const ModelKind kind, model_kind(path));
  if (kind == ModelKind::checkpoint) return import_pt(path);
  if (kind == ModelKind::onnx) return import_onnx(path);
  HONE_ASSIGN(const auto engine, Engine::open(path));
  return engine->data().source;
}

}  // namespace hone
