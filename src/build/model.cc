#include "build/model.h"

#include <cstring>

#include "base/file.h"
#include "engine/container.h"
#include "engine/engine_data.h"
#include "import/onnx/onnx_import.h"
#include "import/pt/pt_import.h"

namespace hone {

Result<ModelKind> model_kind(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  if (bytes.empty()) return error(StatusCode::invalid_file, path.string() + " is empty");
  if (engine_origin(bytes)) return ModelKind::engine;
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0) return ModelKind::checkpoint;
  if (path.extension() == ".pt" || path.extension() == ".pth") return ModelKind::checkpoint;
  if (path.extension() == ".engine" || path.extension() == ".plan") return ModelKind::engine;
  return ModelKind::onnx;
}

Result<Graph> import_model(const std::filesystem::path& path) {
  HONE_ASSIGN(const ModelKind kind, model_kind(path));
  if (kind == ModelKind::checkpoint) return import_pt(path);
  if (kind == ModelKind::onnx) return import_onnx(path);
  HONE_ASSIGN(const auto engine, Engine::open(path));
  return engine->data().source;
}

}  // namespace hone
