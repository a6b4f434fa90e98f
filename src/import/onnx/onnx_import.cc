#include "import/onnx/onnx_import.h"

#include <fmt/format.h>

#include "base/file.h"
#include "import/onnx/graph_reader.h"
#include "import/onnx/model_file.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

Result<std::map<std::string, int64_t>> read_opsets(const onnx_proto::Model& model) {
  std::map<std::string, int64_t> opsets;
  for (const auto& set : model.opset_import()) {
    const std::string domain = set.domain() == "ai.onnx" ? "" : set.domain();
    auto& version = opsets[domain];
    version = std::max(version, set.version());
  }
  // The first two versions of the format had none and meant opset 1.
  if (!opsets.contains("")) {
    if (model.ir_version() >= 3 && opsets.empty())
      return error(StatusCode::invalid_file, "it does not say its opset (opset_import)");
    opsets[""] = 1;
  }
  if (opsets[""] < 1 || opsets[""] > kNewestOpset)
    return error(StatusCode::unsupported,
                 fmt::format("its opset is {}; opsets up to {} are supported", opsets[""], kNewestOpset));
  return opsets;
}

}  // namespace

Result<Graph> import_onnx(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                          const std::filesystem::path& folder) {
  HONE_ASSIGN(const ModelFile file, take_apart(bytes));
  const onnx_proto::Model& model = *file.model;
  if (model.ir_version() < 1)
    return error(StatusCode::invalid_file,
                 "it does not say its version (ir_version), as every ONNX file does");

  TensorReader tensors(std::move(owner), folder);
  ModelScope scope{&tensors, {}, {}};
  HONE_ASSIGN(scope.opsets, read_opsets(model));
  HONE_ASSIGN(Graph graph, GraphReader(scope, nullptr).read(model.graph(), file.initializers));
  if (!scope.report.empty())
    return error(StatusCode::unsupported, "it uses what hone does not have: " + scope.report.text());
  for (const auto& entry : model.metadata_props()) graph.metadata[entry.key()] = entry.value();
  if (const auto verified = verify(graph); !verified)
    return error(StatusCode::invalid_file, verified.error().message);
  return graph;
}

Result<Graph> import_onnx(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  auto folder = path.parent_path();
  if (folder.empty()) folder = ".";
  auto graph = import_onnx(file->bytes(), file, folder);
  if (!graph) return error_in(path.string(), graph);
  return graph;
}

}  // namespace hone
