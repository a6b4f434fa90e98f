// MODEL, whatever it is, ready to run.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "hone/build.h"
#include "hone/engine.h"

namespace hone {

// What a dynamic model should be able to take.
struct ShapeRequest {
  Shape imgsz;          // {height, width} of a picture input; empty: the model's own (metadata), else 640
  int64_t batch = 1;    // largest
  bool dynamic = true;  // any smaller size and batch too; else exactly this
  bool strict = false;  // an imgsz or batch that the model's fixed input does not have is an error
  std::map<std::string, Shape> shapes;  // by input name: goes before imgsz and batch
};

// The profile of a graph's dynamic inputs: min, opt, max. An input that is no picture and has no shape given
// is an error that names it. Static inputs need nothing; a shape given for one must be its own.
Result<Profile> profile_for(const std::vector<TensorInfo>& inputs,
                            const std::map<std::string, std::string>& metadata, const ShapeRequest& request);

// Opens an engine, or builds one in memory from a .pt or .onnx with `options` (profiles are made from the
// request when options has none).
Result<std::shared_ptr<const Engine>> open_model(const std::filesystem::path& path,
                                                 const ShapeRequest& request, BuildOptions options,
                                                 BuildReport* report = nullptr);

}  // namespace hone
