#include <fmt/format.h>

#include "import/onnx/graph_reader.h"

namespace hone {
namespace {

constexpr size_t kNamesShown = 6;

}  // namespace

void UnsupportedReport::add(const std::string& what, int64_t opset, const std::string& node_name) {
  found_[{what, opset}].push_back(node_name);
}

std::string UnsupportedReport::text() const {
  std::string text;
  for (const auto& [what, nodes] : found_) {
    text += fmt::format("{}{} (opset {}) at {}", text.empty() ? "" : "; ", what.first, what.second,
                        nodes.size() == 1 ? "node" : "nodes");
    for (size_t i = 0; i < nodes.size() && i < kNamesShown; ++i)
      text += fmt::format("{} '{}'", i == 0 ? "" : ",", nodes[i]);
    if (nodes.size() > kNamesShown) text += fmt::format(" and {} more", nodes.size() - kNamesShown);
  }
  return text;
}

}  // namespace hone
