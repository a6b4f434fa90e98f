#include "tactics/slices.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

// The C2f of a YOLOv8: one convolution, split in two, whose second half goes through more; all parts meet in
// a Concat.
TEST(SliceMap, PartsOfAConcatLieInItsBuffer) {
  Graph g;
  g.add_input("x", {DType::f32, {1, 16, 8, 8}});
  const auto relu = [&](const char* name, ValueId x) {
    return g.add(name, Unary{{UnaryKind::relu, 0, 0}}, {x});
  };
  const ValueId whole = relu("whole", g.inputs[0]);
  const ValueId sizes = g.add_constant("sizes", Constant::ints(std::vector<int64_t>{8, 8}));
  const ValueId left = g.add_value("left", {DType::f32, {1, 8, 8, 8}}),
                right = g.add_value("right", {DType::f32, {1, 8, 8, 8}});
  g.nodes.push_back({"split", Split{.axis = 1}, {whole, sizes}, {left, right}, g.next_node_id()});
  const ValueId inner = relu("inner", right), more = relu("more", inner);
  const ValueId all = g.add("all", Concat{.axis = 1}, {left, right, more});
  const ValueId out = relu("out", all);
  g.outputs = {out};
  for (const ValueId id : {whole, inner, more, all, out}) {
    TensorDesc& desc = g.value(id).desc;
    desc = {DType::f32, {1, id == whole ? 16 : id == inner || id == more ? 8 : 24, 8, 8}};
  }
  const SliceMap map(g);
  const auto of = [&](std::string_view name) {
    for (const Node& node : g.nodes)
      if (node.name == name) return map.of(node);
    return Slices{};
  };
  EXPECT_EQ(of("whole").outputs, std::vector<int64_t>{24});
  EXPECT_EQ(of("whole").inputs, std::vector<int64_t>{0});
  EXPECT_EQ(of("inner").inputs, std::vector<int64_t>{24});
  EXPECT_EQ(of("inner").outputs, std::vector<int64_t>{0});
  EXPECT_EQ(of("more").outputs, std::vector<int64_t>{24});
  EXPECT_EQ(of("out").inputs, std::vector<int64_t>{0});
  EXPECT_NE(of("more").hash(), of("inner").hash());
}

}  // namespace
}  // namespace hone
