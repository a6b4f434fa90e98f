// The door to NVIDIA GPUs.
#pragma once

#include <memory>

#include "device/device.h"

namespace hone {

// Always an error for now: it says what is missing on this machine and in this build.
Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal);

}  // namespace hone
