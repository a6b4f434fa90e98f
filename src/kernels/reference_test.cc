// The references give the answers that the ONNX specification gives, on cases small enough to work out by
// hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/element.h"
#include "kernels/problems/make_problem.h"

namespace hone {
namespace {

using Values = std::vector<double>;

// Operands with given values.
class Case {
 public:
  explicit Case(Op op) : make_(std::move(op)) {}
  template <class T>
  Case& in(DType type, Shape shape, std::vector<T> values) {
    const auto bytes = std::as_bytes(std::span(values));
    make_.operand(TensorDesc(type, std::move(shape)), {bytes.begin(), bytes.end()}, true);
    return *this;
  }
  Case& f32(Shape shape, std::vector<float> values) {
    return in(DType::f32, std::move(shape), std::move(values));
  }
  Case& i64(Shape shape, std::vector<int64_t> values) {
    return in(DType::i64, std::move(shape), std::move(values));
  }
  Case& absent() { return make_.absent(), *this; }

  // The values of one output, widened.
  std::vector<double> out(size_t outputs = 1, size_t wanted = 0) {
    Problems problems;
    make_.add_to(problems, outputs);
    const OwnedProblem& p = problems[0];
    result_shape = p.outputs[wanted].shape;
    auto results = run_reference(p.op, p.inputs, p.data, p.outputs);
    EXPECT_TRUE(results) << results.error().message;
    if (!results) return {};
    std::vector<double> values;
    const ReadReal read = real_reader(p.outputs[wanted].type);
    for (int64_t i = 0; i < element_count(result_shape).value(); ++i)
      values.push_back(read((*results)[wanted].view().data(), i));
    return values;
  }
  Shape result_shape;

