// Weights in a GPU's memory: uploaded once, shared by all plans and contexts of an engine.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "device/device.h"

namespace hone {

// Thread safe. Addresses are valid as long as the store.
class DevicePacks {
 public:
  struct Wanted {
    uint64_t key = 0;
    std::span<const std::byte> bytes;  // on the host
  };
  // Where each lies on the device; what is new is uploaded, 256-byte aligned, into one allocation.
  Result<std::vector<std::span<const std::byte>>> get(Device& device, std::span<const Wanted> wanted);
  size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::unordered_map<uint64_t, std::span<const std::byte>>> by_device_;
  std::vector<std::shared_ptr<DeviceBuffer>> buffers_;
};

}  // namespace hone
