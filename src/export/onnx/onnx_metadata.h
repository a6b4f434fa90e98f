// What an export's arguments decide of Ultralytics' metadata.
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "export/onnx/onnx_export.h"

namespace hone {

// Sets date, batch, imgsz and args to what the options say, as text made by Python's str(); other keys stay.
// `now` is seconds since 1970; the date is written in local time with its offset from UTC.
void set_export_metadata(std::map<std::string, std::string>& metadata, const OnnxExportOptions& options,
                         std::time_t now = std::time(nullptr));

// The pairs in the order in which Ultralytics writes its keys, all others behind.
std::vector<std::pair<std::string, std::string>> ordered_metadata(
    const std::map<std::string, std::string>& metadata);

}  // namespace hone
