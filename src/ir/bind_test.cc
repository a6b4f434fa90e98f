#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/infer.h"
#include "ir/subgraphs.h"
#include "ir/tiny_evaluator.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ConstantPtr ints(std::vector<int64_t> values) { return Constant::ints(values); }
Op relu() { return Unary{{UnaryKind::relu}}; }

Graph dynamic_input() {
  Graph g;
  g.add_input("images", {DType::f32, {-1, 3, -1, -1}}, {"batch", "", "height", "width"});
  return g;
}

std::string bind_error(Graph g, const InputShapes& shapes) {
  const auto bound = bind_shapes(g, shapes, tiny_evaluator());
  return bound ? "" : bound.error().message;
}

// x.view(x.shape[0], -1) as exporters write it.
TEST(BindShapes, FoldsShapeArithmeticAway) {
  Graph g = dynamic_input();
  const ValueId x = g.inputs[0];
  const ValueId shape = g.add("shape", ShapeOf{}, {x});
  const ValueId batch = g.add("gather", Gather{}, {shape, g.add_constant("i", Constant::scalar_int(0))});
  const ValueId axes = g.add_constant("axes", ints({0}));
  const ValueId list = g.add("unsqueeze", Unsqueeze{}, {batch, axes});
  const ValueId wanted = g.add("concat", Concat{0}, {list, g.add_constant("rest", ints({-1}))});
  g.outputs = {g.add("reshape", Reshape{}, {g.add("relu", relu(), {x}), wanted})};

  ASSERT_TRUE(bind_shapes(g, {{"images", {2, 3, 4, 5}}}, tiny_evaluator()));
  ASSERT_TRUE(verify(g)) << print(g);
  EXPECT_EQ(g.nodes.size(), 2u) << print(g);
  EXPECT_EQ(desc_text(g.desc(g.outputs[0])), "f32[2x60]");
  EXPECT_THAT(g.value(g.nodes[1].inputs[1]).constant->to_ints().value(), ElementsAre(2, -1));
}

TEST(BindShapes, LargeFoldedValuesAreComputedWhenTheyAreRead) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::f32, {1, 4096}});
  int evaluations = 0;
  const Evaluator counting = [&](const Node& node, std::span<const ConstantPtr> inputs,
                                 std::span<const TensorDesc> outputs) {
    ++evaluations;
    return tiny_evaluator()(node, inputs, outputs);
  };
  const auto half = tiny_constant({DType::f16, {16, 4096}}, std::vector<double>(16 * 4096, 1.5));
  const ValueId w = g.add("widen", Cast{DType::f32}, {g.add_constant("w", half)});
  g.outputs = {g.add("add", Binary{}, {x, g.add("minus", Unary{{UnaryKind::neg}}, {w})})};
  Graph again = g;
  ASSERT_TRUE(bind_shapes(g, {}, counting));
  ASSERT_EQ(g.nodes.size(), 1u) << print(g);
  EXPECT_EQ(evaluations, 0);
  const ConstantPtr& folded = g.value(g.nodes[0].inputs[1]).constant;
  EXPECT_TRUE(folded->is_lazy());
  EXPECT_EQ(folded->to_floats().value()[7], -1.5f);
  EXPECT_EQ(evaluations, 2);

  ASSERT_TRUE(bind_shapes(again, {}, counting, {.eager_fold_limit_bytes = 1 << 20}));
  EXPECT_FALSE(again.value(again.nodes[0].inputs[1]).constant->is_lazy());
}

TEST(BindShapes, KeysOfFoldedValuesDependOnTheirRecipeAlone) {
  const auto folded_key_of = [](float a, BinaryKind kind) {
    Graph g;
    const ValueId c = g.add_constant("c", Constant::floats({1}, std::vector<float>{a}));
    g.outputs = {g.add("op", Binary{kind}, {c, c})};
    EXPECT_TRUE(bind_shapes(g, {}, tiny_evaluator(), {.eager_fold_limit_bytes = 0}));
    return g.value(g.outputs[0]).constant->key();
  };
  EXPECT_EQ(folded_key_of(2, BinaryKind::add), folded_key_of(2, BinaryKind::add));
  EXPECT_NE(folded_key_of(2, BinaryKind::add), folded_key_of(3, BinaryKind::add));
  EXPECT_NE(folded_key_of(2, BinaryKind::add), folded_key_of(2, BinaryKind::mul));
}

