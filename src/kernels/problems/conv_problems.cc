// Convolutions and poolings.
#include "kernels/problems/make_problem.h"

namespace hone {
namespace {

struct ConvShape {
  Shape x;
  int64_t m;
  Ints kernel = {3, 3};
  Ints strides = {1, 1};
  Ints pads = {1, 1, 1, 1};
  int64_t group = 1;
  Ints dilations = {1, 1};
};

struct Extras {
  UnaryKind activation = UnaryKind::identity;
  bool bias = true, residual = false;
  DType type = DType::f32;
  bool upsampled = false;  // the residual
};

void add_conv(Problems& out, const ConvShape& s, const Extras& extras) {
  Conv conv{.strides = s.strides, .pads = s.pads, .dilations = s.dilations, .group = s.group};
  conv.activation = {.kind = extras.activation, .alpha = 0.1f, .beta = 0.5f};
  conv.has_bias = extras.bias;
  conv.has_residual = extras.residual;
  conv.residual_upsampled = extras.upsampled;
  Shape filter = {s.m, s.x[1] / s.group};
  filter.insert(filter.end(), s.kernel.begin(), s.kernel.end());
  MakeProblem make(conv);
  make.input(extras.type, s.x).constant(extras.type, filter);
  if (extras.bias) make.constant(extras.type, {s.m});
  if (extras.residual) {
    // The residual has the output's shape, or half its height and width.
    Problems without;
    Conv plain = conv;
    plain.has_residual = plain.has_bias = plain.residual_upsampled = false;
    MakeProblem(plain).input(extras.type, s.x).constant(extras.type, filter).add_to(without);
    Shape shape = without[0].outputs[0].shape;
    for (size_t i = 2; extras.upsampled && i < shape.size(); ++i) shape[i] /= 2;
    make.input(extras.type, std::move(shape));
  }
  make.add_to(out);
}

const ConvShape kOdd[] = {
    {.x = {1, 3, 17, 19}, .m = 8},                      // first layer, borders
    {.x = {2, 3, 33, 31}, .m = 16, .strides = {2, 2}},  // first layer of YOLO
    {.x = {1, 16, 13, 15}, .m = 32},
    {.x = {2, 32, 9, 11}, .m = 16},
    {.x = {1, 48, 20, 20}, .m = 64, .kernel = {1, 1}, .pads = {0, 0, 0, 0}},
    {.x = {3, 24, 7, 5}, .m = 40, .kernel = {1, 1}, .pads = {0, 0, 0, 0}},
    {.x = {1, 13, 6, 10}, .m = 21, .kernel = {1, 1}, .pads = {0, 0, 0, 0}},  // fills no block
    {.x = {1, 16, 12, 12}, .m = 24, .kernel = {1, 1}, .strides = {2, 2}, .pads = {0, 0, 0, 0}},
    {.x = {2, 11, 10, 9}, .m = 7},
    {.x = {1, 32, 14, 14}, .m = 32, .strides = {2, 2}},
    {.x = {1, 16, 15, 17}, .m = 16, .pads = {0, 1, 2, 1}},  // uneven padding
    {.x = {1, 16, 16, 16}, .m = 16, .pads = {2, 2, 2, 2}, .dilations = {2, 2}},
    {.x = {1, 8, 12, 13}, .m = 16, .kernel = {5, 5}, .pads = {2, 2, 2, 2}},
    {.x = {1, 8, 20, 20}, .m = 8, .kernel = {7, 7}, .strides = {2, 2}, .pads = {3, 3, 3, 3}},
    {.x = {1, 8, 9, 9}, .m = 8, .kernel = {1, 3}, .pads = {0, 1, 0, 1}},
    {.x = {1, 16, 9, 9}, .m = 16, .kernel = {6, 6}, .strides = {2, 2}, .pads = {2, 2, 2, 2}},
    {.x = {2, 32, 11, 12}, .m = 32, .group = 32},  // depthwise
    {.x = {1, 19, 11, 12}, .m = 19, .strides = {2, 2}, .group = 19},
    {.x = {1, 16, 10, 10}, .m = 32, .group = 16},  // depth multiplier 2
    {.x = {1, 32, 8, 8}, .m = 64, .group = 4},
    {.x = {1, 16, 1, 1}, .m = 16},  // smaller than the window
    {.x = {1, 64, 80, 80}, .m = 16},
    {.x = {4, 16, 20, 20}, .m = 80, .kernel = {1, 1}, .pads = {0, 0, 0, 0}},
};

}  // namespace

void conv_problems(ProblemSet set, Problems& out) {
  if (set == ProblemSet::parity) {
    for (const Shape& x : {Shape{1, 40, 6, 10}, Shape{3, 72, 14, 22}, Shape{2, 13, 4, 2}})
      for (const DType type : {DType::f32, DType::bf16})
        add_conv(out, {.x = x, .m = x[1] % 8 == 0 ? 2 * x[1] : 11, .kernel = {1, 1}, .pads = {0, 0, 0, 0}},
                 {.activation = UnaryKind::silu, .residual = true, .type = type, .upsampled = true});
    add_conv(out, {.x = {2, 16, 8, 12}, .m = 24},
             {.activation = UnaryKind::silu, .residual = true, .upsampled = true});
    int i = 0;
    for (const ConvShape& shape : kOdd) {
      add_conv(out, shape, {.bias = i % 3 != 0});
      add_conv(out, shape, {.activation = UnaryKind::silu, .bias = i % 5 != 0, .residual = i % 2 == 0});
      add_conv(out, shape, {.activation = UnaryKind::silu, .residual = i % 2 == 1, .type = DType::bf16});
      ++i;
    }
    for (const UnaryKind kind : {UnaryKind::relu, UnaryKind::leaky_relu, UnaryKind::sigmoid,
                                 UnaryKind::hard_swish, UnaryKind::hard_sigmoid, UnaryKind::tanh,
                                 UnaryKind::gelu, UnaryKind::clip, UnaryKind::mish, UnaryKind::elu}) {
      add_conv(out, kOdd[2], {.activation = kind});
      add_conv(out, kOdd[4], {.activation = kind, .residual = true});
      add_conv(out, kOdd[16], {.activation = kind});
    }
    add_conv(out, {.x = {2, 6, 15}, .m = 4, .kernel = {3}, .strides = {1}, .pads = {1, 1}, .dilations = {1}},
             {});
    add_conv(out, kOdd[2], {.type = DType::f16});
    add_conv(out, kOdd[4], {.type = DType::bf16});
    return;
  }
  // yolov8n and yolov8m at 640, the layers that take the time.
  const Extras silu{.activation = UnaryKind::silu};
  const Ints one = {1, 1}, none = {0, 0, 0, 0};
  add_conv(out, {.x = {1, 3, 640, 640}, .m = 16, .strides = {2, 2}}, silu);
  add_conv(out, {.x = {1, 16, 320, 320}, .m = 32, .strides = {2, 2}}, silu);
  add_conv(out, {.x = {1, 32, 160, 160}, .m = 32, .kernel = one, .pads = none}, silu);
  add_conv(out, {.x = {1, 16, 160, 160}, .m = 16}, {.activation = UnaryKind::silu, .residual = true});
  add_conv(out, {.x = {1, 64, 80, 80}, .m = 64}, silu);
  add_conv(out, {.x = {1, 128, 40, 40}, .m = 128}, silu);
  add_conv(out, {.x = {1, 384, 40, 40}, .m = 128, .kernel = one, .pads = none}, silu);
  add_conv(out, {.x = {1, 128, 40, 40}, .m = 256, .strides = {2, 2}}, silu);
  add_conv(out, {.x = {1, 288, 20, 20}, .m = 288}, silu);
  add_conv(out, {.x = {1, 80, 80, 80}, .m = 80, .kernel = one, .pads = none}, {});
  add_conv(out, {.x = {1, 128, 80, 80}, .m = 128, .group = 128}, silu);
}

void conv_transpose_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape x, Shape filter, ConvTranspose conv) {
    conv.has_bias = true;
    const int64_t m = filter[1] * conv.group;
    MakeProblem(conv).input(std::move(x)).constant(std::move(filter)).constant({m}).add_to(out);
  };
  if (set == ProblemSet::parity) {
    add({1, 16, 10, 12}, {16, 8, 2, 2}, {.strides = {2, 2}});  // YOLO's segmentation head
    add({2, 11, 7, 5}, {11, 13, 2, 2}, {.strides = {2, 2}});
    add({1, 8, 6, 6}, {8, 8, 4, 4}, {.strides = {2, 2}, .pads = {1, 1, 1, 1}});
    add({1, 8, 6, 6}, {8, 8, 3, 3}, {.strides = {2, 2}, .pads = {1, 1, 1, 1}, .output_padding = {1, 1}});
    add({1, 8, 6, 6}, {8, 4, 3, 3}, {.dilations = {2, 2}, .group = 2});
    return;
  }
  add({1, 64, 80, 80}, {64, 64, 2, 2}, {.strides = {2, 2}});
}

