// What infer() says to single nodes, the refused ones above all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/infer_text.h"
#include "ir/tiny_evaluator.h"

namespace hone {
namespace {

using testing::HasSubstr;

TEST(Infer, RefusesHostileConvolutions) {
  const std::string x = "f32[1x4x8x8] f32[4x4x3x3]";
  EXPECT_EQ(result(Conv{.pads = {1, 1, 1, 1}}, x), "f32[1x4x8x8]");
  EXPECT_THAT(result(Conv{.strides = {0, 1}}, x), HasSubstr("strides has the element 0"));
  EXPECT_THAT(result(Conv{.strides = {1}}, x), HasSubstr("strides has 1 elements instead of 2"));
  EXPECT_THAT(result(Conv{.pads = {-1, 0, 0, 0}}, x), HasSubstr("pads has the element -1"));
  EXPECT_THAT(result(Conv{.pads = {INT64_MAX, 0, 0, 0}}, x), HasSubstr("pads has the element"));
  EXPECT_THAT(result(Conv{.pads = {1LL << 31, 0, 1LL << 31, 0}}, x), HasSubstr("f32[1x4x4294967302x6]"));
  EXPECT_THAT(result(Conv{.pads = {1LL << 31, 1LL << 31, 1LL << 31, 1LL << 31}}, x), HasSubstr("too large"));
  EXPECT_THAT(result(Conv{.dilations = {1LL << 31, 1}}, x), HasSubstr("reaches over 4294967297 of the 8"));
  EXPECT_THAT(result(Conv{.group = 0}, x), HasSubstr("0 groups do not divide"));
  EXPECT_THAT(result(Conv{.group = 3}, x), HasSubstr("3 groups do not divide"));
  EXPECT_THAT(result(Conv{.group = 2}, x), HasSubstr("does not fit input 1x4x8x8 in 2 groups"));
  EXPECT_THAT(result(Conv{}, "f32[1x4x8x8] f32[4x4x9x1]"), HasSubstr("reaches over 9 of the 8"));
  EXPECT_THAT(result(Conv{}, "f32[1x4x8x8] f32[4x4x3]"), HasSubstr("differ in rank"));
  EXPECT_THAT(result(Conv{}, "f32[1x4x8x8] f16[4x4x3x3]"), HasSubstr("f32 and f16 instead of one type"));
  EXPECT_THAT(result(Conv{}, "i64[1x4x8x8] i64[4x4x3x3]"), HasSubstr("i64 instead of a floating type"));
  EXPECT_THAT(result(Conv{}, "f32[1x4] f32[4x4]"), HasSubstr("no spatial axis"));
  EXPECT_THAT(result(Conv{.has_bias = true}, x), HasSubstr("Conv has 2 inputs instead of 3"));
  EXPECT_THAT(result(Conv{.has_bias = true}, x + " f32[5]"), HasSubstr("the bias has shape 5 instead of 4"));
  EXPECT_THAT(result(Conv{.has_residual = true}, x + " f32[1x4x8x8]"),
              HasSubstr("the residual has shape 1x4x8x8 instead of 1x4x6x6"));
  EXPECT_EQ(result(Conv{.has_bias = true, .has_residual = true}, x + " f32[4] f32[1x4x6x6]"), "f32[1x4x6x6]");
  EXPECT_THAT(result(ConvTranspose{.strides = {1LL << 31, 1LL << 31}}, "f32[1x4x9999x9999] f32[4x4x2x2]"),
              HasSubstr("too large"));
  EXPECT_THAT(result(ConvTranspose{.output_padding = {1, 0}}, "f32[1x4x8x8] f32[4x4x2x2]"),
              HasSubstr("output_padding 1 is not smaller"));
  EXPECT_THAT(result(ConvTranspose{.pads = {9, 0, 9, 0}}, "f32[1x4x8x8] f32[4x4x2x2]"),
              HasSubstr("would be negative"));
}

TEST(Infer, RefusesPoolsOfPaddingAlone) {
  EXPECT_THAT(result(Pool{.kernel = {2, 2}, .pads = {2, 0, 0, 0}}, "f32[1x1x8x8]"),
              HasSubstr("pads are not smaller than the kernel"));
  EXPECT_THAT(result(Pool{.kernel = {}}, "f32[1x1x8x8]"), HasSubstr("kernel has 0 elements instead of 2"));
  EXPECT_THAT(result(Pool{.kernel = {0, 2}}, "f32[1x1x8x8]"), HasSubstr("the filter has the extent 0"));
  EXPECT_THAT(result(Pool{.kernel = {2, 2}}, "f32[1x1x0x8]"), HasSubstr("empty spatial axis"));
  EXPECT_THAT(result(Pool{.kind = PoolKind::average, .kernel = {2, 2}}, "i64[1x1x8x8]"),
              HasSubstr("floating"));
  // The third window would start in the padding: PyTorch and ONNX leave it out.
  EXPECT_EQ(result(Pool{.kernel = {2}, .strides = {3}, .pads = {1, 1}, .ceil_mode = true}, "f32[1x1x5]"),
            "f32[1x1x2]");
  EXPECT_EQ(result(Pool{.kernel = {2}, .strides = {3}, .pads = {0, 0}, .ceil_mode = true}, "f32[1x1x7]"),
            "f32[1x1x3]");
}

TEST(Infer, RefusesWrongShapeArithmetic) {
  EXPECT_EQ(result(Reshape{}, "f32[2x3] i64{0,-1}"), "f32[2x3]");
  EXPECT_EQ(result(Reshape{.allow_zero = true}, "f32[0x3] i64{5,0}"), "f32[5x0]");
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64{4,-1}"), HasSubstr("2x3 cannot be reshaped to 4x?"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64{-1,-1}"), HasSubstr("two extents open"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64{6,-2}"), HasSubstr("the extent -2"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64{1,6,0}"),
              HasSubstr("extent 2 of the shape is 0, but the input has rank 2"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64{4611686018427387904,4,-1}"), HasSubstr("cannot be reshaped"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] i64[2]"),
              HasSubstr("the shape must be known before the network runs"));
  EXPECT_THAT(result(Reshape{}, "f32[2x3] f32{1,6}"), HasSubstr("integers are wanted, not f32[2]"));
  EXPECT_THAT(result(Slice{}, "f32[9] i64{0} i64{9} i64{0} i64{0}"), HasSubstr("a step is 0"));
  EXPECT_THAT(result(Slice{}, "f32[9] i64{0,0} i64{9}"), HasSubstr("instead of the same number"));
  EXPECT_THAT(result(Slice{}, "f32[9] i64{0} i64{9} i64{1}"),
              HasSubstr("axis 1 is not one of a tensor of rank 1"));
  EXPECT_THAT(result(Slice{}, "f32[9x9] i64{0,0} i64{9,9} i64{1,-1}"), HasSubstr("axis -1 is given twice"));
  EXPECT_EQ(result(Slice{}, "f32[9] i64{-1} i64{-9223372036854775808} i64{0} i64{-9223372036854775808}"),
            "f32[1]");
  EXPECT_EQ(result(Slice{}, "f32[9] i64{9223372036854775807} i64{-9223372036854775807} i64{0} i64{-1}"),
            "f32[9]");
  EXPECT_THAT(result(Tile{}, "f32[9] i64{-1}"), HasSubstr("repeats has the element -1"));
  EXPECT_THAT(result(Tile{}, "f32[9] i64{9223372036854775807}"), HasSubstr("too large"));
  EXPECT_THAT(result(Pad{}, "f32[9] i64{-5,-5}"), HasSubstr("would be negative"));
  EXPECT_THAT(result(Pad{}, "f32[9] i64{9223372036854775807,9223372036854775807}"), HasSubstr("too large"));
  EXPECT_THAT(result(Pad{.mode = PadMode::reflect}, "f32[3] i64{3,0}"),
              HasSubstr("a reflection of 3 elements needs more than the 3"));
  EXPECT_EQ(result(Pad{}, "f32[3x4] i64{1,2} - i64{-1}"), "f32[3x7]");
  EXPECT_THAT(result(Expand{}, "f32[3] i64{-1}"), HasSubstr("the extent -1"));
  EXPECT_THAT(result(Expand{}, "f32[3] i64{4}"), HasSubstr("do not broadcast"));
  EXPECT_THAT(result(Split{.axis = 0}, "f32[3] i64{1,1}", 2), HasSubstr("do not sum up to the extent 3"));
  EXPECT_THAT(result(Split{.axis = 0}, "f32[3] i64{4,-1}", 2), HasSubstr("a part of size -1"));
  EXPECT_EQ(result(Split{.axis = 0}, "f32[7]", 3), "f32[3] f32[3] f32[1]");
  EXPECT_THAT(result(Split{.axis = 0}, "f32[2]", 5), HasSubstr("a part of size"));
  EXPECT_THAT(result(Concat{.axis = 1}, "f32[1x2x3] f32[1x2x4]"),
              HasSubstr("does not fit 1x2x3 along axis 1"));
  EXPECT_THAT(result(Transpose{.perm = {0, 0}}, "f32[2x3]"), HasSubstr("given twice"));
  EXPECT_THAT(result(Squeeze{}, "f32[2x3] i64{0}"), HasSubstr("axis 0 of 2x3 is not 1"));
  EXPECT_THAT(result(Flatten{.axis = 3}, "f32[2x3]"), HasSubstr("axis 3"));
}

