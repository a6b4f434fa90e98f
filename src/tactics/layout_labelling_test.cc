#include "tactics/layout_labelling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace hone {
namespace {

constexpr Layout kPlain = Layout::plain, kBlocked = Layout::nchw8c;

Graph chain(size_t count) {
  Graph graph;
  ValueId x = graph.add_input("x", TensorDesc(DType::f32, {1, 8, 4, 4}));
  for (size_t i = 0; i < count; ++i) x = graph.add("n", Unary{}, {x});
  graph.outputs = {x};
  return graph;
}

LabelOption option(double ms, Layout in, Layout out) { return {.ms = ms, .inputs = {in}, .outputs = {out}}; }
double one(ValueId, Layout, Layout) { return 1; }

TEST(LayoutLabelling, a_long_blocked_stretch_pays_for_its_two_reorders) {
  const Graph graph = chain(10);
  std::vector<std::vector<LabelOption>> options(10,
                                                {option(1, kPlain, kPlain), option(0.5, kBlocked, kBlocked)});
  const LayoutLabelling labelling(graph, options, one);
  const auto picks = labelling.solve();
  EXPECT_EQ(picks, std::vector<size_t>(10, 1));
  EXPECT_DOUBLE_EQ(labelling.cost(picks), 7);  // 10 x 0.5, one reorder at each end
}

TEST(LayoutLabelling, a_short_one_does_not) {
  const Graph graph = chain(3);
  std::vector<std::vector<LabelOption>> options(3,
                                                {option(1, kPlain, kPlain), option(0.5, kBlocked, kBlocked)});
  const LayoutLabelling labelling(graph, options, one);
  EXPECT_EQ(labelling.solve(), std::vector<size_t>(3, 0));
  EXPECT_DOUBLE_EQ(labelling.cost(labelling.solve()), 3);
}

TEST(LayoutLabelling, kernels_that_reorder_on_the_way_are_used_at_the_ends) {
  const Graph graph = chain(3);
  std::vector<std::vector<LabelOption>> options = {
      {option(1, kPlain, kPlain), option(0.6, kPlain, kBlocked)},
      {option(1, kPlain, kPlain), option(0.5, kBlocked, kBlocked)},
      {option(1, kPlain, kPlain), option(0.6, kBlocked, kPlain)}};
  EXPECT_EQ(LayoutLabelling(graph, options, one).solve(), std::vector<size_t>(3, 1));
}

TEST(LayoutLabelling, consumers_that_want_the_same_layout_share_one_reorder) {
  Graph graph;
  const ValueId x = graph.add_input("x", TensorDesc(DType::f32, {1, 8, 4, 4}));
  for (int i = 0; i < 3; ++i) graph.outputs.push_back(graph.add("n", Unary{}, {x}));
  const std::vector<std::vector<LabelOption>> options(
      3, {option(1, kPlain, kPlain), option(0.5, kBlocked, kPlain)});
  const LayoutLabelling labelling(graph, options, one);
  EXPECT_DOUBLE_EQ(labelling.cost({1, 1, 1}), 2.5);
  EXPECT_DOUBLE_EQ(labelling.cost(labelling.solve()), 2.5);
}

TEST(LayoutLabelling, never_asks_for_a_reorder_that_no_kernel_can_do) {
  const Graph graph = chain(4);
  std::vector<std::vector<LabelOption>> options(4,
                                                {option(1, kPlain, kPlain), option(0.1, kBlocked, kBlocked)});
  const LayoutLabelling labelling(
      graph, options, [](ValueId, Layout, Layout) { return std::numeric_limits<double>::infinity(); });
  EXPECT_EQ(labelling.solve(), std::vector<size_t>(4, 0));
}

TEST(LayoutLabelling, is_close_to_the_best_of_all_labellings_of_small_random_graphs) {
  std::mt19937 random(11);
  double found = 0, best = 0;
  for (int round = 0; round < 100; ++round) {
    Graph graph;
    std::vector<ValueId> values = {graph.add_input("x", TensorDesc(DType::f32, {1, 8, 4, 4}))};
    std::vector<std::vector<LabelOption>> options;
    const size_t count = 3 + random() % 5;
    for (size_t n = 0; n < count; ++n) {
      const ValueId a = values[random() % values.size()], b = values[random() % values.size()];
      values.push_back(graph.add("n", Binary{}, {a, b}));
      std::vector<LabelOption> of_node;
      for (const Layout layout : {Layout::plain, Layout::nchw8c, Layout::nchw16c})
        of_node.push_back(
            {.ms = static_cast<double>(1 + random() % 8), .inputs = {layout, layout}, .outputs = {layout}});
      options.push_back(std::move(of_node));
    }
    graph.outputs = {values.back()};
    const LayoutLabelling labelling(graph, options, one);
    double least = std::numeric_limits<double>::infinity();
    std::vector<size_t> picks(count, 0);
    for (size_t code = 0; code < static_cast<size_t>(std::pow(3, count)); ++code) {
      for (size_t n = 0, rest = code; n < count; ++n, rest /= 3) picks[n] = rest % 3;
      least = std::min(least, labelling.cost(picks));
    }
    EXPECT_GE(labelling.cost(labelling.solve()), least - 1e-9);
    found += labelling.cost(labelling.solve());
    best += least;
  }
  EXPECT_LE(found, best * 1.02);
}

}  // namespace
}  // namespace hone
