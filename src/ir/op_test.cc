#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "ir/constant.h"
#include "ir/graph.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

template <size_t... I>
std::vector<Op> all_ops(std::index_sequence<I...>) {
  return {Op(std::variant_alternative_t<I, Op>{})...};
}
std::vector<Op> all_ops() { return all_ops(std::make_index_sequence<std::variant_size_v<Op>>{}); }

// Changes one attribute, the wanted-th of the list.
struct Change {
  int wanted, seen = 0;
  bool mine() { return seen++ == wanted; }
  void operator()(const char*, bool& v) {
    if (mine()) v = !v;
  }
  void operator()(const char*, int64_t& v) {
    if (mine()) ++v;
  }
  void operator()(const char*, float& v) {
    if (mine()) v += 1;
  }
  void operator()(const char*, double& v) {
    if (mine()) v += 1;
  }
  void operator()(const char*, Ints& v) {
    if (mine()) v.push_back(5);
  }
  void operator()(const char*, std::vector<float>& v) {
    if (mine()) v.push_back(5);
  }
  void operator()(const char*, Activation& v) {
    if (mine()) v.kind = UnaryKind::elu;
  }
  void operator()(const char*, std::shared_ptr<Graph>& v) {
    if (mine()) v = std::make_shared<Graph>();
  }
  template <AttributeEnum E>
  void operator()(const char*, E& v) {
    if (!mine()) return;
    EXPECT_TRUE(enum_from_int((enum_to_int(v) + 1) % enum_count<E>(), v));
  }
};

TEST(Op, EveryAttributeCountsInTextHashAndEquality) {
  std::set<uint64_t> hashes;
  for (const Op& op : all_ops()) {
    EXPECT_TRUE(hashes.insert(op_hash(op)).second) << op_name(op);
    EXPECT_EQ(op_text(op), op_name(op)) << "defaults are left out";
    for (int i = 0;; ++i) {
      Op changed = op;
      Change change{i};
      visit_attributes(changed, change);
      if (change.seen <= i) break;
      EXPECT_FALSE(op_equal(op, changed)) << op_text(changed);
      EXPECT_TRUE(hashes.insert(op_hash(changed)).second) << op_text(changed);
      EXPECT_NE(op_text(op), op_text(changed));
      EXPECT_TRUE(op_equal(changed, Op(changed)));
    }
  }
}

TEST(Op, IsMadeFromItsName) {
  for (const Op& op : all_ops()) {
    const auto made = make_op(op_name(op));
    ASSERT_TRUE(made) << op_name(op);
    EXPECT_TRUE(op_equal(*made, op));
  }
  ASSERT_FALSE(make_op("Bogus"));
  EXPECT_EQ(make_op("Bogus").error().message, "unknown operator 'Bogus'");
}

TEST(Op, EnumsOutsideTheirRangeAreRefused) {
  PadMode mode = PadMode::edge;
  EXPECT_FALSE(enum_from_int(-1, mode));
  EXPECT_FALSE(enum_from_int(4, mode));
  EXPECT_EQ(mode, PadMode::edge);
  EXPECT_TRUE(enum_from_int(3, mode));
  EXPECT_EQ(mode, PadMode::wrap);
  DType type = DType::f32;
  EXPECT_FALSE(enum_from_int(18, type));
  EXPECT_TRUE(enum_from_int(17, type));
}

TEST(Op, NamesFollowTheirEnums) {
  EXPECT_EQ(unary_name(UnaryKind::mish), "mish");
  EXPECT_EQ(unary_name(UnaryKind::bitwise_not), "bitwise_not");
  EXPECT_EQ(binary_name(BinaryKind::logical_xor), "logical_xor");
  EXPECT_EQ(binary_name(static_cast<BinaryKind>(200)), "?");
}

TEST(Op, TextShowsWhatIsNotDefault) {
  EXPECT_EQ(op_text(Conv{.strides = {2, 2}, .pads = {1, 1, 1, 1}, .activation = {UnaryKind::silu}}),
            "Conv(strides=[2,2], pads=[1,1,1,1], activation=silu)");
  EXPECT_EQ(op_text(Unary{{UnaryKind::leaky_relu, 0.1f}}), "Unary(function=leaky_relu(0.1))");
}

TEST(Op, SubgraphsAreComparedByContent) {
  const auto branch = [](float value) {
    auto g = std::make_shared<Graph>();
    g->outputs = {g->add_constant("c", Constant::floats({1}, std::vector<float>{value}))};
    return g;
  };
  EXPECT_TRUE(op_equal(Loop{branch(1)}, Loop{branch(1)}));
  EXPECT_FALSE(op_equal(Loop{branch(1)}, Loop{branch(2)}));
  EXPECT_EQ(op_hash(Loop{branch(1)}), op_hash(Loop{branch(1)}));
}

