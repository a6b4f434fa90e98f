#include "ir/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "ir/op_visit.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Op relu() { return Unary{{UnaryKind::relu}}; }

std::string verify_text(const Graph& graph) {
  const auto checked = verify(graph);
  return checked ? "" : checked.error().message;
}

// x -> relu "a" -> relu "b" -> output, and a dead relu "c" beside.
Graph chain() {
  Graph g;
  const ValueId x = g.add_input("x", {DType::f32, {1, 3}});
  const ValueId a = g.add("a", relu(), {x});
  const ValueId b = g.add("b", relu(), {a});
  g.add("c", relu(), {a});
  g.outputs = {b};
  return g;
}

TEST(Graph, TakenNamesGetASuffix) {
  Graph g;
  EXPECT_EQ(g.value(g.add_value("v")).name, "v");
  EXPECT_EQ(g.value(g.add_value("v_1")).name, "v_1");
  EXPECT_EQ(g.value(g.add_value("v")).name, "v_2");
  EXPECT_EQ(g.value(g.add_value("")).name, "value");
  g.rename(0, "w");
  g.rename(1, "w");
  EXPECT_EQ(g.value(1).name, "w_1");
  EXPECT_EQ(verify_text(g), "");
}

TEST(Graph, NamesStayUniqueInACopyAndAfterRemovals) {
  Graph g = chain();
  Graph copy = g;
  copy.add_value("x");
  copy.remove_dead();
  for (int i = 0; i < 100; ++i) copy.add("a", relu(), {copy.inputs[0]});
  EXPECT_EQ(verify_text(copy), "");
}

TEST(Graph, ManyValuesOfOneNameCostNoQuadraticTime) {
  Graph g;
  for (int i = 0; i < 200000; ++i) g.add_value("same");
  EXPECT_EQ(g.values.size(), 200000u);
  EXPECT_EQ(g.values.back().name, "same_199999");
}

TEST(Graph, ProducersAndConsumersAgreeWithTheNodes) {
  const Graph g = chain();
  EXPECT_THAT(g.producers(), ElementsAre(-1, 0, 1, 2));
  EXPECT_THAT(g.consumers()[1], ElementsAre(1, 2));
  EXPECT_THAT(g.consumers()[2], IsEmpty());
}

TEST(Graph, RemoveDeadKeepsInputsAndNodeIds) {
  Graph g = chain();
  g.add_input("unused", {DType::f32, {1}});
  g.remove_dead();
  EXPECT_EQ(verify_text(g), "");
  EXPECT_EQ(g.nodes.size(), 2u);
  EXPECT_EQ(g.inputs.size(), 2u);
  EXPECT_EQ(g.nodes[1].id, 1);
  EXPECT_EQ(g.next_node_id(), 3) << "the id of a removed node is not given again";
}

TEST(Graph, ReplaceUsesReachesOutputsAndCaptures) {
  Graph g = chain();
  auto branch = std::make_shared<Graph>();
  branch->captures = {"a_output"};
  branch->outputs = {branch->add("r", relu(), {branch->add_input("outer", {})})};
  const ValueId condition = g.add_input("condition", {DType::boolean, {}});
  g.outputs.push_back(g.add("if", If{branch, branch}, {condition}));
  ASSERT_EQ(verify_text(g), "");
  EXPECT_THAT(g.consumers()[1], ElementsAre(1, 2, 3, 3));

  const Graph before = g;
  g.replace_uses(1, 0);
  EXPECT_EQ(verify_text(g), "");
  g.remove_dead();
  EXPECT_EQ(verify_text(g), "") << print(g);
  EXPECT_EQ(g.nodes.size(), 2u);
  EXPECT_EQ(subgraphs_of(g.nodes[1].op)[0]->captures[0], "x");
  EXPECT_EQ(subgraphs_of(before.nodes[3].op)[0]->captures[0], "a_output")
      << "a copy of a graph must not change";
}

TEST(Graph, CapturedValuesStayAlive) {
  Graph g;
  const ValueId x = g.add_input("x", {});
  const ValueId a = g.add("a", relu(), {x});
  auto branch = std::make_shared<Graph>();
  branch->captures = {"a_output"};
  branch->outputs = {branch->add_input("outer", {})};
  g.outputs = {g.add("if", If{branch, branch}, {g.add_input("c", {})})};
  g.remove_dead();
  EXPECT_EQ(g.nodes.size(), 2u);
  EXPECT_EQ(g.value(a).name, "a_output");
}

