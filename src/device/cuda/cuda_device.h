// The door to NVIDIA GPUs.
#pragma once

#include <memory>
#include <vector>

#include "device/device.h"

namespace hone {

// What the driver says of a GPU.
struct CudaProperties {
  std::string name;    // "NVIDIA H200"
  int capability = 0;  // 90 for sm_90
  int multiprocessors = 0;
  size_t memory_bytes = 0, l2_bytes = 0, shared_per_block_bytes = 0;
  int clock_khz = 0, memory_clock_khz = 0, memory_bus_bits = 0;
};

// An error says what is missing: the driver, or a GPU of that number.
Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal);
// Every GPU the driver shows.
Result<std::vector<CudaProperties>> cuda_devices();

}  // namespace hone
