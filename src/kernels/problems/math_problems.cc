// Arithmetic: element by element, along axes, matrices.
#include "kernels/problems/make_problem.h"

namespace hone {

void matmul_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape a, Shape b, bool fixed = false, DType type = DType::f32) {
    MakeProblem make{MatMul{}};
    make.input(type, std::move(a));
    (fixed ? make.constant(type, std::move(b)) : make.input(type, std::move(b))).add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    add({1, 2, 400, 32}, {1, 2, 32, 400});  // YOLO11 attention at 640
    add({1, 2, 64, 400}, {1, 2, 400, 400});
    add({1, 400, 256}, {256, 1024}, true);  // RT-DETR
    add({512, 512}, {512, 512});
    return;
  }
  add({5, 7}, {7, 9});
  add({1, 33}, {33, 17});
  add({65, 3}, {3, 1});
  add({2, 3, 20, 31}, {2, 3, 31, 45});
  add({2, 1, 12, 16}, {3, 16, 40}, false);  // batches broadcast
  add({4, 11, 16}, {16, 24}, true);
  add({130, 70}, {70, 50}, true);
  add({7}, {7, 5});
  add({5, 7}, {7});
  add({7}, {7});
  add({5, 7}, {7, 9}, false, DType::f16);
  add({3, 0}, {0, 4});
}

void gemm_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Gemm gemm, Shape a, Shape b, Shape c) {
    MakeProblem make{gemm};
    make.input(std::move(a)).constant(std::move(b));
    if (!c.empty()) make.constant(std::move(c));
    make.add_to(out);
  };
  if (set == ProblemSet::benchmark) return add({.transpose_b = true}, {1, 1280}, {1000, 1280}, {1000});
  add({}, {5, 7}, {7, 9}, {});
  add({.transpose_b = true}, {3, 40}, {21, 40}, {21});
  add({.alpha = 0.5f, .beta = 2}, {13, 8}, {8, 30}, {13, 1});
  add({.transpose_a = true}, {8, 14}, {8, 16}, {1, 16});
  add({.transpose_a = true, .transpose_b = true}, {9, 14}, {20, 9}, {14, 20});
}

void unary_problems(ProblemSet set, Problems& out) {
  const auto add = [&](UnaryKind kind, DType type, Shape shape, double low = -6, double high = 6) {
    MakeProblem(Unary{{.kind = kind,
                       .alpha = kind == UnaryKind::clip ? -2.0f : 0.2f,
                       .beta = kind == UnaryKind::clip ? 3.0f : 0.5f}})
        .input(type, std::move(shape), low, high)
        .add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    for (const UnaryKind kind :
         {UnaryKind::silu, UnaryKind::sigmoid, UnaryKind::relu, UnaryKind::gelu, UnaryKind::identity})
      add(kind, DType::f32, {1, 64, 160, 160});
    return;
  }
  for (uint8_t k = 0; k < static_cast<uint8_t>(UnaryKind::count); ++k) {
    const auto kind = static_cast<UnaryKind>(k);
    if (kind == UnaryKind::bitwise_not) {
      add(kind, DType::i32, {3, 5}, -100, 100);
      continue;
    }
    if (kind == UnaryKind::logical_not) {
      add(kind, DType::boolean, {3, 5}, 0, 1);
      continue;
    }
    const bool positive = kind == UnaryKind::log || kind == UnaryKind::sqrt;
    const bool unit = kind == UnaryKind::asin || kind == UnaryKind::acos;
    const double low = positive ? 0.01 : unit ? -1 : -6, high = unit ? 1 : 6;
    add(kind, DType::f32, {2, 19, 5, 7}, low, high);
    add(kind, DType::f32, {37}, low, high);
    add(kind, DType::f16, {2, 3, 4}, low, high);
  }
  add(UnaryKind::silu, DType::f32, {1, 16, 9, 11}, -90, 90);
  add(UnaryKind::sigmoid, DType::f32, {1, 84, 33}, -90, 90);
  add(UnaryKind::exp, DType::f32, {4, 5, 6, 7}, -110, 88);
  add(UnaryKind::relu, DType::f32, {}, -1, 1);
  for (const DType type : {DType::f16, DType::u8, DType::f64, DType::bf16})
    add(UnaryKind::identity, type, {2, 21, 5, 6}, 0, 100);
  add(UnaryKind::identity, DType::f32, {2, 40, 17, 13});
  add(UnaryKind::identity, DType::f32, {1, 3, 6, 5});
}

