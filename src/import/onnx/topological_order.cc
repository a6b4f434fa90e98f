#include <fmt/format.h>

#include <queue>
#include <unordered_set>

#include "import/onnx/graph_reader.h"
#include "import/onnx/onnx.pb.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

using Names = std::unordered_set<std::string>;

// Names that the nodes of a subgraph read; its own values among them do no harm, since no outer node makes
// them.
void names_read(const onnx_proto::Graph& graph, int depth, Names& names) {
  if (depth > kMaxSubgraphDepth) return;  // refused later, with words
  for (const auto& node : graph.node()) {
    names.insert(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) names_read(attribute.g(), depth + 1, names);
  }
  for (const auto& output : graph.output()) names.insert(output.name());
}

Names names_read(const onnx_proto::Node& node) {
  Names names(node.input().begin(), node.input().end());
  for (const auto& attribute : node.attribute())
    if (attribute.has_g()) names_read(attribute.g(), 1, names);
  return names;
}

}  // namespace

Result<std::vector<int>> topological_order(const onnx_proto::Graph& proto) {
  std::unordered_map<std::string, int> maker;
  for (int n = 0; n < proto.node_size(); ++n)
    for (const auto& output : proto.node(n).output())
      if (!output.empty() && !maker.emplace(output, n).second)
        return error(StatusCode::invalid_file, fmt::format("two nodes make the value '{}'", output));

  const auto node_count = static_cast<size_t>(proto.node_size());
  std::vector<std::vector<int>> readers(node_count);
  std::vector<int> waits_for(node_count, 0);
  for (int n = 0; n < proto.node_size(); ++n)
    for (const std::string& name : names_read(proto.node(n)))
      if (const auto made = maker.find(name); made != maker.end()) {
        readers[static_cast<size_t>(made->second)].push_back(n);
        ++waits_for[static_cast<size_t>(n)];
      }

  std::priority_queue<int, std::vector<int>, std::greater<>> ready;  // the earliest in the file first
  for (int n = 0; n < proto.node_size(); ++n)
    if (waits_for[static_cast<size_t>(n)] == 0) ready.push(n);
  std::vector<int> order;
  order.reserve(node_count);
  while (!ready.empty()) {
    const int n = ready.top();
    ready.pop();
    order.push_back(n);
    for (int reader : readers[static_cast<size_t>(n)])
      if (--waits_for[static_cast<size_t>(reader)] == 0) ready.push(reader);
  }
  if (order.size() == node_count) return order;
  for (int n = 0; n < proto.node_size(); ++n)
    if (waits_for[static_cast<size_t>(n)] > 0)
      return error(StatusCode::invalid_file, fmt::format("node '{}' ({}) is in or behind a cycle",
                                                         proto.node(n).name(), proto.node(n).op_type()));
  return order;
}

}  // namespace hone
