// The passes that take away, merge and fold.
#include "ir/subgraphs.h"
#include "passes/pass_test.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ValueId ints(Graph& g, std::vector<int64_t> values) { return g.add_constant("i", Constant::ints(values)); }

TEST(RemoveIdentity, NodesThatDoNothingGo) {
  Graph g = picture_graph();
  ValueId v = add_conv(g, "conv", g.inputs[0], 4);
  v = g.add("dropout", Unary{}, {v});
  v = g.add("cast", Cast{DType::f32}, {v});
  v = g.add("transpose", Transpose{{0, 1, 2, 3}}, {v});
  v = g.add("concat", Concat{1}, {v});
  v = g.add("pad", Pad{}, {v, ints(g, {0, 0, 0, 0, 0, 0, 0, 0})});
  g.outputs = {v};
  const std::string name = g.value(v).name;
  PassRun run(remove_identity, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)")) << run.text();
  EXPECT_EQ(g.value(g.outputs[0]).name, name) << "an output keeps its name";
}

TEST(RemoveIdentity, InputsOutputsAndOtherTypesKeepTheirNodes) {
  Graph g = picture_graph();
  const ValueId y = add_conv(g, "conv", g.inputs[0], 4);
  g.outputs = {g.add("a", Unary{}, {g.inputs[0]}),
               y,
               g.add("b", Unary{}, {y}),
               g.add("c", Cast{DType::f16}, {y}),
               g.add("d", Transpose{{0, 1, 3, 2}}, {y}),
               g.add("e", Transpose{}, {y})};
  EXPECT_FALSE(PassRun(remove_identity, g).changed);
}

TEST(RemoveIdentity, CapturesFollow) {
  Graph g = picture_graph();
  const ValueId y = add_conv(g, "conv", g.inputs[0], 4);
  g.add("same", Unary{}, {y});
  auto branch = std::make_shared<Graph>();
  branch->captures = {"same_output"};
  branch->outputs = {branch->add_input("outer", {})};
  g.outputs = {g.add("if", If{branch, branch}, {g.add_input("c", {DType::boolean, {}})})};
  PassRun run(remove_identity, g);
  EXPECT_EQ(run.ops.size(), 2u) << run.text();
  EXPECT_EQ(subgraphs_of(g.nodes[1].op)[0]->captures[0], "conv_output");
}

TEST(FoldConstants, ComputesWhatNeedsNoInput) {
  Graph g = picture_graph();
  const ValueId sum = g.add("sum", Binary{}, {ints(g, {1, 2}), ints(g, {3})});
  const ValueId shape = g.add("shape", Concat{0}, {sum, ints(g, {-1})});
  g.outputs = {g.add("reshape", Reshape{}, {g.inputs[0], shape})};
  PassRun run(fold_constants, g);
  EXPECT_THAT(run.ops, ElementsAre("Reshape")) << run.text();
  EXPECT_THAT(ints_of(g, g.nodes[0].inputs[1]).value(), ElementsAre(4, 5, -1));
}

TEST(FoldConstants, AWidenedWeightIsLazyAndWhatCannotBeComputedStays) {
  Graph g = picture_graph();
  const auto half = tiny_constant({DType::f16, {64, 3, 16, 16}}, std::vector<double>(64 * 768, 0.5));
  const ValueId w = g.add("widen", Cast{DType::f32}, {g.add_constant("w", half)});
  g.outputs = {g.add("conv", Conv{.pads = {8, 8, 8, 8}}, {g.inputs[0], w}),
               g.add("sort", TopK{}, {ints(g, {1, 2, 3}), ints(g, {2})})};
  PassRun run(fold_constants, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[8,8,8,8])", "TopK")) << run.text();
  EXPECT_TRUE(g.value(g.nodes[0].inputs[1]).constant->is_lazy());
}

