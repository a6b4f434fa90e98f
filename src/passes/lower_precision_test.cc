#include "passes/pass_test.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void lower(Graph& graph, DType type = DType::f16) {
  const auto done = lower_precision(graph, type, {tiny_evaluator(), {}});
  ASSERT_TRUE(done) << done.error().message;
}

std::vector<std::string> texts(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes)
    ops.push_back(std::string(op_name(node.op)) + " " +
                  std::string(dtype_name(graph.desc(node.outputs[0]).type)));
  return ops;
}

TEST(LowerPrecision, everything_up_to_the_last_convolution_becomes_f16_and_the_rest_stays_f32) {
  Graph g = picture_graph();
  const ValueId a = add_conv(g, "a", g.inputs[0], 8);
  const ValueId b = g.add("relu", unary(UnaryKind::relu), {a});
  const ValueId c = add_conv(g, "c", b, 8, 8);
  const ValueId d = g.add("scale", Binary{BinaryKind::mul},
                          {c, g.add_constant("k", Constant::floats({1}, std::vector<float>{32}))});
  g.outputs = {d};
  bind(g);
  lower(g);
  // The first layer reads the f32 picture, the last gives f32: no Cast is needed.
  EXPECT_THAT(texts(g), ElementsAre("Conv f16", "Unary f16", "Conv f32", "Binary f32"));
  EXPECT_EQ(g.desc(g.inputs[0]).type, DType::f32);
  for (const Node& node : g.nodes) {
    if (std::holds_alternative<Conv>(node.op)) {
      EXPECT_EQ(g.desc(node.inputs[1]).type, DType::f32);
    }
  }
}

TEST(LowerPrecision, inputs_and_outputs_keep_their_types_behind_casts) {
  Graph g;
  g.add_input("x", {DType::f32, {1, 8, 4, 4}});
  const ValueId a = add_conv(g, "a", g.inputs[0], 8, 8);
  const ValueId b = g.add("sum", Binary{BinaryKind::add}, {a, g.inputs[0]});
  g.outputs = {add_conv(g, "c", b, 8, 8), b};
  bind(g);
  lower(g, DType::bf16);
  EXPECT_THAT(texts(g), ElementsAre("Cast bf16", "Conv bf16", "Binary bf16", "Conv f32", "Cast f32"));
  EXPECT_EQ(g.desc(g.outputs[0]).type, DType::f32);
  EXPECT_EQ(g.desc(g.outputs[1]).type, DType::f32);
}

TEST(LowerPrecision, box_decode_reads_f16_and_gives_f32) {
  Graph g = picture_graph();
  const ValueId box = add_conv(g, "box", g.inputs[0], 4), cls = add_conv(g, "class", g.inputs[0], 3);
  g.outputs = {g.add("decode", DecodeBoxes{.levels = 1, .reg_max = 1, .strides = {8}}, {box, cls})};
  bind(g);
  lower(g);
  EXPECT_THAT(texts(g), ElementsAre("Conv f16", "Conv f16", "DecodeBoxes f32"));
}

TEST(JoinConvolutions, convolutions_of_one_value_become_one_and_a_split) {
  Graph g = picture_graph();
  const ValueId a = add_conv(g, "a", g.inputs[0], 8), b = add_conv(g, "b", g.inputs[0], 16),
                odd = add_conv(g, "odd", g.inputs[0], 12), c = add_conv(g, "c", a, 8, 8);
  g.outputs = {b, odd, c};
  bind(g);
  ASSERT_TRUE(join_convolutions(g));
  ASSERT_TRUE(verify(g)) << print(g);
  EXPECT_THAT(texts(g), ElementsAre("Conv f32", "Split f32", "Conv f32", "Conv f32"));
  EXPECT_EQ(g.desc(g.nodes[0].outputs[0]).shape, (Shape{1, 24, 8, 8}));
  const auto weights = g.value(g.nodes[0].inputs[1]).constant->to_floats();
  const auto first = random_floats({8, 3, 3, 3}, 1)->to_floats();
  ASSERT_TRUE(weights && first);
  EXPECT_EQ(weights->size(), 24u * 27);
  EXPECT_TRUE(std::equal(first->begin(), first->end(), weights->begin()));
  EXPECT_FALSE(join_convolutions(g));
}