TEST(Constant, KeysNameTheContent) {
  const auto a = Constant::floats({2}, std::vector<float>{1, 2});
  const auto b = Constant::floats({2}, std::vector<float>{1, 2});
  EXPECT_EQ(a->key(), b->key());
  EXPECT_NE(a->key(), Constant::floats({1, 2}, std::vector<float>{1, 2})->key()) << "the shape counts";
  EXPECT_NE(a->key(), Constant::floats({2}, std::vector<float>{1, 3})->key());
}

TEST(Constant, ReadsEveryIntegerType) {
  const auto read = [](DType type, std::vector<uint8_t> raw, Shape shape) {
    std::vector<std::byte> bytes;
    for (uint8_t r : raw) bytes.push_back(static_cast<std::byte>(r));
    return Constant::of({type, std::move(shape)}, Bytes::of(std::move(bytes)))->to_ints().value();
  };
  using testing::ElementsAre;
  EXPECT_THAT(read(DType::i8, {255, 1}, {2}), ElementsAre(-1, 1));
  EXPECT_THAT(read(DType::u8, {255, 1}, {2}), ElementsAre(255, 1));
  EXPECT_THAT(read(DType::boolean, {0, 1}, {2}), ElementsAre(0, 1));
  EXPECT_THAT(read(DType::i16, {0xfe, 0xff}, {1}), ElementsAre(-2));
  EXPECT_THAT(read(DType::u16, {0xfe, 0xff}, {1}), ElementsAre(65534));
  EXPECT_THAT(read(DType::i32, {0xfe, 0xff, 0xff, 0xff}, {}), ElementsAre(-2));
  EXPECT_THAT(read(DType::i4, {0x7f, 0x08}, {3}), ElementsAre(-1, 7, -8));
  EXPECT_THAT(read(DType::u4, {0x7f}, {2}), ElementsAre(15, 7));
}

TEST(Constant, ReadsEveryFloatingType) {
  const auto read = [](DType type, std::vector<uint8_t> raw) {
    std::vector<std::byte> bytes;
    for (uint8_t r : raw) bytes.push_back(static_cast<std::byte>(r));
    return Constant::of({type, {1}}, Bytes::of(std::move(bytes)))->to_floats().value()[0];
  };
  EXPECT_EQ(read(DType::f16, {0x00, 0x3e}), 1.5f);
  EXPECT_EQ(read(DType::bf16, {0xc0, 0x3f}), 1.5f);
  EXPECT_EQ(read(DType::f64, {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}), 1.5f);
  EXPECT_EQ(read(DType::f8e4m3, {0x7e}), 448.0f);
  EXPECT_EQ(read(DType::f8e4m3, {0x81}), -0.001953125f);
  EXPECT_TRUE(std::isnan(read(DType::f8e4m3, {0x7f})));
  EXPECT_EQ(read(DType::f8e5m2, {0x7b}), 57344.0f);
  EXPECT_EQ(read(DType::f8e5m2, {0xfc}), -INFINITY);
}

TEST(Constant, LazyBytesOfTheWrongSizeAreAnError) {
  const auto wrong =
      Constant::lazy({DType::f32, {4}}, 1, [] { return Bytes::of(std::vector<std::byte>(3)); });
  ASSERT_FALSE(wrong->bytes());
  EXPECT_EQ(wrong->bytes().error().message, "a constant f32[4] has 3 bytes instead of 16");
  EXPECT_FALSE(wrong->to_ints());
  EXPECT_FALSE(Constant::ints(std::vector<int64_t>(100))->to_ints(99));
}

TEST(TensorDesc, LayoutsKnowTheirPadding) {
  EXPECT_EQ(layout_bytes(DType::f32, Shape{1, 3, 2, 2}, Layout::nchw8c).value(), 8u * 4 * 4);
  EXPECT_EQ(layout_bytes(DType::f32, Shape{1, 17, 2, 2}, Layout::nchw16c).value(), 32u * 4 * 4);
  EXPECT_EQ(layout_bytes(DType::f16, Shape{1, 3, 2, 2}, Layout::nhwc).value(), 24u);
  EXPECT_FALSE(layout_bytes(DType::f32, Shape{3, 2, 2}, Layout::nhwc));
  EXPECT_FALSE(layout_bytes(DType::f32, Shape{1, INT64_MAX, 1, 1}, Layout::nchw8c));
  EXPECT_EQ(desc_text({DType::f32, {1, -1, 4}}), "f32[1x?x4]");
  EXPECT_EQ(desc_text({DType::i64, {}}), "i64[]");
}

}  // namespace
}  // namespace hone
