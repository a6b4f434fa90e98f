#include "build/coverage.h"

#include <fmt/format.h>

#include <random>

#include "base/log.h"
#include "device/cuda/cuda_device.h"
#include "engine/device_code.h"

namespace hone {
namespace {

constexpr int kSamples = 12;
// What networks halve a picture by: extents of a profile that are multiples of it are taken at multiples.
constexpr int64_t kSteps[] = {64, 32, 16, 8, 4, 2, 1};

int64_t sample(int64_t least, int64_t most, std::mt19937& random) {
  if (least == most) return least;
  int64_t step = 1;
  for (const int64_t s : kSteps)
    if (step == 1 && least % s == 0 && most % s == 0) step = s;
  return least + static_cast<int64_t>(random() % static_cast<uint64_t>((most - least) / step + 1)) * step;
}

InputShapes sample(const Profile& profile, std::mt19937& random) {
  InputShapes shapes;
  for (const auto& [name, range] : profile) {
    Shape& shape = shapes[name] = range.min;
    for (size_t i = 0; i < shape.size(); ++i) shape[i] = sample(range.min[i], range.max[i], random);
  }
  return shapes;
}

bool is_dynamic(const Profile& profile) {
  for (const auto& [name, range] : profile)
    if (range.min != range.max) return true;
  return false;
}

}  // namespace

Result<> cover_profile(const Profile& profile, const Target& target, const Choices& choices,
                       const PlanOptions& options, EngineData& engine) {
  if (!is_dynamic(profile)) return {};
  auto& gpu = static_cast<CudaDevice&>(*target.device);
  auto carrying = gpu.carrying(program_keys(engine.binaries, gpu.target()));
  const Evaluator evaluate = reference_evaluator();
  const size_t before = engine.binaries.size();
  std::mt19937 random(1);
  for (int i = 0; i < kSamples; ++i) {
    const InputShapes shapes = sample(profile, random);
    PlanOptions carried = options;
    carried.device = carrying.get();
    if (specialise(engine.portable, shapes, *carrying, &choices, evaluate, carried)) continue;
    auto plan = specialise(engine.portable, shapes, gpu, &choices, evaluate, options);
    if (!plan) continue;  // a shape that the network itself does not take
    HONE_TRY(
        add_binaries({std::make_shared<const Plan>(std::move(*plan))}, target, options.thread_count, engine));
    carrying = gpu.carrying(program_keys(engine.binaries, gpu.target()));
  }
  log_verbose(fmt::format("{}: {} more programs for shapes in between", gpu.target(),
                          engine.binaries.size() - before));
  return {};
}

}  // namespace hone
