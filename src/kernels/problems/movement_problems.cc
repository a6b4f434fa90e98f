// Elements that change their place.
#include "kernels/problems/make_problem.h"

namespace hone {

void concat_problems(ProblemSet set, Problems& out) {
  const auto add = [&](int64_t axis, std::vector<Shape> parts, DType type = DType::f32) {
    MakeProblem make(Concat{axis});
    for (Shape& part : parts) make.input(type, std::move(part), 0, 100);
    make.add_to(out);
  };
  if (set == ProblemSet::benchmark) return add(1, {{1, 128, 40, 40}, {1, 256, 40, 40}});
  add(1, {{2, 16, 5, 7}, {2, 32, 5, 7}});
  add(1, {{2, 16, 5, 7}, {2, 13, 5, 7}});
  add(1, {{1, 3, 5, 7}, {1, 5, 5, 7}, {1, 8, 5, 7}});
  add(1, {{1, 8, 6, 6}, {1, 16, 6, 6}, {1, 8, 6, 6}});
  add(2, {{1, 19, 5, 7}, {1, 19, 2, 7}});
  add(3, {{2, 16, 5, 7}, {2, 16, 5, 3}});
  add(0, {{2, 3, 4}, {1, 3, 4}});
  add(-1, {{2, 84, 64}, {2, 84, 16}, {2, 84, 4}});
  add(0, {{3}, {0}, {4}}, DType::i64);
  add(1, {{2, 16, 3, 3}, {2, 16, 3, 3}}, DType::f16);
}

void split_problems(ProblemSet set, Problems& out) {
  const auto add = [&](int64_t axis, Shape shape, std::vector<int64_t> sizes, size_t parts,
                       DType type = DType::f32) {
    MakeProblem make(Split{axis});
    make.input(type, std::move(shape), 0, 100);
    if (!sizes.empty()) make.ints(std::move(sizes));
    make.add_to(out, parts);
  };
  if (set == ProblemSet::benchmark) return add(1, {1, 128, 80, 80}, {64, 64}, 2);
  add(1, {2, 32, 5, 7}, {16, 16}, 2);
  add(1, {2, 32, 5, 7}, {}, 2);
  add(1, {2, 29, 5, 7}, {16, 13}, 2);
  add(1, {1, 16, 5, 7}, {3, 5, 8}, 3);
  add(3, {1, 19, 5, 7}, {4, 3}, 2);
  add(1, {2, 84, 33}, {4, 80}, 2);
  add(0, {6, 5}, {}, 3, DType::i64);
}

void slice_problems(ProblemSet set, Problems& out) {
  using V = std::vector<int64_t>;
  const auto add = [&](Shape shape, V starts, V ends, V axes, V steps, DType type = DType::f32) {
    MakeProblem(Slice{})
        .input(type, std::move(shape), 0, 100)
        .ints(starts)
        .ints(ends)
        .ints(axes)
        .ints(steps)
        .add_to(out);
  };
  if (set == ProblemSet::benchmark) return add({1, 84, 8400}, {4}, {84}, {1}, {1});
  add({2, 32, 5, 7}, {16}, {32}, {1}, {1});
  add({2, 32, 5, 7}, {3}, {-2}, {1}, {1});
  add({1, 3, 12, 10}, {0, 1}, {1000, 1000}, {2, 3}, {2, 2});
  add({4, 9}, {-1}, {-1000}, {-1}, {-2});
  add({4, 9}, {3, 7}, {0, 2}, {0, 1}, {-1, -1});
  add({2, 84, 33}, {4}, {84}, {1}, {1});
  add({7}, {2}, {5}, {0}, {1}, DType::i64);
  add({2, 8, 4}, {3}, {3}, {1}, {1});
}

void view_problems(ProblemSet, Problems& out) {
  MakeProblem(Reshape{}).input({2, 16, 5, 7}).ints({2, 16, 35}).add_to(out);
  MakeProblem(Reshape{}).input(DType::f16, {2, 6}).ints({-1}).add_to(out);
}

void transpose_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape shape, Ints perm, DType type = DType::f32) {
    MakeProblem(Transpose{std::move(perm)}).input(type, std::move(shape), 0, 100).add_to(out);
  };
  if (set == ProblemSet::benchmark) {
    add({1, 84, 8400}, {0, 2, 1});
    add({1, 4, 16, 8400}, {0, 2, 1, 3});
    add({1, 64, 160, 160}, {0, 2, 3, 1});
    return;
  }
  add({2, 16, 5, 7}, {0, 2, 3, 1});
  add({2, 5, 7, 16}, {0, 3, 1, 2});
  add({1, 4, 16, 33}, {0, 2, 1, 3});
  add({2, 84, 37}, {0, 2, 1});
  add({67, 70}, {1, 0});
  add({2, 3, 4, 5}, {3, 2, 1, 0});
  add({2, 3, 4, 5}, {0, 1, 2, 3});
  add({2, 3, 4, 5, 6}, {4, 0, 3, 1, 2});
  add({3, 4, 5}, {});
  add({2, 16, 5, 7}, {0, 3, 2, 1}, DType::f16);
  add({33, 18}, {1, 0}, DType::u8);
  add({5, 6}, {1, 0}, DType::i64);
  add({}, {});
}

