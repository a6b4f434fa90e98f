// The fusing passes that need no shapes.
#include "passes/pass_test.h"

namespace hone {
namespace {

using testing::ElementsAre;

ValueId scalar(Graph& g, float value) {
  return g.add_constant("c", Constant::floats({}, std::vector<float>{value}));
}

TEST(FuseSilu, GatesBecomeOneFunction) {
  const auto fused = [](auto gate) {
    Graph g = picture_graph();
    const ValueId x = g.inputs[0];
    g.outputs = {g.add("out", Binary{BinaryKind::mul}, {gate(g, x), x})};
    return PassRun(fuse_silu, g).ops;
  };
  EXPECT_THAT(fused([](Graph& g, ValueId x) { return g.add("s", unary(UnaryKind::sigmoid), {x}); }),
              ElementsAre("Unary(function=silu)"));
  EXPECT_THAT(fused([](Graph& g, ValueId x) {
                return g.add("s", unary(UnaryKind::hard_sigmoid, 1.0f / 6, 0.5f), {x});
              }),
              ElementsAre("Unary(function=hard_swish)"));
  EXPECT_THAT(fused([](Graph& g, ValueId x) {
                return g.add("t", unary(UnaryKind::tanh), {g.add("s", unary(UnaryKind::softplus), {x})});
              }),
              ElementsAre("Unary(function=mish)"));
}

TEST(FuseSilu, OtherGatesStay) {
  Graph g = picture_graph();
  const ValueId x = g.inputs[0];
  const ValueId y = g.add("y", unary(UnaryKind::relu), {x});
  const ValueId gate = g.add("s", unary(UnaryKind::sigmoid), {x});
  g.outputs = {
      g.add("out", Binary{BinaryKind::mul}, {gate, y}), g.add("sum", Binary{BinaryKind::add}, {gate, x}),
      g.add("h", Binary{BinaryKind::mul}, {g.add("hs", unary(UnaryKind::hard_sigmoid, 0.2f, 0.5f), {x}), x})};
  PassRun run(fuse_silu, g);
  EXPECT_FALSE(run.changed) << run.text();
}

TEST(FuseSilu, ASharedGateIsKept) {
  Graph g = picture_graph();
  const ValueId x = g.inputs[0];
  const ValueId gate = g.add("s", unary(UnaryKind::sigmoid), {x});
  g.outputs = {g.add("out", Binary{BinaryKind::mul}, {x, gate}), gate};
  PassRun run(fuse_silu, g);
  EXPECT_THAT(run.ops, ElementsAre("Unary(function=sigmoid)", "Unary(function=silu)")) << run.text();
}

TEST(FuseSilu, HardSwishInParts) {
  for (bool divide_first : {false, true}) {
    Graph g = picture_graph();
    const ValueId x = g.inputs[0];
    const ValueId sum = g.add("a", Binary{BinaryKind::add}, {x, scalar(g, 3)});
    const ValueId clip = g.add("r", unary(UnaryKind::clip, 0, 6), {sum});
    if (divide_first)
      g.outputs = {g.add("m", Binary{BinaryKind::mul},
                         {x, g.add("d", Binary{BinaryKind::div}, {clip, scalar(g, 6)})})};
    else
      g.outputs = {g.add("d", Binary{BinaryKind::div},
                         {g.add("m", Binary{BinaryKind::mul}, {x, clip}), scalar(g, 6)})};
    PassRun run(fuse_silu, g);
    EXPECT_THAT(run.ops, ElementsAre("Unary(function=hard_swish)")) << run.text();
  }
}

TEST(FuseSilu, GeluByErf) {
  for (int form = 0; form < 3; ++form) {
    Graph g = picture_graph();
    const ValueId x = g.inputs[0];
    const ValueId erf = g.add("erf", unary(UnaryKind::erf),
                              {g.add("d", Binary{BinaryKind::div}, {x, scalar(g, 1.41421354f)})});
    const ValueId one = g.add("one", Binary{BinaryKind::add}, {erf, scalar(g, 1)});
    const Op mul = Binary{BinaryKind::mul};
    if (form == 0) g.outputs = {g.add("h", mul, {g.add("m", mul, {x, one}), scalar(g, 0.5f)})};
    if (form == 1) g.outputs = {g.add("m", mul, {g.add("h", mul, {scalar(g, 0.5f), x}), one})};
    if (form == 2) g.outputs = {g.add("m", mul, {x, g.add("h", mul, {scalar(g, 0.5f), one})})};
    PassRun run(fuse_silu, g);
    EXPECT_THAT(run.ops, ElementsAre("Unary(function=gelu)")) << run.text();
  }
}

TEST(FuseActivation, GoesIntoTheConvolution) {
  Graph g = picture_graph();
  g.outputs = {g.add("act", unary(UnaryKind::silu), {add_conv(g, "conv", g.inputs[0], 4)})};
  const std::string name = g.value(g.outputs[0]).name;
  PassRun run(fuse_activation, g);
  EXPECT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], activation=silu, has_bias=true)")) << run.text();
  EXPECT_EQ(g.value(g.outputs[0]).name, name);
  EXPECT_EQ(g.nodes[0].id, 0) << "the convolution's id";
}

