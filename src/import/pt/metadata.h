// What Ultralytics' exporter writes beside a model, from a checkpoint (reference: exporter of the version
// below).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "import/pt/module_tree.h"

namespace hone {

// The exporter whose metadata and graph forms hone follows.
inline constexpr std::string_view kUltralyticsVersion = "8.4.190";

struct ModelFacts {
  ObjectId checkpoint = 0;  // the file's root: a dict, or the model itself
  Module model;             // DetectionModel
  Module head;
  int64_t input_channels = 3;
  std::string file_stem;  // "yolov8n" of yolov8n.pt
};

// Values are Python str() text. Batch, args and imgsz are those of an export without options.
Result<std::map<std::string, std::string>> make_metadata(const ModuleTree& tree, const ModelFacts& facts,
                                                         int64_t stride);

}  // namespace hone