TEST(MergeDuplicates, TheSameNodeTwiceIsOne) {
  Graph g = picture_graph();
  const ValueId x = g.inputs[0];
  const ValueId a = g.add("a", Reshape{}, {x, ints(g, {1, -1})}),
                b = g.add("b", Reshape{}, {x, ints(g, {1, -1})});
  const ValueId c = g.add("c", Reshape{}, {x, ints(g, {-1, 1})});
  g.outputs = {g.add("sum", Binary{},
                     {g.add("r1", unary(UnaryKind::relu), {a}), g.add("r2", unary(UnaryKind::relu), {b})}),
               c};
  PassRun run(merge_duplicates, g);
  EXPECT_THAT(run.ops, ElementsAre("Reshape", "Reshape", "Unary(function=relu)", "Binary")) << run.text();
  EXPECT_EQ(g.nodes[3].inputs[0], g.nodes[3].inputs[1]);
}

TEST(MergeDuplicates, OutputsStayTwo) {
  Graph g = picture_graph();
  g.outputs = {g.add("a", unary(UnaryKind::relu), {g.inputs[0]}),
               g.add("b", unary(UnaryKind::relu), {g.inputs[0]})};
  EXPECT_FALSE(PassRun(merge_duplicates, g).changed);
}

TEST(RemoveNoOps, ShapesShowWhatDoesNothing) {
  Graph g = picture_graph();
  ValueId v = add_conv(g, "conv", g.inputs[0], 4);
  v = g.add("reshape", Reshape{}, {v, ints(g, {1, 4, 8, -1})});
  v = g.add("slice", Slice{}, {v, ints(g, {0}), ints(g, {INT64_MAX}), ints(g, {2})});
  v = g.add("expand", Expand{}, {v, ints(g, {1, 4, 1, 1})});
  v = g.add("tile", Tile{}, {v, ints(g, {1, 1, 1, 1})});
  v = g.add("resize", Resize{},
            {v, kNoValue, g.add_constant("s", Constant::floats({4}, std::vector<float>{1, 1, 1, 1}))});
  v = g.add("mul", Binary{BinaryKind::mul},
            {v, g.add_constant("one", Constant::floats({}, std::vector<float>{1}))});
  g.outputs = {v};
  bind(g);
  PassRun run(remove_no_ops, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)")) << run.text();
}

TEST(RemoveNoOps, WhatChangesElementsStays) {
  Graph g = picture_graph();
  const ValueId y = add_conv(g, "conv", g.inputs[0], 4);
  const ValueId flipped =
      g.add("slice", Slice{}, {y, ints(g, {-1}), ints(g, {-9}), ints(g, {2}), ints(g, {-1})});
  const ValueId moved =
      g.add("resize", Resize{},
            {y, kNoValue, g.add_constant("s", Constant::floats({4}, std::vector<float>{1, 1, 1.05f, 1}))});
  const ValueId swapped = g.add("transpose", Transpose{{0, 1, 3, 2}}, {y});
  g.outputs = {flipped, moved, swapped};
  bind(g);
  PassRun run(remove_no_ops, g);
  EXPECT_FALSE(run.changed) << run.text();
}

TEST(MergeReshapes, AChainBecomesOneReshape) {
  Graph g = picture_graph();
  ValueId v = add_conv(g, "conv", g.inputs[0], 4);
  v = g.add("flatten", Flatten{2}, {v});                   // 4x64
  v = g.add("unsqueeze", Unsqueeze{}, {v, ints(g, {0})});  // 1x4x64
  v = g.add("transpose", Transpose{{1, 0, 2}}, {v});       // 4x1x64: moves a 1 alone
  v = g.add("reshape", Reshape{}, {v, ints(g, {16, 16})});
  g.outputs = {v};
  bind(g);
  PassRun run(merge_reshapes, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)", "Reshape(allow_zero=true)"))
      << run.text();
  EXPECT_THAT(ints_of(g, g.nodes[1].inputs[1]).value(), ElementsAre(16, 16));
}

