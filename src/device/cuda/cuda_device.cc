#include "device/cuda/cuda_device.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace hone {

Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  const bool has_driver = driver != nullptr;
  if (has_driver) dlclose(driver);
  return error(
      has_driver ? StatusCode::unsupported : StatusCode::not_found,
      fmt::format("device cuda:{}: this build of hone has no CUDA backend yet{}; use device cpu", ordinal,
                  has_driver ? " (the NVIDIA driver is there)"
                             : ", and this machine has no NVIDIA driver (libcuda.so.1)"));
}

}  // namespace hone
