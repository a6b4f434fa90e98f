#include "tactics/layout_labelling.h"

#include <algorithm>
#include <array>
#include <limits>

namespace hone {
namespace {

constexpr std::array<Layout, 4> kLayouts = {Layout::plain, Layout::nhwc, Layout::nchw8c, Layout::nchw16c};
// Each sweep lowers the cost, so this is reached only by graphs with long chains of equal costs.
constexpr int kMaxSweeps = 30;

size_t index_of(Layout layout) { return static_cast<size_t>(layout); }

}  // namespace

LayoutLabelling::LayoutLabelling(const Graph& graph, std::vector<std::vector<LabelOption>> options,
                                 const MoveCost& move_cost)
    : options_(std::move(options)), node_wires_(graph.nodes.size()) {
  std::vector<int32_t> wire_of(graph.values.size(), -1);
  std::vector<ValueId> value_of;
  const auto add = [&](ValueId id, int32_t producer, size_t output) {
    if (id == kNoValue) return;
    wire_of[static_cast<size_t>(id)] = static_cast<int32_t>(wires_.size());
    value_of.push_back(id);
    wires_.push_back({.producer = producer, .output = output, .leaves = false, .uses = {}, .move_ms = {}});
  };
  for (const ValueId id : graph.inputs) add(id, -1, 0);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const int32_t wire = wire_of[static_cast<size_t>(node.inputs[i])];
      if (wire < 0) continue;
      wires_[static_cast<size_t>(wire)].uses.push_back({n, i});
      node_wires_[n].push_back(static_cast<size_t>(wire));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      add(node.outputs[i], static_cast<int32_t>(n), i);
      node_wires_[n].push_back(wires_.size() - 1);
    }
    std::ranges::sort(node_wires_[n]);
    node_wires_[n].erase(std::unique(node_wires_[n].begin(), node_wires_[n].end()), node_wires_[n].end());
  }
  for (const ValueId id : graph.outputs)
    if (const int32_t wire = wire_of[static_cast<size_t>(id)]; wire >= 0)
      wires_[static_cast<size_t>(wire)].leaves = true;

  // Only the moves that some pair of options could ask for are priced.
  for (size_t w = 0; w < wires_.size(); ++w) {
    Wire& wire = wires_[w];
    std::array<bool, 4> made = {}, wanted = {};
    if (wire.producer < 0)
      made[0] = true;
    else
      for (const LabelOption& o : options_[static_cast<size_t>(wire.producer)])
        made[index_of(o.outputs[wire.output])] = true;
    if (wire.leaves) wanted[0] = true;
    for (const Wire::Use& use : wire.uses)
      for (const LabelOption& o : options_[use.node]) wanted[index_of(o.inputs[use.input])] = true;
    for (const Layout from : kLayouts)
      for (const Layout to : kLayouts)
        if (from != to && made[index_of(from)] && wanted[index_of(to)])
          wire.move_ms[index_of(from)][index_of(to)] = move_cost(value_of[w], from, to);
  }
}

double LayoutLabelling::wire_cost(const Wire& wire, const std::vector<size_t>& picks) const {
  Layout label = Layout::plain;
  if (wire.producer >= 0) {
    const auto node = static_cast<size_t>(wire.producer);
    label = options_[node][picks[node]].outputs[wire.output];
  }
  std::array<bool, 4> wanted = {wire.leaves, false, false, false};
  for (const Wire::Use& use : wire.uses)
    wanted[index_of(options_[use.node][picks[use.node]].inputs[use.input])] = true;
  double ms = 0;  // consumers that want the same layout share one reorder
  for (size_t to = 0; to < 4; ++to)
    if (wanted[to] && to != index_of(label)) ms += wire.move_ms[index_of(label)][to];
  return ms;
}

double LayoutLabelling::around(size_t node, const std::vector<size_t>& picks) const {
  double ms = options_[node][picks[node]].ms;
  for (const size_t wire : node_wires_[node]) ms += wire_cost(wires_[wire], picks);
  return ms;
}

double LayoutLabelling::cost(const std::vector<size_t>& picks) const {
  double ms = 0;
  for (size_t node = 0; node < picks.size(); ++node) ms += options_[node][picks[node]].ms;
  for (const Wire& wire : wires_) ms += wire_cost(wire, picks);
  return ms;
}

void LayoutLabelling::improve(std::vector<size_t>& picks) const {
  const size_t count = picks.size();
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    bool moved = false;
    for (size_t step = 0; step < count; ++step) {
      const size_t node = sweep % 2 == 0 ? step : count - 1 - step;
      if (options_[node].size() == 1) continue;
      const size_t before = picks[node];
      size_t best = before;
      double best_ms = around(node, picks);
      for (size_t option = 0; option < options_[node].size(); ++option) {
        picks[node] = option;
        const double ms = around(node, picks);
        if (ms < best_ms * (1 - 1e-9) - 1e-12) best = option, best_ms = ms;
      }
      picks[node] = best;
      moved = moved || best != before;
    }
    if (!moved) return;
  }
}

std::vector<size_t> LayoutLabelling::solve_from(Layout layout) const {
  std::vector<size_t> picks(options_.size(), 0);
  for (size_t node = 0; node < options_.size(); ++node) {
    size_t best_matches = 0;
    double best_ms = std::numeric_limits<double>::infinity();
    for (size_t option = 0; option < options_[node].size(); ++option) {
      const LabelOption& o = options_[node][option];
      const auto matches =
          static_cast<size_t>(std::ranges::count(o.inputs, layout) + std::ranges::count(o.outputs, layout));
      if (matches < best_matches || (matches == best_matches && o.ms >= best_ms)) continue;
      picks[node] = option, best_matches = matches, best_ms = o.ms;
    }
  }
  improve(picks);
  return picks;
}

std::vector<size_t> LayoutLabelling::solve_from_cheapest() const {
  std::vector<size_t> picks(options_.size(), 0);
  for (size_t node = 0; node < options_.size(); ++node)
    for (size_t option = 1; option < options_[node].size(); ++option)
      if (options_[node][option].ms < options_[node][picks[node]].ms) picks[node] = option;
  improve(picks);
  return picks;
}

std::vector<size_t> LayoutLabelling::solve() const {
  std::vector<size_t> best = solve_from_cheapest();
  double best_ms = cost(best);
  for (const Layout layout : kLayouts) {
    std::vector<size_t> picks = solve_from(layout);
    if (const double ms = cost(picks); ms < best_ms) best = std::move(picks), best_ms = ms;
  }
  return best;
}

}  // namespace hone
