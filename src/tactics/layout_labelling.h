// One labelling of all values with layouts: which option each node takes, so that kernels and reorders
// together are cheapest.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ir/graph.h"

namespace hone {

struct LabelOption {
  double ms = 0;
  std::vector<Layout> inputs, outputs;  // by position in the node
};

class LayoutLabelling {
 public:
  // Milliseconds to reorder a value between two layouts; infinite when no kernel can.
  using MoveCost = std::function<double(ValueId value, Layout from, Layout to)>;

  // options[i] are those of graph.nodes[i], at least one each. Graph inputs and outputs are plain; so are
  // constants, which cost nothing.
  LayoutLabelling(const Graph& graph, std::vector<std::vector<LabelOption>> options,
                  const MoveCost& move_cost);

  // Iterated conditional modes from several starts (everything in one layout, as far as nodes can; and each
  // node at its own cheapest), the best end. The answer is an option index a node.
  std::vector<size_t> solve() const;
  // The end reached from the start "everything in `layout`": tuning looks at the options that these contain.
  std::vector<size_t> solve_from(Layout layout) const;
  std::vector<size_t> solve_from_cheapest() const;
  double cost(const std::vector<size_t>& picks) const;

 private:
  struct Wire {             // a value that a kernel makes or the caller gives
    int32_t producer = -1;  // node; -1: graph input
    size_t output = 0;      // of that node
    bool leaves = false;    // is a graph output
    struct Use {
      size_t node, input;
    };
    std::vector<Use> uses;
    std::array<std::array<double, 4>, 4> move_ms = {};
  };
  double wire_cost(const Wire& wire, const std::vector<size_t>& picks) const;
  double around(size_t node, const std::vector<size_t>& picks) const;
  void improve(std::vector<size_t>& picks) const;

  std::vector<std::vector<LabelOption>> options_;
  std::vector<Wire> wires_;
  std::vector<std::vector<size_t>> node_wires_;  // distinct wires that touch a node
};

}  // namespace hone
