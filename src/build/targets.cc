#include "build/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>

#include "base/cpu_features.h"
#include "device/cuda/cuda_device.h"
#include "engine/detection_programs.h"
#include "tactics/node_options.h"

namespace hone {
namespace {

constexpr const char* kPtx = "ptx";

bool allows(const BuildOptions& options, std::string_view precision) {
  return std::ranges::find(options.precisions, precision) != options.precisions.end();
}

// The least precise that is allowed, since it is the fastest.
std::string gpu_precision(const BuildOptions& options) {
  for (const char* precision : {"f16", "bf16"})
    if (allows(options, precision)) return precision;
  return "f32";
}

std::vector<std::string> target_names(const BuildOptions& options) {
  if (!options.targets.empty()) return options.targets;
  // Half precision is wanted for a GPU, if there is one.
  if (gpu_precision(options) != "f32")
    if (const auto devices = cuda_devices(); devices && !devices->empty()) return {"cuda:0"};
  return {"cpu"};
}

Result<std::shared_ptr<Device>> open_target(const std::string& name, size_t thread_count) {
  if (name == kPtx) return make_portable_cuda_target();
  if (!name.starts_with("sm_")) return open_device(name, thread_count);
  int capability = 0;
  const auto [end, failure] = std::from_chars(name.data() + 3, name.data() + name.size(), capability);
  if (failure != std::errc() || (end != name.data() + name.size() && name != "sm_90a"))
    return error(
        StatusCode::invalid_argument,
        fmt::format(
            "target {} is unknown; cpu, cuda:0, sm_80, sm_86, sm_87, sm_89, sm_90 and ptx are targets",
            name));
  if (const auto devices = cuda_devices())
    for (size_t i = 0; i < devices->size(); ++i)
      if ((*devices)[i].capability == capability) return open_cuda_device(i);
  return make_cuda_target(capability);
}

}  // namespace

Result<std::vector<Target>> open_targets(const BuildOptions& options, size_t thread_count,
                                         BuildReport& report) {
  for (const auto& precision : options.precisions)
    if (precision != "f32" && precision != "f16" && precision != "bf16" && precision != "tf32")
      return error(StatusCode::unsupported,
                   "precision '" + precision + "' is not available in this hone: use f32, f16 or bf16");
  std::vector<Target> targets;
  for (const std::string& name : target_names(options)) {
    auto device = open_target(name, thread_count);
    if (!device) return error_in("target '" + name + "'", device);
    Target target{.device = std::move(*device), .precision = "f32"};
    if (target.device->kind() == DeviceKind::cuda) {
      target.precision = gpu_precision(options);
      target.compute = target.precision == "f16"    ? DType::f16
                       : target.precision == "bf16" ? DType::bf16
                                                    : DType::f32;
    } else if (allows(options, "bf16") && cpu_features().avx512_bf16) {
      target.precision = "bf16";
      target.compute = DType::bf16;
    } else {
      for (const auto& precision : options.precisions)
        if (precision != "f32")
          report.notes.push_back(precision +
                                 " was allowed, but this CPU has no fast arithmetic in it: f32 is used");
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

void add_portable_target(const BuildOptions& options, std::vector<Target>& targets) {
  const auto gpu =
      std::ranges::find_if(targets, [](const Target& t) { return t.device->kind() == DeviceKind::cuda; });
  if (!options.carry_ptx || gpu == targets.end() || std::ranges::any_of(targets, is_portable)) return;
  targets.push_back(
      {.device = make_portable_cuda_target(), .precision = gpu->precision, .compute = gpu->compute});
}

bool is_portable(const Target& target) {
  return target.device->kind() == DeviceKind::cuda &&
         static_cast<const CudaDevice&>(*target.device).target() == cuda::kPortableTarget;
}

namespace {

// Shapes of the profile may want copies where those that were planned had views: as many programs as the
// plans have types.
Result<> add_copies(const std::vector<std::shared_ptr<const Plan>>& plans, CudaDevice& gpu,
                    size_t thread_count, std::unordered_map<uint64_t, cuda::Program>& programs) {
  static const Op identity = Unary{};
  std::set<DType> types;
  for (const auto& plan : plans)
    for (const Step& step : plan->steps)
      for (const TensorDesc& desc : step.output_descs) types.insert(desc.type);
  KernelRows rows(&gpu);
  const ConstantPtr no_constant;
  for (const DType type : types)
    for (const Layout layout : {Layout::plain, Layout::nhwc}) {
      TensorDesc desc(type, {1, 8, 4, 4});
      desc.layout = layout;
      Verdict verdict;
      const Kernel* kernel = copy_kernel(desc, desc, thread_count, rows, &verdict);
      if (kernel == nullptr) continue;
      HONE_ASSIGN(const auto wanted, kernel->programs({.op = identity,
                                                       .inputs = {&desc, 1},
                                                       .outputs = {&desc, 1},
                                                       .constants = {&no_constant, 1},
                                                       .thread_count = thread_count,
                                                       .device = &gpu}));
      for (const cuda::Program& program : wanted) programs.emplace(program.key(), program);
    }
  return {};
}

}  // namespace

Result<> add_binaries(const std::vector<std::shared_ptr<const Plan>>& plans, const Target& target,
                      size_t thread_count, EngineData& engine) {
  if (target.device->kind() != DeviceKind::cuda) return {};
  auto& gpu = static_cast<CudaDevice&>(*target.device);
  std::unordered_map<uint64_t, cuda::Program> programs;
  for (const auto& plan : plans)
    for (size_t s = 0; s < plan->steps.size(); ++s) {
      HONE_ASSIGN(const auto wanted,
                  plan->steps[s].kernel->programs(problem_of(*plan, s, thread_count, &gpu)));
      for (const cuda::Program& program : wanted) programs.emplace(program.key(), program);
    }
  HONE_TRY(add_copies(plans, gpu, thread_count, programs));
  HONE_ASSIGN(const auto around, detection_programs(engine.inputs, engine.outputs, gpu));
  for (const cuda::Program& program : around) programs.emplace(program.key(), program);
  std::erase_if(programs, [&](const auto& entry) {
    return std::ranges::any_of(engine.binaries, [&](const ProgramBinary& b) {
      return b.key == entry.first && b.target == gpu.target();
    });
  });
  std::vector<std::pair<uint64_t, const cuda::Program*>> list;
  for (const auto& [key, program] : programs) list.emplace_back(key, &program);
  std::ranges::sort(list, {}, &std::pair<uint64_t, const cuda::Program*>::first);
  std::vector<Result<cuda::Binary>> made(list.size());
  ThreadPool(thread_count).run(list.size(), [&](size_t i) { made[i] = gpu.binary(*list[i].second); });
  for (size_t i = 0; i < list.size(); ++i) {
    HONE_TRY(made[i]);
    engine.binaries.push_back({.key = list[i].first,
                               .target = gpu.target(),
                               .nvrtc_version = made[i]->nvrtc_version,
                               .owner = made[i]->owner,
                               .code = made[i]->code});
  }
  return {};
}

}  // namespace hone