TEST(FuseActivation, AResultThatOthersReadStays) {
  Graph g = picture_graph();
  const ValueId conv = add_conv(g, "conv", g.inputs[0], 4);
  g.outputs = {g.add("act", unary(UnaryKind::relu), {conv}), conv};
  EXPECT_FALSE(PassRun(fuse_activation, g).changed);

  Graph two = picture_graph();
  const ValueId shared = add_conv(two, "conv", two.inputs[0], 4);
  two.outputs = {two.add("a", unary(UnaryKind::relu), {shared}),
                 two.add("b", unary(UnaryKind::silu), {shared})};
  EXPECT_FALSE(PassRun(fuse_activation, two).changed);
}

TEST(FuseActivation, ASecondActivationStays) {
  Graph g = picture_graph();
  const ValueId conv = add_conv(g, "conv", g.inputs[0], 4);
  g.outputs = {g.add("b", unary(UnaryKind::sigmoid), {g.add("a", unary(UnaryKind::relu), {conv})})};
  PassRun run(fuse_activation, g);
  EXPECT_THAT(run.ops,
              ElementsAre("Conv(pads=[1,1,1,1], activation=relu, has_bias=true)", "Unary(function=sigmoid)"))
      << run.text();
}

// y = conv(x) then BatchNorm, by the formula itself.
TEST(FoldBatchnorm, WeightAndBiasFollowTheFormula) {
  for (bool bias : {false, true}) {
    Graph g = picture_graph();
    std::vector<ValueId> inputs = {add_conv(g, "conv", g.inputs[0], 4, 3, bias)};
    const auto w = g.value(g.nodes[0].inputs[1]).constant->to_floats().value();
    const auto b = bias ? g.value(g.nodes[0].inputs[2]).constant->to_floats().value() : std::vector<float>(4);
    std::vector<std::vector<float>> parameters;
    for (int i = 0; i < 4; ++i) {
      inputs.push_back(g.add_constant("p", random_floats({4}, 3 + i)));
      parameters.push_back(g.value(inputs.back()).constant->to_floats().value());
    }
    g.outputs = {g.add("bn", BatchNorm{1e-3f}, inputs)};
    PassRun run(fold_batchnorm, g);
    ASSERT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)")) << run.text();
    const ConstantPtr weight = g.value(g.nodes[0].inputs[1]).constant;
    EXPECT_TRUE(weight->is_lazy());
    const auto new_w = weight->to_floats().value(),
               new_b = g.value(g.nodes[0].inputs[2]).constant->to_floats().value();
    for (size_t m = 0; m < 4; ++m) {
      const float deviation = std::sqrt(parameters[3][m] + 1e-3f), factor = parameters[0][m] / deviation;
      for (size_t i = 0; i < 27; ++i) EXPECT_EQ(new_w[m * 27 + i], w[m * 27 + i] * factor);
      EXPECT_EQ(new_b[m], parameters[1][m] - parameters[0][m] * parameters[2][m] / deviation + factor * b[m]);
    }
  }
}