TEST(BindShapes, ChecksTheInputShapes) {
  Graph g = dynamic_input();
  g.add_input("mask", {DType::f32, {-1}}, {"batch"});
  g.outputs = {g.add("relu", relu(), {g.inputs[0]})};
  EXPECT_EQ(bind_error(g, {{"images", {2, 3, 4, 5}}, {"mask", {2}}}), "");
  EXPECT_EQ(bind_error(g, {{"images", {2, 4, 4, 5}}, {"mask", {2}}}),
            "input 'images': shape 2x4x4x5 does not fit f32[?x3x?x?]");
  EXPECT_THAT(bind_error(g, {{"images", {2, 3, 4}}, {"mask", {2}}}), HasSubstr("does not fit"));
  EXPECT_THAT(bind_error(g, {{"images", {2, 3, -1, 5}}, {"mask", {2}}}), HasSubstr("does not fit"));
  EXPECT_THAT(bind_error(g, {{"images", {2, 3, 0, 5}}, {"mask", {2}}}), HasSubstr("does not fit"));
  EXPECT_THAT(bind_error(g, {{"images", {1LL << 40, 3, 9, 5}}, {"mask", {1LL << 40}}}),
              HasSubstr("too large"));
  EXPECT_EQ(bind_error(g, {{"images", {2, 3, 4, 5}}}), "input 'mask': its shape f32[?] must be given");
  EXPECT_EQ(bind_error(g, {{"images", {2, 3, 4, 5}}, {"mask", {3}}}),
            "input 'mask': 'batch' is 3 here and 2 in another input");
  EXPECT_EQ(bind_error(g, {{"images", {2, 3, 4, 5}}, {"mask", {2}}, {"maks", {2}}}),
            "the network has no input 'maks'");
}

TEST(BindShapes, ErrorsNameTheNodeAndItsOp) {
  Graph g = dynamic_input();
  g.outputs = {g.add("/neck/cat", Concat{1},
                     {g.inputs[0], g.add_constant("c", Constant::floats({1}, std::vector<float>{1}))})};
  EXPECT_EQ(bind_error(g, {{"images", {1, 3, 2, 2}}}),
            "node '/neck/cat' (Concat): input 1 has shape 1, which does not fit 1x3x2x2 along axis 1");
}

TEST(BindShapes, AHugeConstantIsRefusedAndNotAllocated) {
  Graph g;
  const ValueId shape = g.add_constant("s", ints({1 << 20, 1 << 19}));
  const ValueId zeros = g.add("zeros", ConstantOfShape{}, {shape});
  g.outputs = {g.add("nonzero", NonZero{}, {zeros})};
  EXPECT_THAT(bind_error(g, {}), HasSubstr("too large to be computed"));
}

// if (x.shape[0] == 1) relu(x) else relu(relu(x)), written inside with a captured name.
Graph with_if() {
  Graph g = dynamic_input();
  const ValueId x = g.inputs[0];
  auto yes = std::make_shared<Graph>();
  yes->captures = {"images"};
  yes->outputs = {yes->add("r", relu(), {yes->add_input("outer", {})})};
  auto no = std::make_shared<Graph>();
  no->captures = {"images"};
  no->outputs = {no->add("r2", relu(), {no->add("r1", relu(), {no->add_input("outer", {})})})};
  const ValueId batch = g.add("shape", ShapeOf{0, 1}, {x});
  const ValueId condition =
      g.add("is_one", Binary{BinaryKind::equal}, {batch, g.add_constant("one", ints({1}))});
  g.outputs = {g.add("if", If{yes, no}, {condition})};
  return g;
}

