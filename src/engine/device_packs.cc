#include "engine/device_packs.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 256;
size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Result<std::vector<std::span<const std::byte>>> DevicePacks::get(Device& device,
                                                                 std::span<const Wanted> wanted) {
  const std::scoped_lock lock(mutex_);
  auto& known = by_device_[device.name()];
  size_t total = 0;
  std::vector<const Wanted*> missing;
  std::unordered_map<uint64_t, size_t> offsets;
  for (const Wanted& want : wanted) {
    if (known.contains(want.key) || !offsets.emplace(want.key, total).second) continue;
    missing.push_back(&want);
    total += rounded(want.bytes.size());
  }
  if (!missing.empty()) {
    HONE_ASSIGN(auto buffer, device.allocate(total));
    for (const Wanted* want : missing) HONE_TRY(device.copy_in(*buffer, offsets[want->key], want->bytes));
    for (const Wanted* want : missing)
      known.emplace(want->key,
                    std::span(static_cast<const std::byte*>(buffer->address()) + offsets[want->key],
                              want->bytes.size()));
    buffers_.push_back(std::move(buffer));
  }
  std::vector<std::span<const std::byte>> places;
  for (const Wanted& want : wanted) places.push_back(known.at(want.key));
  return places;
}

size_t DevicePacks::bytes() const {
  const std::scoped_lock lock(mutex_);
  size_t bytes = 0;
  for (const auto& buffer : buffers_) bytes += buffer->size_bytes();
  return bytes;
}

}  // namespace hone