TEST(FoldBatchnorm, KeysAreTheSameEveryTimeAndDifferByParameter) {
  const auto key = [](float epsilon) {
    Graph g = picture_graph();
    std::vector<ValueId> inputs = {add_conv(g, "conv", g.inputs[0], 4)};
    for (int i = 0; i < 4; ++i) inputs.push_back(g.add_constant("p", random_floats({4}, 3 + i)));
    g.outputs = {g.add("bn", BatchNorm{epsilon}, inputs)};
    PassRun run(fold_batchnorm, g);
    return g.value(g.nodes[0].inputs[1]).constant->key();
  };
  EXPECT_EQ(key(1e-3f), key(1e-3f));
  EXPECT_NE(key(1e-3f), key(1e-5f));
}

TEST(FoldBatchnorm, TransposedWeightsAreScaledByTheirColumns) {
  Graph g = picture_graph();
  std::vector<float> ones(3 * 2 * 4, 1);  // [3, 2, 2, 2]
  const ValueId y = g.add("up", ConvTranspose{.strides = {2, 2}},
                          {g.inputs[0], g.add_constant("w", Constant::floats({3, 2, 2, 2}, ones))});
  const auto list = [&](float a, float b) {
    return g.add_constant("p", Constant::floats({2}, std::vector<float>{a, b}));
  };
  g.outputs = {g.add("bn", BatchNorm{0}, {y, list(2, 6), list(0, 1), list(0, 1), list(1, 4)})};
  PassRun run(fold_batchnorm, g);
  ASSERT_THAT(run.ops, ElementsAre("ConvTranspose(strides=[2,2], has_bias=true)")) << run.text();
  const auto w = g.value(g.nodes[0].inputs[1]).constant->to_floats().value();
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(w[c * 8 + i], i < 4 ? 2 : 3);
  EXPECT_THAT(g.value(g.nodes[0].inputs[2]).constant->to_floats().value(), ElementsAre(0, -2));
}

TEST(FuseBiasAdd, ConstantsByChannelGoIntoBiasAndWeight) {
  Graph g = picture_graph();
  const ValueId conv = add_conv(g, "conv", g.inputs[0], 2, 3, false);
  const auto w = g.value(g.nodes[0].inputs[1]).constant->to_floats().value();
  const ValueId by_channel = g.add_constant("k", Constant::floats({1, 2, 1, 1}, std::vector<float>{10, 20}));
  const ValueId sum = g.add("add", Binary{BinaryKind::add}, {by_channel, conv});
  const ValueId scaled = g.add("mul", Binary{BinaryKind::mul},
                               {sum, g.add_constant("two", Constant::floats({}, std::vector<float>{2}))});
  g.outputs = {
      g.add("sub", Binary{BinaryKind::sub},
            {scaled, g.add_constant("three", Constant::floats({2, 1, 1}, std::vector<float>{3, 4}))})};
  PassRun run(fuse_bias_add, g);
  ASSERT_THAT(run.ops, ElementsAre("Conv(pads=[1,1,1,1], has_bias=true)")) << run.text();
  EXPECT_THAT(g.value(g.nodes[0].inputs[2]).constant->to_floats().value(), ElementsAre(17, 36));
  EXPECT_EQ(g.value(g.nodes[0].inputs[1]).constant->to_floats().value()[5], 2 * w[5]);
}

TEST(FuseBiasAdd, OtherConstantsStay) {
  Graph g = picture_graph();
  const ValueId conv = add_conv(g, "conv", g.inputs[0], 8);
  // [8] broadcasts along the width, not the channels.
  const ValueId a = g.add("row", Binary{BinaryKind::add}, {conv, g.add_constant("k", random_floats({8}, 5))});
  const ValueId other = add_conv(g, "conv2", g.inputs[0], 8);
  const ValueId b =
      g.add("minus", Binary{BinaryKind::sub}, {g.add_constant("k2", random_floats({8, 1, 1}, 5)), other});
  g.outputs = {a, b};
  EXPECT_FALSE(PassRun(fuse_bias_add, g).changed);
}

}  // namespace
}  // namespace hone
