#include <cstring>
#include <new>

#include "engine/engine_data.h"

namespace hone {

// Kernels read packed weights with aligned vector loads, and may load a whole vector at the end.
struct PackStore::Aligned {
  static constexpr std::align_val_t kAlignment{64};
  static constexpr size_t kSlack = 64;

  explicit Aligned(const std::vector<std::byte>& bytes)
      : data(static_cast<std::byte*>(::operator new(bytes.size() + kSlack, kAlignment))) {
    if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
    std::memset(data + bytes.size(), 0, kSlack);
  }
  ~Aligned() { ::operator delete(data, kAlignment); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;

  std::byte* data;
};

void PackStore::add_mapped(uint64_t key, std::span<const std::byte> bytes) {
  const std::scoped_lock lock(mutex_);
  found_.emplace(key, bytes);
}

std::optional<std::span<const std::byte>> PackStore::find(uint64_t key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = found_.find(key);
  if (found == found_.end()) return std::nullopt;
  return found->second;
}

std::span<const std::byte> PackStore::add(uint64_t key, std::vector<std::byte> bytes) {
  if (const auto known = find(key)) return *known;
  // Copied outside the lock: another thread may have been faster, then its bytes are kept.
  auto aligned = std::make_shared<Aligned>(bytes);
  const std::span<const std::byte> view(aligned->data, bytes.size());
  const std::scoped_lock lock(mutex_);
  const auto [found, is_new] = found_.emplace(key, view);
  if (is_new) {
    owned_.push_back(std::move(aligned));
    made_bytes_ += bytes.size();
  }
  return found->second;
}

std::vector<uint64_t> PackStore::keys() const {
  const std::scoped_lock lock(mutex_);
  std::vector<uint64_t> keys;
  keys.reserve(found_.size());
  for (const auto& [key, bytes] : found_) keys.push_back(key);
  return keys;
}

size_t PackStore::made_bytes() const {
  const std::scoped_lock lock(mutex_);
  return made_bytes_;
}

}  // namespace hone
