#include "export/onnx/onnx_metadata.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace hone {
namespace {

constexpr std::array<std::string_view, 15> kOrder = {"description", "author", "date", "version",  "license",
                                                     "docs",        "stride", "task", "head",     "batch",
                                                     "imgsz",       "names",  "args", "channels", "end2end"};

// "2026-11-22T20:28:25+00:00"
std::string iso_date(std::time_t now) {
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &local);
  std::string date(text.data());  // the offset as +0130: Python's isoformat has a colon in it
  if (date.size() > 5) date.insert(date.size() - 2, ":");
  return date;
}

const char* python_bool(bool value) { return value ? "True" : "False"; }

}  // namespace

void set_export_metadata(std::map<std::string, std::string>& metadata, const OnnxExportOptions& options,
                         std::time_t now) {
  metadata["date"] = iso_date(now);
  metadata["batch"] = std::to_string(options.batch);
  metadata["imgsz"] = fmt::format("[{}, {}]", options.height, options.width);
  // half=True is quantize=16 there; nms is not ours to bake in.
  metadata["args"] = fmt::format(
      "{{'data': None, 'batch': {}, 'fraction': 1.0, 'quantize': {}, 'nms': None, 'dynamic': {}, 'simplify': "
      "{}, "
      "'opset': {}}}",
      options.batch, options.half == OnnxExportOptions::Half::none ? "None" : "16",
      python_bool(options.dynamic), python_bool(options.simplify),
      options.opset ? std::to_string(*options.opset) : "None");
}

std::vector<std::pair<std::string, std::string>> ordered_metadata(
    const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, std::string>> ordered;
  std::map<std::string, std::string> rest = metadata;
  for (std::string_view key : kOrder)
    if (auto found = rest.extract(std::string(key)))
      ordered.emplace_back(found.key(), std::move(found.mapped()));
  for (auto& [key, value] : rest) ordered.emplace_back(key, std::move(value));
  return ordered;
}

}  // namespace hone