 private:
  MakeProblem make_;
};

std::vector<float> counting(int n) {
  std::vector<float> values;
  for (int i = 0; i < n; ++i) values.push_back(static_cast<float>(i));
  return values;
}

TEST(ConvReference, SumsTheWindowAndPadsWithZeros) {
  Case c(Conv{.pads = {1, 1, 1, 1}});
  c.f32({1, 1, 3, 3}, counting(9)).f32({1, 1, 3, 3}, std::vector<float>(9, 1));
  EXPECT_EQ(c.out(), (Values{8, 15, 12, 21, 36, 27, 20, 33, 24}));
}

TEST(ConvReference, StridesDilatesAndActivatesBeforeTheResidual) {
  Conv conv{.strides = {2, 2}, .dilations = {2, 2}};
  conv.activation = {.kind = UnaryKind::relu};
  conv.has_bias = conv.has_residual = true;
  Case c(conv);
  c.f32({1, 1, 5, 5}, counting(25))
      .f32({1, 1, 2, 2}, {1, 0, 0, -1})
      .f32({1}, {10})
      .f32({1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(c.out(), (Values{1, 2, 3, 4}));  // x[o] - x[o + 12] + 10 < 0 everywhere
}

TEST(ConvReference, KeepsGroupsApart) {
  Case c(Conv{.group = 2});
  c.f32({1, 4, 1, 1}, {1, 2, 3, 4}).f32({2, 2, 1, 1}, {1, 1, 10, 100});
  EXPECT_EQ(c.out(), (Values{3, 430}));
}

TEST(ConvReference, TakesOneAndThreeSpatialAxes) {
  EXPECT_EQ(Case(Conv{}).f32({1, 1, 4}, {1, 2, 3, 4}).f32({1, 1, 2}, {1, -1}).out(), (Values{-1, -1, -1}));
  EXPECT_EQ(
      Case(Conv{}).f32({1, 1, 2, 2, 2}, counting(8)).f32({1, 1, 2, 2, 2}, std::vector<float>(8, 1)).out(),
      (Values{28}));
}

TEST(ConvTransposeReference, SpreadsEachInputOverItsWindow) {
  Case c(ConvTranspose{.strides = {2, 2}});
  c.f32({1, 1, 1, 2}, {1, 2}).f32({1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(c.out(), (Values{1, 2, 2, 4, 3, 4, 6, 8}));
  EXPECT_EQ(c.result_shape, (Shape{1, 1, 2, 4}));
}

TEST(PoolReference, IgnoresPaddingUnlessToldToCountIt) {
  const Pool average{.kind = PoolKind::average, .kernel = {2}, .strides = {2}, .pads = {1, 1}};
  EXPECT_EQ(Case(average).f32({1, 1, 4}, {2, 4, 6, 8}).out(), (Values{2, 5, 8}));
  Pool counted = average;
  counted.count_include_pad = true;
  EXPECT_EQ(Case(counted).f32({1, 1, 4}, {2, 4, 6, 8}).out(), (Values{1, 5, 4}));
  EXPECT_EQ(Case(Pool{.kernel = {3}, .strides = {1}, .pads = {1, 1}}).f32({1, 1, 4}, {-4, -3, -2, -1}).out(),
            (Values{-3, -2, -1, -1}));
}

TEST(PoolReference, DoesNotCountWhatCeilModeAddsBehindThePadding) {
  const Pool pool{.kind = PoolKind::average,
                  .kernel = {2},
                  .strides = {2},
                  .pads = {0, 0},
                  .ceil_mode = true,
                  .count_include_pad = true};
  EXPECT_EQ(Case(pool).f32({1, 1, 3}, {2, 4, 6}).out(), (Values{3, 6}));
}

TEST(MatMulReference, BroadcastsBatchesAndTakesVectors) {
  EXPECT_EQ(Case(MatMul{}).f32({2, 1, 2}, {1, 2, 3, 4}).f32({2, 1}, {10, 1}).out(), (Values{12, 34}));
  EXPECT_EQ(Case(MatMul{}).f32({2}, {1, 2}).f32({2}, {3, 4}).out(), (Values{11}));
  EXPECT_EQ(Case(Gemm{.alpha = 2, .beta = 3, .transpose_b = true})
                .f32({1, 2}, {1, 2})
                .f32({2, 2}, {1, 0, 0, 1})
                .f32({2}, {1, 1})
                .out(),
            (Values{5, 7}));
}

TEST(BinaryReference, KeepsLargeIntegersExactAndNeverTraps) {
  const int64_t large = (int64_t{1} << 60) + 1, least = std::numeric_limits<int64_t>::min();
  const auto divide = [](int64_t a, int64_t b) {
    return Case(Binary{BinaryKind::div}).i64({1}, {a}).i64({1}, {b}).out()[0];
  };
  EXPECT_EQ(Case(Binary{BinaryKind::equal}).i64({1}, {large}).i64({1}, {large - 1}).out()[0], 0);
  EXPECT_EQ(divide(-7, 2), -3);
  EXPECT_EQ(divide(7, 0), 0);
  EXPECT_EQ(divide(least, -1), static_cast<double>(least));
  EXPECT_EQ(Case(Binary{BinaryKind::mod}).i64({2}, {-7, 7}).i64({1}, {3}).out(), (Values{2, 1}));
  EXPECT_EQ(Case(Binary{BinaryKind::fmod}).i64({2}, {-7, 7}).i64({1}, {3}).out(), (Values{-1, 1}));
}

TEST(UnaryReference, StaysFiniteWhereTheFunctionIs) {
  const auto at = [](UnaryKind kind, float x) { return Case(Unary{{.kind = kind}}).f32({}, {x}).out()[0]; };
  EXPECT_EQ(at(UnaryKind::silu, -1000), 0);
  EXPECT_EQ(at(UnaryKind::sigmoid, 1000), 1);
  EXPECT_FLOAT_EQ(static_cast<float>(at(UnaryKind::softplus, 1000)), 1000);
  EXPECT_EQ(at(UnaryKind::mish, 1000), 1000);
  EXPECT_EQ(at(UnaryKind::round, 2.5f), 2);  // halves to even
  EXPECT_EQ(at(UnaryKind::round, -3.5f), -4);
  EXPECT_NEAR(at(UnaryKind::gelu, 1), 0.8413447, 1e-6);
}

TEST(CastReference, TruncatesSaturatesAndRoundsHalvesToEven) {
  EXPECT_EQ(Case(Cast{DType::i32}).f32({4}, {-1.9f, 1.9f, 1e20f, NAN}).out(), (Values{-1, 1, 2147483647, 0}));
  EXPECT_EQ(Case(Cast{DType::u8}).f32({3}, {-5, 254.5f, 300}).out(), (Values{0, 254, 255}));
  EXPECT_EQ(Case(Cast{DType::boolean}).f32({3}, {0, -0.0f, 0.1f}).out(), (Values{0, 0, 1}));
  EXPECT_EQ(Case(Cast{DType::i32}).i64({1}, {(int64_t{1} << 32) + 5}).out(), (Values{5}));
  EXPECT_EQ(Case(Cast{DType::f8e4m3}).f32({4}, {1, 17, 19, 1000}).out(), (Values{1, 16, 20, 448}));
}

TEST(SoftmaxReference, DoesNotOverflow) {
  EXPECT_EQ(Case(Softmax{}).f32({2}, {1000, 1000}).out(), (Values{0.5, 0.5}));
  EXPECT_EQ(Case(Softmax{.axis = 0}).f32({2, 1}, {0, -std::numeric_limits<float>::infinity()}).out(),
            (Values{1, 0}));
}

TEST(ResizeReference, TakesTheFloorAsYoloDoes) {
  const Resize floor{.coordinates = CoordinateMode::asymmetric, .nearest = NearestMode::floor};
  EXPECT_EQ(Case(floor).f32({1, 1, 1, 2}, {1, 2}).absent().f32({4}, {1, 1, 2, 2}).out(),
            (Values{1, 1, 2, 2, 1, 1, 2, 2}));
  // 3 / 0.6f is 5 in f32 and less in f64.
  EXPECT_EQ(Case(floor).f32({10}, counting(10)).absent().f32({1}, {0.6f}).out(), (Values{0, 1, 3, 5, 6, 8}));
}

TEST(ResizeReference, InterpolatesBetweenPixelCentres) {
  const Resize linear{.mode = ResizeMode::linear};
  EXPECT_EQ(Case(linear).f32({2}, {0, 4}).absent().f32({1}, {2}).out(), (Values{0, 1, 3, 4}));
  Resize corners = linear;
  corners.coordinates = CoordinateMode::align_corners;
  EXPECT_EQ(Case(corners).f32({2}, {0, 4}).absent().absent().i64({1}, {5}).out(), (Values{0, 1, 2, 3, 4}));
}

TEST(SliceReference, StepsBackwardsAndClampsItsEnds) {
  EXPECT_EQ(
      Case(Slice{}).f32({5}, counting(5)).i64({1}, {-1}).i64({1}, {-100}).i64({1}, {0}).i64({1}, {-2}).out(),
      (Values{4, 2, 0}));
  EXPECT_EQ(Case(Slice{}).f32({2, 3}, counting(6)).i64({1}, {1}).i64({1}, {100}).i64({1}, {-1}).out(),
            (Values{1, 2, 4, 5}));
}

TEST(PadReference, ReflectsWrapsAndCrops) {
  const auto pad = [](PadMode mode, int64_t begin, int64_t end) {
    return Case(Pad{mode}).f32({3}, {1, 2, 3}).i64({2}, {begin, end}).out();
  };
  EXPECT_EQ(pad(PadMode::constant, 1, 2), (Values{0, 1, 2, 3, 0, 0}));
  EXPECT_EQ(pad(PadMode::reflect, 2, 1), (Values{3, 2, 1, 2, 3, 2}));
  EXPECT_EQ(pad(PadMode::edge, 1, 1), (Values{1, 1, 2, 3, 3}));
  EXPECT_EQ(pad(PadMode::wrap, 2, 1), (Values{2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(pad(PadMode::constant, -1, -1), (Values{2}));
}

TEST(GatherReference, CountsBackwardsAndReadsZerosOutside) {
  EXPECT_EQ(Case(Gather{}).f32({3}, {1, 2, 3}).i64({3}, {-1, 0, 7}).out(), (Values{3, 1, 0}));
  EXPECT_EQ(Case(GatherElements{1}).f32({2, 2}, {1, 2, 3, 4}).i64({2, 1}, {1, -9}).out(), (Values{2, 0}));
  EXPECT_EQ(Case(GatherNd{}).f32({2, 2}, {1, 2, 3, 4}).i64({2, 1}, {1, 0}).out(), (Values{3, 4, 1, 2}));
}

TEST(ScatterNdReference, WritesNothingOutside) {
  EXPECT_EQ(Case(ScatterNd{}).f32({3}, {1, 2, 3}).i64({2, 1}, {1, 5}).f32({2}, {20, 50}).out(),
            (Values{1, 20, 3}));
}

TEST(TopKReference, PrefersTheEarlierOfEqualElements) {
  Case values(TopK{}), indices(TopK{});
  EXPECT_EQ(values.f32({4}, {2, 3, 3, 1}).i64({1}, {3}).out(2, 0), (Values{3, 3, 2}));
  EXPECT_EQ(indices.f32({4}, {2, 3, 3, 1}).i64({1}, {3}).out(2, 1), (Values{1, 2, 0}));
}

TEST(NonZeroReference, GivesTheIndicesAxisByAxis) {
  Case c(NonZero{});
  c.f32({2, 2}, {0, 1, 1, 0});
  EXPECT_EQ(c.out(), (Values{0, 1, 1, 0}));
  EXPECT_EQ(c.result_shape, (Shape{2, 2}));  // the input is known, so its count is
}

TEST(NonMaxSuppressionReference, KeepsTheBestOfEachHeap) {
  Case c(NonMaxSuppression{});
  c.f32({1, 3, 4}, {0, 0, 10, 10, 1, 1, 10, 10, 20, 20, 30, 30}).f32({1, 1, 3}, {0.8f, 0.9f, 0.3f});
  c.i64({1}, {5}).f32({1}, {0.5f}).f32({1}, {0.1f});
  const auto rows = c.out();
  EXPECT_EQ(Values(rows.begin(), rows.begin() + 6), (Values{0, 0, 1, 0, 0, 2}));
  for (size_t i = 6; i < rows.size(); ++i) EXPECT_EQ(rows[i], 0);
}

TEST(ReduceReference, ReducesEverythingWithoutAxes) {
  EXPECT_EQ(Case(Reduce{.keep_dims = false}).f32({2, 2}, {1, 2, 3, 4}).out(), (Values{10}));
  EXPECT_NEAR(Case(Reduce{.kind = ReduceKind::log_sum_exp}).f32({2}, {1000, 1000}).out()[0], 1000.6931, 1e-4);
  EXPECT_EQ(Case(Reduce{.kind = ReduceKind::mean}).f32({2, 2}, {1, 2, 3, 4}).i64({1}, {0}).out(),
            (Values{2, 3}));
  EXPECT_EQ(Case(ArgReduce{.select_last = true}).f32({3}, {2, 2, 1}).out(), (Values{1}));
}

TEST(QuantizeReference, RoundsHalvesToEvenAndSaturates) {
  Case q(QuantizeLinear{});
  q.f32({4}, {0.5f, 1.5f, -1, 1000}).f32({}, {1}).in<uint8_t>(DType::u8, {}, {10});
  EXPECT_EQ(q.out(), (Values{10, 12, 9, 255}));
  Case d(DequantizeLinear{.axis = 0});
  d.in<int8_t>(DType::i8, {2}, {-1, 5}).f32({2}, {0.5f, 2}).in<int8_t>(DType::i8, {2}, {1, 1});
  EXPECT_EQ(d.out(), (Values{-1, 8}));
}

TEST(RangeReference, CountsUpAndDown) {
  EXPECT_EQ(Case(Range{}).i64({}, {5}).i64({}, {0}).i64({}, {-2}).out(), (Values{5, 3, 1}));
}

TEST(RunReference, SaysWhatIsMissing) {
  const std::vector<TensorDesc> descs = {TensorDesc(DType::f32, {4})};
  const std::vector<Bytes> little = {Bytes::of(std::vector<std::byte>(8))};
  const auto result = run_reference(Unary{}, descs, little, descs);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("has 8 bytes, its shape wants 16"), std::string::npos);
  EXPECT_FALSE(run_reference(Unary{}, descs, {}, descs));
  EXPECT_FALSE(run_reference(Loop{}, {}, {}, {}));
}

TEST(RunReference, RefusesWhatDoesNotFitInWords) {
  const std::vector<TensorDesc> in = {TensorDesc(DType::f32, {1, 3, 4, 4}),
                                      TensorDesc(DType::f32, {8, 4, 3, 3})};
  const std::vector<TensorDesc> out = {TensorDesc(DType::f32, {1, 8, 2, 2})};
  const std::vector<Bytes> data = {Bytes::of(std::vector<std::byte>(192)),
                                   Bytes::of(std::vector<std::byte>(1152))};
  const auto result = run_reference(Conv{}, in, data, out);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("channels"), std::string::npos);
}

}  // namespace
}  // namespace hone