TEST(Infer, RefusesWrongIndexing) {
  EXPECT_THAT(result(Gather{}, "f32[2x3] f32[1]"), HasSubstr("indices are f32 instead of i64 or i32"));
  EXPECT_THAT(result(Gather{.axis = 2}, "f32[2x3] i64[1]"), HasSubstr("axis 2"));
  EXPECT_THAT(result(GatherElements{.axis = 0}, "f32[2x3] i64[1x4]"), HasSubstr("do not fit the input 2x3"));
  EXPECT_EQ(result(GatherElements{.axis = 0}, "f32[2x3] i64[5x3]"), "f32[5x3]");
  EXPECT_THAT(result(GatherNd{}, "f32[2x3] i64[4x3]"), HasSubstr("an index has 3 elements for rank 2"));
  EXPECT_THAT(result(GatherNd{.batch_dims = 1}, "f32[2x3] i64[3x1]"), HasSubstr("differ in their batch"));
  EXPECT_EQ(result(ScatterNd{}, "f32[5x3] i64[2x1] f32[2x3]"), "f32[5x3]");
  EXPECT_THAT(result(ScatterNd{}, "f32[5x3] i64[2x1] f32[2x4]"),
              HasSubstr("updates have shape 2x4 instead of 2x3"));
  EXPECT_THAT(result(Range{}, "i64s{0} i64s{9} i64s{0}"), HasSubstr("delta is 0"));
  EXPECT_EQ(result(Range{}, "i64s{-9223372036854775808} i64s{9223372036854775807} i64s{9223372036854775807}"),
            "i64[3]");
  EXPECT_THAT(result(Range{}, "i64s{-9223372036854775808} i64s{9223372036854775807} i64s{1}"),
              HasSubstr("too large"));
  EXPECT_EQ(result(Range{}, "f32s{0} f32s{1} f32s{0.3}"), "f32[4]");
  EXPECT_THAT(result(Range{}, "f32s{0} f32s{1} f32s{0}"), HasSubstr("does not end"));
  EXPECT_THAT(result(ConstantOfShape{}, "i64{1048576,1048577}"), HasSubstr("too large"));
  EXPECT_THAT(result(ConstantOfShape{}, "i64{-1}"), HasSubstr("the extent -1"));
  EXPECT_EQ(result(NonZero{}, "f32[2x3]"), "i64[2x6]") << "an upper bound";
  EXPECT_EQ(result(NonZero{}, "i64{0,3,0,5}"), "i64[1x2]") << "known";
  EXPECT_THAT(result(TopK{}, "f32[3] i64{4}", 2), HasSubstr("k is 4, axis -1 has 3 elements"));
  EXPECT_THAT(result(TopK{}, "f32[3] i64[1]", 2), HasSubstr("k must be known"));
  EXPECT_THAT(result(ArgReduce{}, "f32[0]"), HasSubstr("is empty"));
}

