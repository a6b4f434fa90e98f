// What an engine's metadata says about a detector.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hone/types.h"

namespace hone {

struct ModelFacts {
  std::string task;                      // empty: not said
  std::vector<std::string> class_names;  // empty: not said; classes without a name have their number
  Shape imgsz;                           // {height, width}; empty: not said
  int stride = 32;
};

// Ultralytics' keys; what is missing or senseless is left at its default, with a warning where it is there.
ModelFacts read_model_facts(const std::map<std::string, std::string>& metadata);

}  // namespace hone
