// What an engine is built for: devices that are here, and chips that are not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine_data.h"
#include "hone/build.h"
#include "plan/plan.h"

namespace hone {

struct Target {
  std::shared_ptr<Device> device;
  std::string precision;  // what its kernels compute in: "f32", "f16", "bf16"
  DType compute = DType::f32;
};

// "cpu", "cuda:0", "sm_86": a chip is the GPU that is here if it is of that kind, else one without the card.
// Notes of what cannot be had go into the report.
Result<std::vector<Target>> open_targets(const BuildOptions& options, size_t thread_count,
                                         BuildReport& report);

// Behind targets that are GPUs, "ptx", unless the options forbid it.
void add_portable_target(const BuildOptions& options, std::vector<Target>& targets);
bool is_portable(const Target& target);

// The machine code of every kernel of the plans, and of what a detector puts around them, compiled on all
// cores where it is not known yet.
Result<> add_binaries(const std::vector<std::shared_ptr<const Plan>>& plans, const Target& target,
                      size_t thread_count, EngineData& engine);

}  // namespace hone