TEST(ConvolveBeforeUpsampling, a_pointwise_convolution_of_a_concat_is_taken_apart) {
  Graph g;
  g.add_input("low", {DType::f32, {1, 16, 4, 4}});
  g.add_input("skip", {DType::f32, {1, 8, 8, 8}});
  const ValueId low = g.inputs[0], skip = g.inputs[1];
  const ValueId scales = g.add_constant("scales", Constant::floats({4}, std::vector<float>{1, 1, 2, 2}));
  const ValueId up =
      g.add("up", Resize{.coordinates = CoordinateMode::asymmetric, .nearest = NearestMode::floor},
            {low, kNoValue, scales});
  const ValueId both = g.add("both", Concat{.axis = 1}, {up, skip});
  const ConstantPtr weights = random_floats({32, 24, 1, 1}, 3);
  const ValueId y = g.add("conv", Conv{.activation = {UnaryKind::silu}, .has_bias = true},
                          {both, g.add_constant("w", weights), g.add_constant("b", random_floats({32}, 2))});
  g.outputs = {y};
  bind(g);
  ASSERT_TRUE(convolve_before_upsampling(g));
  ASSERT_TRUE(verify(g)) << print(g);
  EXPECT_THAT(texts(g), ElementsAre("Conv f32", "Conv f32"));
  EXPECT_EQ(g.desc(g.nodes[0].outputs[0]).shape, (Shape{1, 32, 4, 4}));
  EXPECT_EQ(g.nodes[1].inputs[0], skip);
  EXPECT_EQ(g.nodes[1].inputs.back(), g.nodes[0].outputs[0]);
  EXPECT_TRUE(std::get<Conv>(g.nodes[1].op).residual_upsampled);
  const auto all = weights->to_floats(), of_low = g.value(g.nodes[0].inputs[1]).constant->to_floats(),
             rest = g.value(g.nodes[1].inputs[1]).constant->to_floats();
  ASSERT_TRUE(all && of_low && rest);
  for (size_t m = 0; m < 32; ++m)
    for (size_t c = 0; c < 24; ++c)
      EXPECT_EQ((*all)[m * 24 + c], c < 16 ? (*of_low)[m * 16 + c] : (*rest)[m * 8 + c - 16]);
  EXPECT_FALSE(convolve_before_upsampling(g));
}

TEST(ConvolveBeforeUpsampling, other_resizes_and_shared_values_stay) {
  for (const auto& [scale, nearest, shared] :
       {std::tuple{2.1f, NearestMode::floor, false}, std::tuple{2.0f, NearestMode::ceil, false},
        std::tuple{2.0f, NearestMode::floor, true}}) {
    Graph g;
    g.add_input("low", {DType::f32, {1, 16, 4, 4}});
    g.add_input("skip", {DType::f32, {1, 8, 8, 8}});
    const ValueId scales = g.add_constant("s", Constant::floats({4}, std::vector<float>{1, 1, scale, scale}));
    const ValueId up = g.add("up", Resize{.coordinates = CoordinateMode::asymmetric, .nearest = nearest},
                             {g.inputs[0], kNoValue, scales});
    const ValueId both = g.add("both", Concat{.axis = 1}, {up, g.inputs[1]});
    const ValueId y = g.add("conv", Conv{}, {both, g.add_constant("w", random_floats({8, 24, 1, 1}, 3))});
    g.outputs = {y};
    if (shared) g.outputs.push_back(up);
    bind(g);
    EXPECT_FALSE(convolve_before_upsampling(g)) << print(g);
  }
}

TEST(LowerPrecision, to_f32_changes_nothing) {
  Graph g = picture_graph();
  g.outputs = {add_conv(g, "a", g.inputs[0], 8)};
  bind(g);
  const std::string before = print(g);
  lower(g, DType::f32);
  EXPECT_EQ(print(g), before);
}

}  // namespace
}  // namespace hone
