// What CudaDevice::recording() keeps.
#pragma once

#include <memory>
#include <vector>

#include "device/cuda/cuda_device.h"

namespace hone {

struct CudaDevice::Notes {
  std::vector<cuda::RecordedLaunch> programs, launches;

  static std::shared_ptr<DeviceBuffer> allocate(size_t size_bytes);
  cuda::Function function_of(const cuda::Program& program);
  void launch(cuda::Function function, const cuda::LaunchShape& shape);
};

}  // namespace hone
