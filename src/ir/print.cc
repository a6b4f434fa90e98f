#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

#include "ir/graph.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

// A graph that fails verify() is the one that people want to see, so ids are checked here too.
class Printer {
 public:
  explicit Printer(int indent) : indent_(static_cast<size_t>(indent), ' ') {}

  void graph(const Graph& g) {
    size_t constants = 0, constant_bytes = 0;
    for (const Value& v : g.values)
      if (v.constant) ++constants, constant_bytes += v.constant->size_bytes();
    for (const Node& node : g.nodes) {
      line("{:4} {} {} ({}) -> {}", node.id, node.name, op_text(node.op), inputs_text(g, node.inputs),
           values_text(g, node.outputs));
      if (indent_.size() >= 2 * kMaxSubgraphDepth) continue;
      for (const auto& subgraph : subgraphs_of(node.op)) {
        Printer inner(static_cast<int>(indent_.size()) + 2);
        inner.graph(*subgraph);
        text_ += inner.text_;
      }
    }
    line("inputs:  {}", values_text(g, g.inputs));
    line("outputs: {}", values_text(g, g.outputs));
    line("{} nodes, {} values, {} constants of {} bytes", g.nodes.size(), g.values.size(), constants,
         constant_bytes);
  }
  std::string take() { return std::move(text_); }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += indent_;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  static std::string value_text(const Graph& g, ValueId id, bool with_desc) {
    if (id == kNoValue) return "-";
    if (id < 0 || static_cast<size_t>(id) >= g.values.size()) return fmt::format("?{}", id);
    const Value& v = g.value(id);
    if (v.constant && v.desc.concrete() && v.desc.shape.size() <= 1 && v.constant->size_bytes() <= 64)
      if (const auto ints = v.constant->to_ints(8); ints) return fmt::format("{}", *ints);
    const bool show = (with_desc || v.constant) && v.desc.has_shape;
    return show ? fmt::format("{} {}", v.name, desc_text(v.desc)) : v.name;
  }
  static std::string list(const Graph& g, const std::vector<ValueId>& ids, bool with_desc) {
    std::string text;
    for (ValueId id : ids) text += (text.empty() ? "" : ", ") + value_text(g, id, with_desc);
    return text;
  }
  static std::string inputs_text(const Graph& g, const std::vector<ValueId>& ids) {
    return list(g, ids, false);
  }
  static std::string values_text(const Graph& g, const std::vector<ValueId>& ids) {
    return list(g, ids, true);
  }

  std::string indent_, text_;
};

}  // namespace

std::string print(const Graph& graph) {
  Printer printer(0);
  printer.graph(graph);
  return printer.take();
}

}  // namespace hone
