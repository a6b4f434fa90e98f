#include "ir/subgraphs.h"

#include <algorithm>

namespace hone {
namespace {

std::vector<std::shared_ptr<Graph>*> subgraph_fields(Op& op) {
  if (auto* branch = std::get_if<If>(&op)) return {&branch->then_branch, &branch->else_branch};
  if (auto* loop = std::get_if<Loop>(&op)) return {&loop->body};
  return {};
}

}  // namespace

bool has_subgraphs(const Op& op) {
  return std::holds_alternative<If>(op) || std::holds_alternative<Loop>(op);
}

std::vector<std::shared_ptr<Graph>> subgraphs_of(const Op& op) {
  std::vector<std::shared_ptr<Graph>> found;
  const auto keep = [&](const std::shared_ptr<Graph>& graph) {
    if (graph) found.push_back(graph);
  };
  if (const auto* branch = std::get_if<If>(&op)) keep(branch->then_branch), keep(branch->else_branch);
  if (const auto* loop = std::get_if<Loop>(&op)) keep(loop->body);
  return found;
}

void rename_captures(Op& op, const std::map<std::string, std::string>& new_names) {
  for (std::shared_ptr<Graph>* field : subgraph_fields(op)) {
    if (!*field) continue;
    const auto& captures = (*field)->captures;
    if (std::none_of(captures.begin(), captures.end(), [&](const auto& c) { return new_names.contains(c); }))
      continue;
    auto copy = std::make_shared<Graph>(**field);
    for (std::string& capture : copy->captures)
      if (const auto found = new_names.find(capture); found != new_names.end()) capture = found->second;
    *field = std::move(copy);
  }
}

CaptureFinder::CaptureFinder(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) { return has_subgraphs(n.op); }))
    return;
  for (size_t i = 0; i < graph.values.size(); ++i)
    by_name_.emplace(graph.values[i].name, static_cast<ValueId>(i));
}

std::vector<ValueId> CaptureFinder::of(const Op& op) const {
  std::vector<ValueId> found;
  for (const auto& subgraph : subgraphs_of(op))
    for (const std::string& name : subgraph->captures)
      if (const auto it = by_name_.find(name); it != by_name_.end()) found.push_back(it->second);
  return found;
}

}  // namespace hone
