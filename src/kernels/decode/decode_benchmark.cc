// YOLOv8's head at 640 x 640: 8400 anchors, 64 + 80 channels, one thread.
#include <benchmark/benchmark.h>

#include <random>

#include "kernels/kernel.h"

namespace hone {
namespace {

void decode(benchmark::State& state, const char* name, Layout layout) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 2);
  const Op op = DecodeBoxes{.levels = 3, .reg_max = 16, .strides = {8, 16, 32}, .xyxy = false};
  std::vector<TensorDesc> in;
  for (int64_t channels : {64, 80})
    for (int64_t side : {80, 40, 20}) {
      in.emplace_back(DType::f32, Shape{1, channels, side, side});
      in.back().layout = layout;
    }
  const std::vector<TensorDesc> out = {TensorDesc(DType::f32, {1, 84, 8400})};
  std::vector<std::vector<float>> data;
  std::vector<TensorArg> args;
  for (const TensorDesc& desc : in) {
    data.emplace_back(static_cast<size_t>(dense_image_stride(desc)));
    for (float& v : data.back()) v = normal(random);
    args.push_back({data.back().data(), &desc, dense_image_stride(desc)});
  }
  std::vector<float> result(84 * 8400);
  const TensorArg y{result.data(), out.data(), 84 * 8400};
  const std::vector<ConstantPtr> constants(in.size());
  const Problem problem{.op = op, .inputs = in, .outputs = out, .constants = constants};
  const Kernel* kernel = find_kernel(name);
  if (!kernel->may_i(problem).legal) return state.SkipWithError("is not legal");
  const auto runner = kernel->prepare(problem, {});
  ThreadPool pool(1);
  for (auto _ : state)
    (*runner)->run({.inputs = args, .outputs = {&y, 1}, .workspace = nullptr, .threads = &pool});
}
BENCHMARK_CAPTURE(decode, plain, "decode.cpu", Layout::plain)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, nchw8c, "decode.cpu", Layout::nchw8c)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, nchw16c, "decode.cpu", Layout::nchw16c)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, reference, "decode.reference", Layout::plain)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hone