TEST(Infer, ChecksTypes) {
  EXPECT_EQ(result(Unary{{UnaryKind::is_nan}}, "f32[3]"), "bool[3]");
  EXPECT_EQ(result(Unary{{UnaryKind::abs}}, "i64[3]"), "i64[3]");
  EXPECT_THAT(result(Unary{{UnaryKind::sigmoid}}, "i64[3]"), HasSubstr("sigmoid does not take i64"));
  EXPECT_THAT(result(Unary{{UnaryKind::logical_not}}, "f32[3]"), HasSubstr("logical_not does not take f32"));
  EXPECT_EQ(result(Binary{BinaryKind::pow}, "f32[3] i64[1]"), "f32[3]");
  EXPECT_THAT(result(Binary{BinaryKind::add}, "f32[3] i64[1]"), HasSubstr("instead of one type"));
  EXPECT_THAT(result(Binary{BinaryKind::logical_and}, "f32[3] f32[1]"), HasSubstr("does not take f32"));
  EXPECT_THAT(result(Binary{BinaryKind::prelu}, "f32[3] f32[2x3]"),
              HasSubstr("the slope 2x3 does not broadcast"));
  EXPECT_THAT(result(Where{}, "f32[3] f32[3] f32[3]"), HasSubstr("the condition is f32 instead of bool"));
  EXPECT_EQ(result(Cast{DType::f16}, "i64[3]"), "f16[3]");
  EXPECT_THAT(result(Cast{DType::string}, "i64[3]"), HasSubstr("strings"));
  EXPECT_EQ(result(QuantizeLinear{}, "f32[2x3] f32[] u8[]"), "u8[2x3]");
  EXPECT_EQ(result(QuantizeLinear{.axis = 1, .to = DType::i8}, "f32[2x3] f32[3]"), "i8[2x3]");
  EXPECT_THAT(result(QuantizeLinear{.axis = 0}, "f32[2x3] f32[3]"), HasSubstr("3 scales do not fit axis 0"));
  EXPECT_EQ(result(DequantizeLinear{}, "u8[2x3] f32[] u8[]"), "f32[2x3]");
  EXPECT_EQ(result(BatchNorm{}, "f32[1x3x4] f32[3] f32[3] f32[3] f32[3]"), "f32[1x3x4]");
  EXPECT_THAT(result(BatchNorm{}, "f32[1x3x4] f32[3] f32[3] f32[2] f32[3]"),
              HasSubstr("the mean has shape 2 instead of 3"));
  EXPECT_THAT(result(LayerNorm{}, "f32[1x3x4] f32[3]"), HasSubstr("does not broadcast to 4"));
  EXPECT_THAT(result(Softmax{}, "f32[]"), HasSubstr("axis -1"));
}