void binary_problems(ProblemSet set, Problems& out) {
  const auto add = [&](BinaryKind kind, Shape a, Shape b, DType type = DType::f32, double low = -3,
                       double high = 3) {
    MakeProblem(Binary{kind})
        .input(type, std::move(a), low, high)
        .input(type, std::move(b), low, high)
        .add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    add(BinaryKind::add, {1, 64, 80, 80}, {1, 64, 80, 80});
    add(BinaryKind::mul, {1, 64, 80, 80}, {1, 64, 1, 1});
    add(BinaryKind::mul, {1, 4, 8400}, {1, 8400});
    return;
  }
  for (uint8_t k = 0; k < static_cast<uint8_t>(BinaryKind::count); ++k) {
    const auto kind = static_cast<BinaryKind>(k);
    const bool logical =
        kind == BinaryKind::logical_and || kind == BinaryKind::logical_or || kind == BinaryKind::logical_xor;
    const DType type = logical ? DType::boolean : DType::f32;
    const double low = logical ? 0 : kind == BinaryKind::pow ? 0.1 : -3, high = logical ? 1 : 3;
    add(kind, {2, 19, 5, 7}, {2, 19, 5, 7}, type, low, high);
    add(kind, {1, 16, 9, 10}, {1, 16, 1, 1}, type, low, high);
    if (kind != BinaryKind::prelu)
      add(kind, {3, 5, 1}, {5, 4}, type, low, high);  // its slope alone broadcasts
    if (!logical) add(kind, {3, 5}, {3, 5}, DType::i64, kind == BinaryKind::pow ? 0 : -5, 5);
  }
  for (const BinaryKind kind : {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::div}) {
    add(kind, {2, 19, 5, 7}, {}, DType::f32, 0.5, 3);
    add(kind, {}, {2, 16, 5, 7}, DType::f32, 0.5, 3);
    add(kind, {2, 16, 5, 7}, {16, 1, 1}, DType::f32, 0.5, 3);
    add(kind, {2, 16, 1, 1}, {2, 16, 5, 7}, DType::f32, 0.5, 3);
    add(kind, {2, 16, 5, 7}, {7}, DType::f32, 0.5, 3);
    add(kind, {2, 4, 33}, {1, 33}, DType::f32, 0.5, 3);
    add(kind, {2, 4, 33}, {2, 1, 33}, DType::f32, 0.5, 3);
    add(kind, {1, 33}, {2, 4, 33}, DType::f32, 0.5, 3);
    add(kind, {2, 4, 1}, {1, 1, 3}, DType::f32, 0.5, 3);
    add(kind, {5, 6}, {5, 6}, DType::f16, 0.5, 3);
  }
}

void where_problems(ProblemSet, Problems& out) {
  MakeProblem(Where{}).input(DType::boolean, {2, 3, 5}, 0, 1).input({2, 3, 5}).input({2, 3, 5}).add_to(out);
  MakeProblem(Where{})
      .input(DType::boolean, {3, 1}, 0, 1)
      .input(DType::i64, {1})
      .input(DType::i64, {2, 1, 5})
      .add_to(out);
}

