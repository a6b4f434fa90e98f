// What kernels take of a chip, here or not, from their machine code and from what they would launch.
#pragma once

#include <string>
#include <vector>

#include "device/cuda/cuda_device.h"
#include "engine/engine_data.h"
#include "plan/plan.h"

namespace hone {

struct LaunchOccupancy {
  size_t step = 0;  // of the plan
  std::string entry;
  uint32_t registers = 0;     // a thread
  uint64_t shared_bytes = 0;  // a block
  unsigned threads = 0;       // a block
  uint64_t blocks = 0;
  int blocks_per_multiprocessor = 0;
  double occupancy = 0;  // warps that a multiprocessor holds at once, of the most that it can
};
// Every launch of the plan, in order. The engine holds the code for the device's target.
Result<std::vector<LaunchOccupancy>> expected_occupancy(const Plan& plan, const CudaDevice& device,
                                                        const EngineData& engine, size_t thread_count);
// The line of the report: how full the chip gets, and the least.
std::string occupancy_summary(const Plan& plan, const CudaDevice& device,
                              const std::vector<LaunchOccupancy>& launches);
// A line a launch.
std::string occupancy_table(const Plan& plan, const std::vector<LaunchOccupancy>& launches);

}  // namespace hone