void expand_problems(ProblemSet, Problems& out) {
  const auto add = [&](Shape shape, std::vector<int64_t> wanted, DType type = DType::f32) {
    MakeProblem(Expand{}).input(type, std::move(shape), 0, 100).ints(std::move(wanted)).add_to(out);
  };
  add({1, 16, 1, 1}, {2, 16, 5, 7});
  add({33}, {4, 33});
  add({4, 1}, {4, 33}, DType::i64);
  add({3, 1, 5}, {2, 1, 4, 1});
}

void pad_problems(ProblemSet, Problems& out) {
  for (uint8_t m = 0; m < static_cast<uint8_t>(PadMode::count); ++m) {
    const PadMode mode = static_cast<PadMode>(m);
    MakeProblem(Pad{mode}).input({2, 16, 5, 7}).ints({0, 0, 1, 2, 0, 0, 2, 3}).scalar(0.5).add_to(out);
    MakeProblem(Pad{mode}).input(DType::u8, {6, 9}, 0, 255).ints({-1, 2, 2, -3}).add_to(out);
    MakeProblem(Pad{mode}).input({2, 3, 4}).ints({1, 2}).absent().ints({-1}).add_to(out);
  }
}

void gather_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape shape, int64_t axis, Shape indices, DType type = DType::f32) {
    const auto extent = static_cast<double>(
        shape[static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis)]);
    MakeProblem(Gather{axis})
        .input(type, std::move(shape), 0, 100)
        .input(DType::i64, std::move(indices), -extent + 0.5, extent - 1)
        .add_to(out);
  };
  if (set == ProblemSet::benchmark) return add({1, 8400, 84}, 1, {300});
  add({2, 16, 5, 7}, 1, {3});
  add({9, 33}, 0, {2, 5});
  add({4, 9, 3}, -1, {7});
  add({11}, 0, {}, DType::i64);
  add({6, 8}, 1, {0}, DType::f16);
}

void top_k_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape shape, int64_t axis, int64_t k, bool largest = true, DType type = DType::f32) {
    MakeProblem(TopK{.axis = axis, .largest = largest})
        .input(type, std::move(shape), is_floating(type) ? -1 : -50, is_floating(type) ? 1 : 50)
        .ints({k})
        .add_to(out, 2);
  };
  if (set == ProblemSet::benchmark) return add({1, 8400}, -1, 300);
  add({3, 40}, -1, 5);
  add({2, 30, 3}, 1, 30, false);
  add({2, 7000}, -1, 3000);  // more than is sorted at once
  add({1, 5000}, -1, 17, false, DType::i32);
  add({3, 60}, -1, 5, true, DType::i64);
}

void resize_problems(ProblemSet set, Problems& out) {
  const auto scaled = [&](Shape shape, std::vector<float> scales, Resize resize, DType type = DType::f32) {
    const auto bytes = std::as_bytes(std::span(scales));
    MakeProblem(resize)
        .input(type, std::move(shape), 0, 100)
        .absent()
        .operand(TensorDesc(DType::f32, {static_cast<int64_t>(scales.size())}), {bytes.begin(), bytes.end()},
                 true)
        .add_to(out);
  };
  const auto sized = [&](Shape shape, std::vector<int64_t> sizes, Resize resize) {
    MakeProblem(resize).input(std::move(shape)).absent().absent().ints(std::move(sizes)).add_to(out);
  };
  const Resize upsample{.coordinates = CoordinateMode::asymmetric, .nearest = NearestMode::floor};
  const Resize linear{.mode = ResizeMode::linear};
  if (set == ProblemSet::benchmark) {
    scaled({1, 256, 40, 40}, {1, 1, 2, 2}, upsample);
    return scaled({1, 64, 80, 80}, {1, 1, 2, 2}, linear);
  }
  scaled({2, 32, 5, 7}, {1, 1, 2, 2}, upsample);
  scaled({2, 19, 5, 7}, {1, 1, 2, 2}, upsample);
  scaled({1, 16, 5, 7}, {1, 1, 3, 2}, upsample);
  scaled({1, 16, 4, 4}, {1, 1, 2, 2}, {});
  scaled({1, 16, 4, 4}, {1, 1, 2, 2}, upsample, DType::f16);
  scaled({1, 3, 10, 10}, {1, 1, 0.6f, 0.6f}, upsample);
  sized({1, 3, 10, 9}, {1, 3, 17, 4}, {});
  for (uint8_t c = 0; c < static_cast<uint8_t>(CoordinateMode::count); ++c)
    for (const ResizeMode mode : {ResizeMode::linear, ResizeMode::cubic}) {
      const Resize resize{.mode = mode, .coordinates = static_cast<CoordinateMode>(c)};
      scaled({2, 19, 5, 7}, {1, 1, 2, 2}, resize);
      sized({1, 3, 10, 9}, {1, 3, 7, 14}, resize);
    }
  sized({4, 9}, {8, 9}, linear);
  sized({2, 3, 9}, {2, 3, 20}, linear);
}

}  // namespace hone