TEST(Infer, KnowsTheOpsOfDetection) {
  EXPECT_EQ(result(Resize{}, "f32[1x3x8x8] - f32{1,1,2,2}"), "f32[1x3x16x16]");
  EXPECT_EQ(result(Resize{.axes = {2, 3}}, "f32[1x3x8x8] f32[0] - i64{4,5}"), "f32[1x3x4x5]");
  EXPECT_THAT(result(Resize{}, "f32[1x3x8x8] - f32{1,1,0,2}"), HasSubstr("cannot be applied"));
  EXPECT_THAT(result(Resize{}, "f32[1x3x8x8] - f32{1,1,1e30,2}"), HasSubstr("cannot be applied"));
  EXPECT_THAT(result(Resize{}, "f32[1x3x8x8] - -"), HasSubstr("scales or sizes must be given"));
  EXPECT_THAT(result(Resize{}, "f32[1x3x8x8] - - i64{1,3,-1,5}"), HasSubstr("sizes has the element -1"));
  EXPECT_EQ(result(Letterbox{}, "u8[2x1080x1920x3]"), "f32[2x3x640x640]");
  EXPECT_THAT(result(Letterbox{.height = 1LL << 40}, "u8[2x1080x1920x3]"), HasSubstr("cannot be made"));
  EXPECT_THAT(result(Letterbox{}, "f32[2x1080x1920x3]"), HasSubstr("pictures are u8[N, h, w, 3]"));
  const std::string maps =
      "f32[1x64x80x80] f32[1x64x40x40] f32[1x64x20x20] f32[1x80x80x80] f32[1x80x40x40] f32[1x80x20x20]";
  EXPECT_EQ(result(DecodeBoxes{.strides = {8, 16, 32}}, maps), "f32[1x84x8400]");
  EXPECT_THAT(result(DecodeBoxes{.strides = {8, 16}}, maps), HasSubstr("3 levels have 2 strides"));
  EXPECT_THAT(result(DecodeBoxes{.reg_max = 8, .strides = {8, 16, 32}}, maps),
              HasSubstr("level 0 has maps of shapes"));
  EXPECT_THAT(result(DecodeBoxes{.levels = 1LL << 62}, maps), HasSubstr("DecodeBoxes has 6 inputs"));
  EXPECT_EQ(result(DetectionNms{}, "f32[2x84x8400]", 2), "f32[2x300x6] i32[2]");
  EXPECT_THAT(result(DetectionNms{.extra = 80}, "f32[2x84x8400]", 2), HasSubstr("predictions are"));
  EXPECT_THAT(result(DetectionNms{.max_det = 1LL << 40}, "f32[2x84x8400]", 2), HasSubstr("max_det is"));
  EXPECT_EQ(result(NonMaxSuppression{}, "f32[2x10x4] f32[2x3x10] i64{5}"), "i64[30x3]");
  EXPECT_EQ(result(NonMaxSuppression{}, "f32[2x10x4] f32[2x3x10] i64[1]"), "i64[60x3]");
  EXPECT_EQ(result(NonMaxSuppression{}, "f32[2x10x4] f32[2x3x10]"), "i64[0x3]");
}

TEST(Flops, CountMultiplyAddsTwice) {
  Graph g;
  const ValueId x = g.add_input("x", {DType::f32, {1, 4, 8, 8}});
  const ValueId w = g.add_constant("w", Constant::floats({6, 2, 3, 3}, std::vector<float>(108)));
  g.outputs = {g.add("conv", Conv{.pads = {1, 1, 1, 1}, .group = 2}, {x, w})};
  ASSERT_TRUE(bind_shapes(g, {}, tiny_evaluator()));
  EXPECT_EQ(node_flops(g, g.nodes[0]), 2.0 * 6 * 8 * 8 * 2 * 9);
}

}  // namespace
}  // namespace hone