TEST(BindShapes, AKnownConditionInlinesItsBranch) {
  Graph one = with_if(), two = with_if();
  ASSERT_TRUE(bind_shapes(one, {{"images", {1, 3, 4, 5}}}, tiny_evaluator()));
  ASSERT_TRUE(verify(one)) << print(one);
  EXPECT_EQ(one.nodes.size(), 2u) << print(one);
  EXPECT_EQ(one.nodes[0].name, "if/r");
  ASSERT_TRUE(bind_shapes(two, {{"images", {2, 3, 4, 5}}}, tiny_evaluator()));
  ASSERT_TRUE(verify(two)) << print(two);
  EXPECT_EQ(two.nodes.size(), 3u) << print(two);
  EXPECT_EQ(desc_text(two.desc(two.outputs[0])), "f32[2x3x4x5]");
  EXPECT_EQ(two.value(two.outputs[0]).name, "if_output") << "the output keeps its name";

  Graph again = with_if();
  ASSERT_TRUE(bind_shapes(again, {{"images", {7, 3, 4, 5}}}, tiny_evaluator()));
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(again.nodes[i].id, two.nodes[i].id) << "the same node at every shape";
}

TEST(BindShapes, AnUnknownConditionNeedsBranchesOfOneShape) {
  Graph g = with_if();
  g.nodes[2].inputs[0] = g.add_input("condition", {DType::boolean, {}});
  Graph kept = g;
  ASSERT_TRUE(bind_shapes(kept, {{"images", {1, 3, 4, 5}}}, tiny_evaluator()));
  ASSERT_TRUE(verify(kept)) << print(kept);
  ASSERT_EQ(kept.nodes.size(), 1u);
  EXPECT_EQ(desc_text(kept.desc(kept.outputs[0])), "f32[1x3x4x5]");

  auto other = std::make_shared<Graph>();
  other->outputs = {other->add_constant("c", Constant::floats({1}, std::vector<float>{1}))};
  std::get<If>(g.nodes[2].op).else_branch = other;
  EXPECT_THAT(bind_error(g, {{"images", {1, 3, 4, 5}}}),
              HasSubstr("its branches make f32[1x3x4x5] and f32[1]"));
}

// for (i = 0; i < trips; ++i) { total += i; collect(total); }
Graph with_loop(int64_t trips) {
  auto body = std::make_shared<Graph>();
  const ValueId trip = body->add_input("trip", {DType::i64, {}});
  const ValueId go_on = body->add_input("go_on", {DType::boolean, {}});
  const ValueId total = body->add_input("total", {DType::i64, {}});
  const ValueId next = body->add("sum", Binary{}, {total, trip});
  body->outputs = {body->add("same", Unary{}, {go_on}), next, next};
  Graph g;
  const ValueId count = g.add_constant("trips", Constant::scalar_int(trips));
  const ValueId start = g.add_constant("start", Constant::scalar_int(10));
  const size_t loop = g.add_node("loop", Loop{body}, {count, kNoValue, start}, 2);
  g.outputs = g.nodes[loop].outputs;
  return g;
}

TEST(BindShapes, AKnownLoopIsUnrolledAndFolded) {
  Graph g = with_loop(4);
  ASSERT_TRUE(verify(g)) << print(g);
  ASSERT_TRUE(bind_shapes(g, {}, tiny_evaluator()));
  ASSERT_TRUE(verify(g)) << print(g);
  EXPECT_TRUE(g.nodes.empty()) << print(g);
  EXPECT_THAT(g.value(g.outputs[0]).constant->to_ints().value(), ElementsAre(16));
  EXPECT_THAT(g.value(g.outputs[1]).constant->to_ints().value(), ElementsAre(10, 11, 13, 16));
}

TEST(BindShapes, ALongOrUnknownLoopIsRefusedByName) {
  EXPECT_THAT(bind_error(with_loop(65), {}), HasSubstr("node 'loop' (Loop): only loops whose trip count"));
  Graph g = with_loop(4);
  g.nodes[0].inputs[0] = g.add_input("n", {DType::i64, {}});
  EXPECT_THAT(bind_error(g, {}), HasSubstr("only loops whose trip count"));
}

}  // namespace
}  // namespace hone
