#include "build/occupancy.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "kernels/cuda/resources.h"

namespace hone {
namespace {

// Addresses that nobody follows, so far apart that no tensors meet.
constexpr uintptr_t kArena = uintptr_t{1} << 44, kPorts = uintptr_t{1} << 45, kApart = uintptr_t{1} << 36;

TensorArg argument(const Operand& o, const TensorDesc& desc) {
  uintptr_t base = 0;
  switch (o.place) {
    case Operand::Place::none:
    case Operand::Place::packed:
      return {.data = nullptr, .desc = &desc, .image_stride = o.image_stride};
    case Operand::Place::arena:
      base = kArena;
      break;
    case Operand::Place::input:
    case Operand::Place::output:
    case Operand::Place::constant:
      base = kPorts + (static_cast<uintptr_t>(o.place) * 256 + o.index) * kApart;
      break;
  }
  return {
      .data = reinterpret_cast<void*>(base + o.offset_bytes), .desc = &desc, .image_stride = o.image_stride};
}

// Sizes of the plan's packed weights; what they hold does not matter here.
Result<std::vector<std::vector<std::byte>>> packs_of(const Plan& plan, Device& device, ThreadPool& threads) {
  std::vector<std::vector<std::byte>> packs(plan.packed.size());
  std::vector<Result<>> done(plan.packed.size());
  threads.run(plan.packed.size(), [&](size_t i) {
    const size_t step = plan.packed[i].step;
    auto packed = plan.steps[step].kernel->pack(problem_of(plan, step, threads.thread_count(), &device));
    if (packed)
      packs[i] = std::move(*packed);
    else
      done[i] = error_in(plan.steps[step].name, packed);
  });
  for (Result<>& result : done) HONE_TRY(std::move(result));
  return packs;
}

Result<std::vector<cuda::RecordedLaunch>> launches_of(const Plan& plan, size_t s, CudaDevice& recorder,
                                                      std::span<const std::byte> packed,
                                                      size_t thread_count) {
  const Step& step = plan.steps[s];
  HONE_ASSIGN(const auto runner, step.kernel->prepare(problem_of(plan, s, thread_count, &recorder), packed));
  std::vector<TensorArg> inputs, outputs;
  for (size_t i = 0; i < step.inputs.size(); ++i)
    inputs.push_back(argument(step.inputs[i], step.input_descs[i]));
  for (size_t i = 0; i < step.outputs.size(); ++i)
    outputs.push_back(argument(step.outputs[i], step.output_descs[i]));
  runner->run({.inputs = inputs,
               .outputs = outputs,
               .workspace = reinterpret_cast<std::byte*>(kArena + step.workspace_offset)});
  return recorder.take_launches();
}

}  // namespace

Result<std::vector<LaunchOccupancy>> expected_occupancy(const Plan& plan, const CudaDevice& device,
                                                        const EngineData& engine, size_t thread_count) {
  std::unordered_map<uint64_t, std::span<const std::byte>> code;
  for (const ProgramBinary& binary : engine.binaries)
    if (binary.target == device.target()) code.emplace(binary.key, binary.code);
  const auto recorder = device.recording();
  ThreadPool threads(thread_count);
  HONE_ASSIGN(const auto packs, packs_of(plan, *recorder, threads));
  std::vector<LaunchOccupancy> all;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    if (step.kernel->device() != DeviceKind::cuda) continue;
    const std::span<const std::byte> packed =
        step.packed >= 0 ? packs[static_cast<size_t>(step.packed)] : std::span<const std::byte>{};
    auto launches = launches_of(plan, s, *recorder, packed, thread_count);
    if (!launches) return error_in(step.name, launches);
    for (const cuda::RecordedLaunch& launch : *launches) {
      const auto found = code.find(launch.program);
      if (found == code.end())
        return error(StatusCode::internal, fmt::format("{}: no machine code of {}", step.name, launch.entry));
      HONE_ASSIGN(const KernelResources used, kernel_resources(found->second, launch.entry));
      const auto& [grid, block, dynamic, cluster, dependent] = launch.shape;
      LaunchOccupancy o{.step = s,
                        .entry = launch.entry,
                        .registers = used.registers,
                        .shared_bytes = used.static_shared_bytes + dynamic,
                        .threads = block[0] * block[1] * block[2],
                        .blocks = uint64_t{grid[0]} * grid[1] * grid[2]};
      o.blocks_per_multiprocessor = blocks_per_multiprocessor(*device.gpu(), used, o.threads, dynamic);
      o.occupancy =
          static_cast<double>(o.blocks_per_multiprocessor * static_cast<int>((o.threads + 31) / 32)) /
          most_warps(device.gpu()->capability);
      all.push_back(std::move(o));
    }
  }
  return all;
}

std::string occupancy_summary(const Plan& plan, const CudaDevice& device,
                              const std::vector<LaunchOccupancy>& launches) {
  if (launches.empty()) return {};
  std::vector<double> sorted;
  const LaunchOccupancy* least = &launches[0];
  size_t unfilled = 0;
  for (const LaunchOccupancy& o : launches) {
    sorted.push_back(o.occupancy);
    if (o.occupancy < least->occupancy) least = &o;
    const auto at_once = static_cast<uint64_t>(o.blocks_per_multiprocessor) *
                         static_cast<uint64_t>(device.gpu()->multiprocessors);
    if (o.blocks < at_once) ++unfilled;
  }
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2));
  return fmt::format(
      "{}: expected occupancy of {} launches: median {:.0f} %, least {:.0f} % ({} by {}); {} have fewer "
      "blocks "
      "than its {} multiprocessors hold at once",
      device.fingerprint(), launches.size(), 100 * sorted[sorted.size() / 2], 100 * least->occupancy,
      plan.steps[least->step].name, plan.steps[least->step].kernel->name(), unfilled,
      device.gpu()->multiprocessors);
}

std::string occupancy_table(const Plan& plan, const std::vector<LaunchOccupancy>& launches) {
  std::string text = fmt::format("{:<44} {:<32} {:>9} {:>9} {:>7} {:>8} {:>9} {:>9}", "layer", "kernel",
                                 "registers", "shared", "threads", "blocks", "at once", "occupancy");
  for (const LaunchOccupancy& o : launches)
    text += fmt::format("\n{:<44} {:<32} {:>9} {:>9} {:>7} {:>8} {:>9} {:>8.0f}%", plan.steps[o.step].name,
                        plan.steps[o.step].kernel->name(), o.registers, o.shared_bytes, o.threads, o.blocks,
                        o.blocks_per_multiprocessor, 100 * o.occupancy);
  return text;
}

}  // namespace hone
