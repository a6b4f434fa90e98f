// How the tests of passes run one and show what it did.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/tiny_evaluator.h"
#include "passes/pass_list.h"
#include "passes/rewrite.h"

namespace hone {

using Pass = bool (*)(Graph&, const PassContext&);

inline Op unary(UnaryKind kind, float alpha = 0, float beta = 0) { return Unary{{kind, alpha, beta}}; }

// The nodes after the pass and remove_dead, one line each, without ids; before and after are printed where a
// test fails.
class PassRun {
 public:
  PassRun(Pass pass, Graph& graph) : before_(print(graph)) {
    changed = pass(graph, {tiny_evaluator(), {}});
    graph.remove_dead();
    const auto checked = verify(graph);
    EXPECT_TRUE(checked) << checked.error().message << "\n" << print(graph);
    after_ = print(graph);
    for (const Node& node : graph.nodes) ops.push_back(op_text(node.op));
  }
  std::string text() const { return "before:\n" + before_ + "after:\n" + after_; }

  bool changed = false;
  std::vector<std::string> ops;

 private:
  std::string before_, after_;
};

inline ConstantPtr random_floats(Shape shape, int seed) {
  std::vector<float> values(static_cast<size_t>(element_count(shape).value()));
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761u + 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / static_cast<float>(1 << 24) + 0.25f;
  }
  return Constant::floats(std::move(shape), values);
}

// conv(x) with 3 -> channels and a 3x3 filter.
inline ValueId add_conv(Graph& g, const std::string& name, ValueId x, int64_t channels,
                        int64_t in_channels = 3, bool bias = true) {
  std::vector<ValueId> inputs = {
      x, g.add_constant(name + ".w", random_floats({channels, in_channels, 3, 3}, 1))};
  if (bias) inputs.push_back(g.add_constant(name + ".b", random_floats({channels}, 2)));
  return g.add(name, Conv{.pads = {1, 1, 1, 1}, .has_bias = bias}, inputs);
}

inline Graph picture_graph() {
  Graph g;
  g.add_input("x", {DType::f32, {1, 3, 8, 8}});
  return g;
}

inline void bind(Graph& graph) {
  const auto bound = bind_shapes(graph, {}, tiny_evaluator());
  ASSERT_TRUE(bound) << bound.error().message;
}

}  // namespace hone
