// Shapes, indices and what is left.
#include "kernels/problems/make_problem.h"

namespace hone {

void index_problems(ProblemSet, Problems& out) {
  MakeProblem(Tile{}).input({2, 3, 4}).ints({2, 1, 3}).add_to(out);
  MakeProblem(Tile{}).input(DType::i64, {3}, 0, 9).ints({4}).add_to(out);

  MakeProblem(GatherElements{1}).input({3, 7, 2}).input(DType::i64, {3, 5, 2}, -7, 6).add_to(out);
  MakeProblem(GatherElements{-1})
      .input(DType::u8, {4, 6}, 0, 255)
      .input(DType::i32, {2, 9}, 0, 5)
      .add_to(out);
  MakeProblem(GatherNd{}).input({4, 5, 6}).input(DType::i64, {3, 2}, -4, 3).add_to(out);
  MakeProblem(GatherNd{1}).input({2, 5, 6}).input(DType::i64, {2, 3, 1}, 0, 4).add_to(out);
  MakeProblem(ScatterNd{}).input({8, 3}).constant(DType::i64, {1, 1}, 0, 7).input({1, 3}).add_to(out);
  MakeProblem(ScatterNd{}).input({4, 5}).constant(DType::i64, {1, 2}, -4, 3).input({1}).add_to(out);

  MakeProblem(ShapeOf{}).input({2, 3, 4}).add_to(out);
  MakeProblem(ShapeOf{.start = -2, .end = 2}).input({2, 3, 4}).add_to(out);
  MakeProblem(Range{}).scalar(3).scalar(-2).scalar(-0.75).add_to(out);
  MakeProblem(Range{}).scalar(3, DType::i64).scalar(20, DType::i64).scalar(4, DType::i64).add_to(out);
  MakeProblem(ConstantOfShape{.type = DType::i64, .value = 7}).ints({2, 3}).add_to(out);
  MakeProblem(ConstantOfShape{.value = 0.5}).ints({4}).add_to(out);
  MakeProblem(NonZero{}).input(DType::i64, {3, 4, 2}, -1, 1).add_to(out);
  MakeProblem(NonZero{}).input({50, 61}).add_to(out);

  MakeProblem(QuantizeLinear{}).input({2, 5, 3}, -9, 9).scalar(0.037).scalar(7, DType::i8).add_to(out);
  MakeProblem(QuantizeLinear{.axis = 1})
      .input({2, 5, 3}, -9, 9)
      .constant({5}, 0.02, 0.1)
      .constant(DType::u8, {5}, 0, 200)
      .add_to(out);
  MakeProblem(QuantizeLinear{}).input({4, 9}, -1, 9).scalar(0.03).add_to(out);
  MakeProblem(DequantizeLinear{})
      .input(DType::u8, {4, 9}, 0, 255)
      .scalar(0.03)
      .scalar(128, DType::u8)
      .add_to(out);
  MakeProblem(DequantizeLinear{.axis = 0})
      .input(DType::i8, {4, 9}, -128, 127)
      .constant({4}, 0.02, 0.1)
      .constant(DType::i8, {4}, -9, 9)
      .add_to(out);
  MakeProblem(DequantizeLinear{}).input(DType::i32, {4, 9}, -9999, 9999).scalar(0.001).add_to(out);

  for (const bool center : {false, true})
    MakeProblem(NonMaxSuppression{center})
        .input({2, 30, 4}, 0, 1)
        .input({2, 3, 30}, 0, 1)
        .scalar(7, DType::i64)
        .scalar(0.3)
        .scalar(0.4)
        .add_to(out);
  MakeProblem(NonMaxSuppression{})
      .input({1, 2500, 4}, 0, 1)
      .input({1, 2, 2500}, 0, 1)
      .scalar(500, DType::i64)
      .scalar(0.9)
      .add_to(out);

  MakeProblem(Flatten{2}).input({2, 3, 4, 5}).add_to(out);
  MakeProblem(Squeeze{}).input({1, 3, 1, 5}).add_to(out);
  MakeProblem(Squeeze{}).input({1, 3, 1, 5}).ints({-2}).add_to(out);
  MakeProblem(Unsqueeze{}).input({3, 5}).ints({0, -1}).add_to(out);
}

}  // namespace hone