void cast_problems(ProblemSet set, Problems& out) {
  const auto add = [&](DType from, DType to, Shape shape, double low = -50, double high = 50) {
    MakeProblem(Cast{to}).input(from, std::move(shape), low, high).add_to(out);
  };
  const Shape shape = set == ProblemSet::parity ? Shape{2, 19, 5, 7} : Shape{1, 64, 160, 160};
  for (const DType half : {DType::f16, DType::bf16}) {
    add(DType::f32, half, shape);
    add(half, DType::f32, shape);
  }
  add(DType::u8, DType::f32, shape, 0, 255);
  add(DType::f32, DType::u8, shape, 0, 255);
  if (set == ProblemSet::benchmark) return;
  add(DType::i64, DType::f32, {33});
  add(DType::f32, DType::i64, {33});
  add(DType::i64, DType::i32, {33});
  add(DType::f32, DType::boolean, {33}, -1, 1);
  add(DType::boolean, DType::f32, {33}, 0, 1);
}

void softmax_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape shape, int64_t axis, bool log = false, DType type = DType::f32,
                       double range = 8) {
    MakeProblem(Softmax{.axis = axis, .log = log}).input(type, std::move(shape), -range, range).add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    add({1, 2, 400, 400}, -1);
    return add({1, 16, 4, 8400}, 1);
  }
  for (const bool log : {false, true}) {
    add({3, 17}, -1, log);
    add({2, 5, 400}, -1, log);
    add({2, 16, 4, 33}, 1, log);
    add({1, 3, 1}, 1, log);
    add({2, 7, 5, 3}, 0, log);
  }
  add({4, 100}, -1, false, DType::f32, 200);
  add({3, 17}, -1, false, DType::f16);
}

void norm_problems(ProblemSet set, Problems& out) {
  const Shape x = set == ProblemSet::parity ? Shape{2, 19, 5, 7} : Shape{1, 64, 80, 80};
  const int64_t c = x[1], w = x[3];
  MakeProblem(LayerNorm{}).input(x).constant({w}).constant({w}).add_to(out);
  MakeProblem(LayerNorm{.axis = 2}).input(x).constant({x[2], w}).add_to(out);
  MakeProblem(BatchNorm{})
      .input(x)
      .constant({c})
      .constant({c})
      .constant({c})
      .constant({c}, 0.5, 2)
      .add_to(out);
  MakeProblem(InstanceNorm{}).input(x).constant({c}).constant({c}).add_to(out);
}

void reduce_problems(ProblemSet set, Problems& out) {
  const auto add = [&](ReduceKind kind, Shape shape, std::vector<int64_t> axes, bool keep = true,
                       DType type = DType::f32) {
    MakeProblem(Reduce{.kind = kind, .keep_dims = keep})
        .input(type, std::move(shape), 0.5, 2)
        .ints(std::move(axes))
        .add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    add(ReduceKind::mean, {1, 128, 40, 40}, {2, 3});
    add(ReduceKind::max, {1, 80, 8400}, {1});
    return;
  }
  for (uint8_t k = 0; k < static_cast<uint8_t>(ReduceKind::count); ++k) {
    const auto kind = static_cast<ReduceKind>(k);
    add(kind, {2, 19, 5, 7}, {2, 3});
    add(kind, {2, 19, 5, 7}, {1}, false);
    add(kind, {2, 19, 5, 7}, {-1});
    add(kind, {2, 9, 5, 7}, {0, 2}, false);
    add(kind, {3, 40}, {0, 1});
    if (kind != ReduceKind::log_sum && kind != ReduceKind::log_sum_exp)
      add(kind, {4, 5}, {1}, true, DType::i64);
  }
  MakeProblem(Reduce{}).input({3, 4}).add_to(out);
  MakeProblem(Reduce{.noop_with_empty_axes = true}).input({3, 4}).ints({}).add_to(out);
  for (const bool largest : {false, true}) {
    MakeProblem(ArgReduce{.largest = largest, .axis = 1}).input({2, 9, 5}).add_to(out);
    MakeProblem(ArgReduce{.largest = largest, .axis = -1, .keep_dims = false, .select_last = true})
        .input(DType::i32, {4, 33}, -3, 3)
        .add_to(out);
  }
}

}  // namespace hone
