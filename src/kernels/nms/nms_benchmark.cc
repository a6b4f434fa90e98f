// Scores of YOLOv8 at 640 x 640 (84 x 8400), few of them high; one thread. And validation's setting, conf
// 0.001 with every class of an anchor.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "kernels/kernel.h"

namespace hone {
namespace {

void nms(benchmark::State& state, const char* name, DetectionNms settings) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> raw(84 * 8400);
  for (size_t i = 0; i < raw.size(); ++i)
    raw[i] = i < 2 * 8400   ? 640 * uniform(random)
             : i < 4 * 8400 ? 20 + 100 * uniform(random)
                            : std::pow(uniform(random), 60.0f);
  const Op op = settings;
  const std::vector<TensorDesc> in = {TensorDesc(DType::f32, {1, 84, 8400})};
  const std::vector<TensorDesc> out = {TensorDesc(DType::f32, {1, 300, 6}), TensorDesc(DType::i32, {1})};
  const std::vector<ConstantPtr> constants(1);
  const Problem problem{.op = op, .inputs = in, .outputs = out, .constants = constants};
  const Kernel* kernel = find_kernel(name);
  const Verdict verdict = kernel->may_i(problem);
  const auto runner = kernel->prepare(problem, {});
  std::vector<std::byte> workspace(verdict.workspace_bytes);
  std::vector<float> rows(300 * 6);
  int32_t count = 0;
  const TensorArg x{raw.data(), in.data(), 84 * 8400};
  const TensorArg y[] = {{rows.data(), &out[0], 300 * 6}, {&count, &out[1], 1}};
  ThreadPool pool(1);
  for (auto _ : state)
    (*runner)->run({.inputs = {&x, 1}, .outputs = y, .workspace = workspace.data(), .threads = &pool});
  state.counters["kept"] = count;
}
BENCHMARK_CAPTURE(nms, predict, "nms.cpu", DetectionNms{.conf = 0.97f, .classes = {}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(nms, predict_crowded, "nms.cpu", DetectionNms{.classes = {}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(nms, validate, "nms.cpu", DetectionNms{.conf = 0.001f, .multi_label = true, .classes = {}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hone
