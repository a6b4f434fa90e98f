#include "passes/precision.h"

#include "passes/pass_test.h"
#include "passes/passes.h"

namespace hone {
namespace {

using testing::ElementsAre;

std::vector<std::string> ops(const Graph& graph) {
  const auto checked = verify(graph);
  EXPECT_TRUE(checked) << checked.error().message << "\n" << print(graph);
  std::vector<std::string> texts;
  for (const Node& node : graph.nodes) texts.push_back(op_text(node.op));
  return texts;
}

// A convolution, its shape taken apart, and the decode of its result.
Graph small_net(DType type) {
  Graph g;
  const ValueId x = g.add_input("images", {type, {1, 3, 2, 2}});
  const auto weight = [&](Shape shape) {
    const auto values = std::vector<double>(static_cast<size_t>(element_count(shape).value()), 0.5);
    return g.add_constant("w", tiny_constant({type, std::move(shape)}, values));
  };
  const ValueId box = g.add("box", Conv{}, {x, weight({4, 3, 1, 1})});
  const ValueId cls = g.add("class", Conv{}, {x, weight({200, 3, 1, 1})});
  const ValueId up =
      g.add("up", Resize{},
            {cls, kNoValue, g.add_constant("s", Constant::floats({4}, std::vector<float>{1, 1, 1, 1}))});
  g.outputs = {g.add("decode", DecodeBoxes{.levels = 1, .reg_max = 1, .strides = {8}}, {box, up}), up};
  g.rename(g.outputs[0], "output0");
  return g;
}

TEST(PromoteToF32, EveryValueIsWidened) {
  Graph g = small_net(DType::f16);
  const Graph original = g;
  promote_to_f32(g, false);
  EXPECT_THAT(ops(g), ElementsAre("Conv", "Conv", "Resize", "DecodeBoxes(levels=1, reg_max=1, strides=[8])"));
  for (const Value& value : g.values) EXPECT_EQ(value.desc.type, DType::f32) << value.name;
  const ConstantPtr large = g.value(g.nodes[1].inputs[1]).constant;
  EXPECT_TRUE(large->is_lazy());
  EXPECT_EQ(large->to_floats().value()[7], 0.5f);
  bind(g);
  EXPECT_EQ(original.desc(original.inputs[0]).type, DType::f16) << "a copy of a graph must not change";
}

TEST(PromoteToF32, InputsAndOutputsMayKeepTheirTypes) {
  Graph g = small_net(DType::f16);
  promote_to_f32(g, true);
  EXPECT_THAT(ops(g),
              ElementsAre("Cast", "Conv", "Conv", "Resize", "DecodeBoxes(levels=1, reg_max=1, strides=[8])",
                          "Cast(to=f16)", "Cast(to=f16)"));
  EXPECT_EQ(g.desc(g.inputs[0]).type, DType::f16);
  EXPECT_EQ(g.value(g.outputs[0]).name, "output0");
  EXPECT_EQ(g.desc(g.outputs[0]).type, DType::f16);
  bind(g);
}

TEST(PromoteToF32, AnF32GraphStaysAsItIs) {
  Graph g = small_net(DType::f32);
  const std::string before = print(g);
  promote_to_f32(g, true);
  EXPECT_EQ(print(g), before);
}

TEST(ConvertToF16, TheDecodeStaysF32) {
  Graph g = small_net(DType::f32);
  const std::string weight = g.value(g.nodes[0].inputs[1]).name;
  convert_to_f16(g, true);
  EXPECT_THAT(ops(g), ElementsAre("Cast(to=f16)", "Conv", "Conv", "Resize", "Cast", "Cast",
                                  "DecodeBoxes(levels=1, reg_max=1, strides=[8])", "Cast"))
      << print(g);
  EXPECT_EQ(g.value(g.outputs[0]).name, "output0");
  for (ValueId id : g.outputs) EXPECT_EQ(g.desc(id).type, DType::f32);
  EXPECT_EQ(g.desc(g.nodes[1].inputs[1]).type, DType::f16);
  EXPECT_EQ(g.value(g.nodes[1].inputs[1]).name, weight);
  EXPECT_EQ(g.desc(g.nodes[3].inputs[2]).type, DType::f32) << "Resize's scales";
  bind(g);
}

TEST(ConvertToF16, InputsAndOutputsMayBecomeF16) {
  Graph g = small_net(DType::f32);
  convert_to_f16(g, false);
  EXPECT_EQ(g.desc(g.inputs[0]).type, DType::f16);
  for (ValueId id : g.outputs) EXPECT_EQ(g.desc(id).type, DType::f16);
  EXPECT_EQ(g.value(g.outputs[0]).name, "output0");
  bind(g);
  EXPECT_THAT(ops(g).back(), "Cast(to=f16)");
}

TEST(ConvertToF16, IntegersStayIntegers) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::f32, {2, 3}});
  const ValueId shape = g.add("shape", ShapeOf{}, {x});
  const ValueId wide = g.add("float", Cast{DType::f32}, {shape});
  g.outputs = {
      g.add("sum", Binary{}, {wide, g.add_constant("k", Constant::floats({1}, std::vector<float>{0.5}))}),
      shape};
  convert_to_f16(g, true);
  EXPECT_THAT(ops(g), ElementsAre("ShapeOf", "Cast(to=f16)", "Binary", "Cast"));
  EXPECT_EQ(g.desc(g.outputs[1]).type, DType::i64);
}

TEST(Converted, KeysNameTheRecipe) {
  const auto a = random_floats({600}, 1), b = random_floats({600}, 2);
  EXPECT_EQ(converted(a, DType::f16)->key(), converted(a, DType::f16)->key());
  EXPECT_NE(converted(a, DType::f16)->key(), converted(b, DType::f16)->key());
  EXPECT_NE(converted(a, DType::f16)->key(), converted(a, DType::bf16)->key());
  EXPECT_EQ(converted(a, DType::f32), a);
  EXPECT_EQ(converted(Constant::scalar_int(1), DType::f32)->desc().type, DType::i64);
}

}  // namespace
}  // namespace hone
