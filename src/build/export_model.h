// A model written in another format: what `hone export` and `yolo export` do.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "hone/build.h"
#include "hone/types.h"

namespace hone {

struct ExportRequest {
  enum class Format { onnx, engine } format = Format::onnx;
  Shape imgsz;  // {height, width}; empty: the checkpoint's own, else 640; raised to multiples of the stride
  int64_t batch = 1;
  bool dynamic = false, simplify = true;
  bool half = false;
  bool gpu = false;  // half's form: f16 inputs and outputs, as an export on a GPU has; see names_gpu()
  std::optional<int> opset;
  double workspace_gib = 0;      // engine: memory to stay under while building; 0: none
  std::filesystem::path output;  // empty: beside the model, suffix replaced
};

struct ExportReport {
  std::filesystem::path path;
  size_t bytes = 0;
  double seconds = 0;
  Shape input;                 // batch, channels, height, width
  std::vector<Shape> outputs;  // at that input
  std::string task;
  int opset = 0;
  std::string note;                   // about a size that was raised; empty: none
  size_t layers = 0, parameters = 0;  // after folding
  double gflops = 0;                  // of the whole batch
};

// Whether a device in Ultralytics' words ("cpu", "0", "0,1", "cuda:0") is a GPU, which need not be here.
Result<bool> names_gpu(const std::string& device);

Result<ExportReport> export_model(const std::filesystem::path& model, const ExportRequest& request);

}  // namespace hone