void pool_problems(ProblemSet set, Problems& out) {
  const auto add = [&](Shape x, Pool pool, DType type = DType::f32) {
    MakeProblem(pool)
        .input(type, std::move(x), type == DType::u8 ? 0 : -1, type == DType::u8 ? 255 : 1)
        .add_to(out);
  };
  const Pool sppf{.kernel = {5, 5}, .strides = {1, 1}, .pads = {2, 2, 2, 2}};
  if (set == ProblemSet::benchmark) {
    add({1, 128, 20, 20}, sppf);
    add({1, 64, 160, 160}, {.kernel = {2, 2}, .strides = {2, 2}});
    return;
  }
  add({1, 16, 20, 20}, sppf);
  add({4, 64, 61, 60}, sppf);  // enough outputs for threads that take several
  add({2, 24, 7, 9}, sppf);
  add({1, 13, 4, 3}, sppf);
  for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
    add({1, 16, 12, 14}, {.kind = kind, .kernel = {2, 2}, .strides = {2, 2}});
    add({2, 19, 11, 13}, {.kind = kind, .kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}});
    add({1, 16, 11, 13}, {.kind = kind, .kernel = {3, 2}, .strides = {1, 2}, .pads = {1, 0, 1, 1}});
    add({1, 8, 10, 10},
        {.kind = kind, .kernel = {3, 3}, .strides = {2, 2}, .pads = {0, 0, 0, 0}, .ceil_mode = true});
  }
  add({1, 8, 10, 10}, {.kernel = {3, 3}, .strides = {1, 1}, .pads = {2, 2, 2, 2}, .dilations = {2, 2}});
  add({1, 8, 9, 9}, {.kind = PoolKind::average,
                     .kernel = {3, 3},
                     .strides = {2, 2},
                     .pads = {1, 1, 1, 1},
                     .count_include_pad = true});
  add({1, 6, 15}, {.kernel = {3}, .strides = {2}, .pads = {1, 1}});
  add({1, 16, 8, 8}, {.kernel = {2, 2}, .strides = {2, 2}}, DType::u8);
}

void global_pool_problems(ProblemSet set, Problems& out) {
  for (const PoolKind kind : {PoolKind::average, PoolKind::max}) {
    if (set == ProblemSet::benchmark) {
      MakeProblem(GlobalPool{kind}).input({1, 1280, 20, 20}).add_to(out);
      continue;
    }
    MakeProblem(GlobalPool{kind}).input({1, 32, 7, 7}).add_to(out);
    MakeProblem(GlobalPool{kind}).input({3, 13, 5, 9}).add_to(out);
    MakeProblem(GlobalPool{kind}).input({2, 5, 31}).add_to(out);
  }
}

}  // namespace hone
