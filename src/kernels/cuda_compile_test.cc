// Every family of CUDA kernels compiles for every target, spills nothing and fits the chip: no GPU is needed,
// NVRTC is. A family is what Program::name names; HONE_TEST_ALL=1 compiles every variant that the parity
// problems ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "base/thread_pool.h"
#include "device/cuda/binary.h"
#include "device/cuda/cuda_device.h"
#include "kernels/cuda/resources.h"
#include "kernels/problems/half_problems.h"

namespace hone {
namespace {

struct Wanted {
  cuda::Program program;
  std::string row;
};

// The programs that rows ask for on this target: one a family and entry, or all.
std::vector<Wanted> wanted_programs(CudaDevice& device) {
  const bool all = std::getenv("HONE_TEST_ALL") != nullptr;
  std::vector<Wanted> wanted;
  std::set<std::string> families;
  std::set<uint64_t> keys;
  std::map<std::string, std::vector<OwnedProblem>, std::less<>> problems;
  for (const Kernel* kernel : all_kernels()) {
    if (kernel->device() != DeviceKind::cuda) continue;
    auto known = problems.find(kernel->op());
    if (known == problems.end())
      known = problems.emplace(std::string(kernel->op()), gpu_problems(kernel->op())).first;
    bool found = false;
    for (const OwnedProblem& owned : known->second) {
      for (const LayoutSignature& signature : kernel->signatures(owned.op, owned.inputs, owned.outputs)) {
        std::vector<TensorDesc> inputs = owned.inputs, outputs = owned.outputs;
        for (size_t i = 0; i < inputs.size(); ++i) inputs[i].layout = signature.inputs[i];
        for (size_t i = 0; i < outputs.size(); ++i) outputs[i].layout = signature.outputs[i];
        const Problem problem{.op = owned.op,
                              .inputs = inputs,
                              .outputs = outputs,
                              .constants = owned.constants,
                              .thread_count = 1,
                              .device = &device};
        if (!kernel->may_i(problem).legal) continue;
        auto made = kernel->programs(problem);
        EXPECT_TRUE(made) << kernel->name() << ": " << made.error().message;
        if (!made) continue;
        found = true;
        for (cuda::Program& program : *made)
          if (all ? keys.insert(program.key()).second
                  : families.insert(program.name + ":" + program.entry).second)
            wanted.push_back({std::move(program), std::string(kernel->name())});
      }
      if (found && !all) break;
    }
  }
  return wanted;
}

// Arguments beyond 10^5 are reduced by a table in local memory, CUDA's own.
bool keeps_a_table(const cuda::Program& program) {
  return std::ranges::any_of(program.options, [](const std::string& option) {
    return option.find("f_sin<") != std::string::npos || option.find("f_cos<") != std::string::npos ||
           option.find("f_tan<") != std::string::npos;
  });
}

class CudaCompile : public testing::TestWithParam<int> {};

TEST_P(CudaCompile, EveryFamilyWithoutSpillsAndWithinTheChipsSharedMemory) {
  auto device = make_cuda_target(GetParam());
  ASSERT_TRUE(device) << device.error().message;
  const std::vector<Wanted> wanted = wanted_programs(**device);
  ASSERT_FALSE(wanted.empty());
  std::mutex mutex;
  bool no_compiler = false;
  size_t spilling = 0;
  ThreadPool threads(0);
  threads.run(wanted.size(), [&](size_t i) {
    const cuda::Program& program = wanted[i].program;
    const auto binary = (*device)->binary(program);
    const std::scoped_lock lock(mutex);
    if (!binary) {
      if (binary.error().message.find("libnvrtc") != std::string::npos)
        no_compiler = true;
      else
        ADD_FAILURE() << wanted[i].row << ": " << binary.error().message;
      return;
    }
    const auto used = kernel_resources(binary->code, program.entry);
    ASSERT_TRUE(used) << program.name << ": " << used.error().message;
    const bool spills = used->stack_bytes > 0 && !keeps_a_table(program);
    if (spills) ++spilling;
    // A variant that spills is no mistake as long as nobody chooses it unmeasured.
    EXPECT_TRUE(!spills || std::getenv("HONE_TEST_ALL") != nullptr)
        << wanted[i].row << " (" << program.name << ") keeps local memory on " << (*device)->target();
    EXPECT_GT(used->registers, 0u) << program.name;
    EXPECT_LE(used->registers, 255u) << program.name;
    EXPECT_LE(used->static_shared_bytes, (*device)->gpu()->shared_per_block_bytes) << program.name;
  });
  std::printf("%zu programs for %s, %zu of them spill\n", wanted.size(), (*device)->target().c_str(),
              spilling);
  if (no_compiler) GTEST_SKIP() << "skipped: NVRTC is not installed";
}

INSTANTIATE_TEST_SUITE_P(Targets, CudaCompile, testing::Values(80, 86, 87, 89, 90),
                         [](const auto& target) { return "sm_" + std::to_string(target.param); });

}  // namespace
}  // namespace hone