// Random graphs: whatever is removed, what is left is well formed and still makes the outputs.
TEST(Graph, RemoveDeadLeavesRandomGraphsWellFormed) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Graph g;
    g.add_input("x", {DType::f32, {2}});
    g.add_constant("k", Constant::floats({1}, std::vector<float>{1}));
    const auto pick = [&] { return static_cast<ValueId>(random() % g.values.size()); };
    const size_t count = 1 + random() % 20;
    for (size_t i = 0; i < count; ++i) g.add("n", Binary{}, {pick(), pick()});
    for (size_t i = 0; i < 1 + random() % 3; ++i) g.outputs.push_back(pick());
    std::vector<std::string> names;
    for (ValueId id : g.outputs) names.push_back(g.value(id).name);
    ASSERT_EQ(verify_text(g), "");
    g.remove_dead();
    ASSERT_EQ(verify_text(g), "") << print(g);
    for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ(g.value(g.outputs[i]).name, names[i]);
    const size_t left = g.nodes.size();
    g.remove_dead();
    EXPECT_EQ(g.nodes.size(), left);
    const auto read_by = g.consumers();
    for (const Node& node : g.nodes)
      EXPECT_TRUE(!read_by[static_cast<size_t>(node.outputs[0])].empty() || g.is_output(node.outputs[0]));
  }
}

TEST(Verify, NamesTheFirstThingThatIsWrong) {
  const auto broken = [](auto change) {
    Graph g = chain();
    change(g);
    return verify_text(g);
  };
  EXPECT_EQ(verify_text(chain()), "");
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = 99; }),
              HasSubstr("node 'b': an input is value 99, but there are 4"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = -7; }), HasSubstr("value -7"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = kNoValue; }),
              HasSubstr("Unary lacks its input 0"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs[0] = 2; }), HasSubstr("made by no node before it"));
  EXPECT_THAT(broken([](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }),
              HasSubstr("made by no node before it"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].outputs[0] = 1; }), HasSubstr("made before"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].outputs[0] = 1 << 30; }), HasSubstr("an output is value"));
  EXPECT_THAT(broken([](Graph& g) { g.outputs[0] = 12; }), HasSubstr("a graph output is value 12"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs.push_back(0); }), HasSubstr("a graph input twice"));
  EXPECT_THAT(broken([](Graph& g) { g.inputs.push_back(-3); }), HasSubstr("a graph input is value -3"));
  EXPECT_THAT(broken([](Graph& g) { g.values[1].name = "x"; }), HasSubstr("two values are called 'x'"));
  EXPECT_THAT(broken([](Graph& g) { g.values[1].name = ""; }), HasSubstr("has no name"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].inputs.push_back(0); }),
              HasSubstr("Unary has 2 inputs instead of 1"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].op = DecodeBoxes{.levels = INT64_MAX}; }),
              HasSubstr("DecodeBoxes has 1 inputs"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].op = If{}; }), HasSubstr("a subgraph is missing"));
  EXPECT_THAT(broken([](Graph& g) { g.nodes[1].id = 0; }), HasSubstr("another node has its id 0"));
  EXPECT_THAT(broken([](Graph& g) { g.values[0].desc.shape = {-2}; }), HasSubstr("has the extent -2"));
  EXPECT_THAT(broken([](Graph& g) { g.values[0].desc.shape.assign(1000, 1); }), HasSubstr("rank 1000"));
  EXPECT_THAT(broken([](Graph& g) { g.values[0].constant = Constant::scalar_int(1); }),
              HasSubstr("its constant i64[]"));
  EXPECT_THAT(broken([](Graph& g) { g.outputs[0] = g.add_value("orphan"); }),
              HasSubstr("nobody makes the graph output 'orphan'"));
}

TEST(Verify, DeeplyNestedSubgraphsAreRefused) {
  auto inner = std::make_shared<Graph>();
  inner->outputs = {inner->add_constant("c", Constant::scalar_int(1))};
  for (int i = 0; i < 40; ++i) {
    auto outer = std::make_shared<Graph>();
    const ValueId condition = outer->add_constant("c", Constant::scalar_int(1));
    outer->outputs = {outer->add("if", Loop{inner}, {condition})};
    inner = outer;
  }
  EXPECT_THAT(verify_text(*inner), HasSubstr("nested deeper than 16"));
  EXPECT_THAT(print(*inner), HasSubstr("Loop"));
}

TEST(Print, ShowsABrokenGraphWithoutFalling) {
  Graph g = chain();
  g.nodes[1].inputs = {99, -5, kNoValue};
  EXPECT_THAT(print(g), HasSubstr("b Unary(function=relu) (?99, ?-5, -) -> b_output"));
}

TEST(Print, OneLineANode) {
  Graph g;
  g.name = "main";
  const ValueId x = g.add_input("images", {DType::f32, {1, 3, 8, 8}});
  const ValueId w = g.add_constant("w", Constant::floats({4, 3, 1, 1}, std::vector<float>(12)));
  const ValueId y = g.add("/conv", Conv{.strides = {2, 2}, .activation = {UnaryKind::silu}}, {x, w});
  g.outputs = {
      g.add("/shape", Reshape{}, {y, g.add_constant("s", Constant::ints(std::vector<int64_t>{1, -1}))})};
  EXPECT_EQ(print(g),
            "   0 /conv Conv(strides=[2,2], activation=silu) (images, w f32[4x3x1x1]) -> /conv_output\n"
            "   1 /shape Reshape (/conv_output, [1, -1]) -> /shape_output\n"
            "inputs:  images f32[1x3x8x8]\n"
            "outputs: /shape_output\n"
            "2 nodes, 5 values, 2 constants of 64 bytes\n");
}

}  // namespace
}  // namespace hone
