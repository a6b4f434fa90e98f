// The way out to ONNX.
#pragma once

#include <filesystem>
#include <optional>

#include "ir/graph.h"
#include "ir/infer.h"

namespace hone {

struct OnnxExportOptions {
  int64_t batch = 1, height = 640, width = 640;
  bool dynamic = false;  // batch, height and width stay symbolic
  bool simplify = true;  // recorded; hone's graph is always simplified
  enum class Half { none, cpu_form, gpu_form } half = Half::none;
  std::optional<int> opset;  // none: 18; 9 to 22
  Evaluator evaluate;        // for folding
};

// `graph` is as imported (a .pt's, or any ONNX one); inputs whose extents are fixed keep them. Writes `path`
// whole or not at all. Returns the file's size in bytes. The producer is "hone".
Result<size_t> export_onnx(const Graph& graph, const std::filesystem::path& path,
                           const OnnxExportOptions& options);

}  // namespace hone