TEST(MergeReshapes, ThereAndBackIsNothing) {
  Graph g = picture_graph();
  ValueId v = add_conv(g, "conv", g.inputs[0], 4);
  v = g.add("a", Reshape{}, {v, ints(g, {4, 64})});
  v = g.add("b", Reshape{}, {v, ints(g, {1, 4, 8, 8})});
  g.outputs = {g.add("relu", unary(UnaryKind::relu), {v})};
  bind(g);
  PassRun run(merge_reshapes, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)", "Unary(function=relu)"))
      << run.text();
}

TEST(MergeTransposes, TwoBecomeOneOrNone) {
  Graph g = picture_graph();
  const ValueId y = add_conv(g, "conv", g.inputs[0], 4);
  const ValueId there = g.add("a", Transpose{{0, 2, 3, 1}}, {y});
  g.outputs = {g.add("relu", unary(UnaryKind::relu), {g.add("b", Transpose{{0, 3, 1, 2}}, {there})}),
               g.add("c", Transpose{{0, 2, 1, 3}}, {there})};
  bind(g);
  PassRun run(merge_transposes, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)", "Unary(function=relu)",
                                   "Transpose(perm=[0,3,2,1])"))
      << run.text();
}

TEST(FuseResidual, AnAdditionGoesIntoTheConvolution) {
  Graph g = picture_graph();
  const ValueId a = add_conv(g, "conv1", g.inputs[0], 4);
  const ValueId b = add_conv(g, "conv2", a, 4, 4);
  // Made after conv2: the convolution moves down behind it.
  const ValueId c = g.add("late", unary(UnaryKind::exp), {a});
  g.outputs = {g.add("sum", Binary{}, {b, c})};
  bind(g);
  std::get<Conv>(g.nodes[1].op).activation = {UnaryKind::silu};
  const int64_t id = g.nodes[1].id;
  PassRun run(fuse_residual, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)", "Unary(function=exp)",
                                   "Conv(pads=[1,1,1,1], activation=silu, has_bias=true, has_residual=true)"))
      << run.text();
  EXPECT_EQ(g.nodes[2].id, id);
  EXPECT_EQ(g.nodes[2].inputs.size(), 4u);
}

TEST(FuseResidual, BroadcastsSharedResultsAndDoublesStay) {
  Graph g = picture_graph();
  const ValueId a = add_conv(g, "conv1", g.inputs[0], 4);
  const ValueId pooled = g.add("pool", GlobalPool{}, {a});
  const ValueId b = add_conv(g, "conv2", a, 4, 4), c = add_conv(g, "conv3", a, 4, 4);
  g.outputs = {g.add("broadcast", Binary{}, {b, pooled}), g.add("twice", Binary{}, {c, c})};
  bind(g);
  PassRun run(fuse_residual, g);
  EXPECT_FALSE(run.changed) << run.text();
}

TEST(Passes, AreNamedInOrderAndVerified) {
  const auto names = pass_names(PassStage::portable);
  EXPECT_EQ(names.front(), "infer_types");
  EXPECT_EQ(names.back(), "remove_dead");
  Graph g = picture_graph();
  const ValueId y =
      g.add("bn", BatchNorm{},
            {add_conv(g, "conv", g.inputs[0], 4), g.add_constant("g", random_floats({4}, 1)),
             g.add_constant("b", random_floats({4}, 9)), g.add_constant("m", random_floats({4}, 3)),
             g.add_constant("v", random_floats({4}, 4))});
  g.outputs = {g.add("mul", Binary{BinaryKind::mul}, {y, g.add("s", unary(UnaryKind::sigmoid), {y})})};
  std::vector<std::string> seen;
  const PassContext context{tiny_evaluator(),
                            [&](std::string_view pass, const Graph&) { seen.emplace_back(pass); }};
  ASSERT_TRUE(run_passes(g, PassStage::portable, context));
  EXPECT_THAT(seen, ElementsAre("fuse_silu", "fold_batchnorm", "fuse_activation", "remove_dead"));
  ASSERT_EQ(g.nodes.size(), 1u);
  EXPECT_EQ(op_text(g.nodes[0].op), "Conv(pads=[1,1,1,1], activation=silu, has_bias=true)");
}

}  // namespace
}  // namespace hone
