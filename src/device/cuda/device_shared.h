// What a GPU's buffers, streams and events share with their device, which they may outlive.
#pragma once

#include <atomic>
#include <cstddef>

#include "device/cuda/driver.h"

namespace hone::cuda {

struct DeviceShared {
  const Driver* driver = nullptr;  // null: a target without the card
  DeviceOrdinal ordinal = 0;
  Context context = nullptr;
  Stream copies = nullptr;                        // of copy_in, copy_out and fill
  std::atomic<size_t> now{0}, peak{0}, limit{0};  // limit 0: none

  DeviceShared() = default;
  ~DeviceShared();
  DeviceShared(const DeviceShared&) = delete;
  DeviceShared& operator=(const DeviceShared&) = delete;
};

}  // namespace hone::cuda
