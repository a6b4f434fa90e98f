// A device that has no memory and computes nothing: it counts what a plan would ask for.
#include <fmt/format.h>

#include <atomic>
#include <limits>

#include "device/device.h"

namespace hone {
namespace {

struct Account {
  std::atomic<size_t> now{0}, peak{0}, next_address{size_t{1} << 20};

  void add(size_t bytes) {
    const size_t total = now.fetch_add(bytes) + bytes;
    size_t seen = peak.load();
    while (seen < total && !peak.compare_exchange_weak(seen, total)) {
    }
  }
};

// Has an address that looks like one (aligned, apart from all others) and must never be followed.
class NullBuffer final : public DeviceBuffer {
 public:
  NullBuffer(size_t size_bytes, std::shared_ptr<Account> account)
      : size_bytes_(size_bytes), account_(std::move(account)) {
    address_ = account_->next_address.fetch_add((size_bytes / 256 + 1) * 256);
    account_->add(size_bytes_);
  }
  ~NullBuffer() override { account_->now.fetch_sub(size_bytes_); }
  NullBuffer(const NullBuffer&) = delete;
  NullBuffer& operator=(const NullBuffer&) = delete;
  void* address() const override { return reinterpret_cast<void*>(address_); }
  size_t size_bytes() const override { return size_bytes_; }

 private:
  size_t address_ = 0, size_bytes_ = 0;
  std::shared_ptr<Account> account_;
};

class NullDevice final : public Device {
 public:
  DeviceKind kind() const override { return DeviceKind::null; }
  std::string name() const override { return "null"; }
  std::string fingerprint() const override { return "null"; }

  Result<std::shared_ptr<DeviceBuffer>> allocate(size_t size_bytes) override {
    if (size_bytes > std::numeric_limits<size_t>::max() / 2)
      return error(StatusCode::resource, fmt::format("null: {} bytes cannot be had", size_bytes));
    return std::make_shared<NullBuffer>(size_bytes, account_);
  }
  Result<> copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) override {
    return check("copy_in", offset, source.size(), target);
  }
  Result<> copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) override {
    return check("copy_out", offset, target.size(), source);
  }
  Result<> fill(DeviceBuffer&, std::byte) override { return {}; }
  Result<> synchronize() override { return {}; }
  size_t allocated_bytes() const override { return account_->now; }
  size_t peak_allocated_bytes() const override { return account_->peak; }

 private:
  static Result<> check(const char* what, size_t offset, size_t count, const DeviceBuffer& buffer) {
    if (offset <= buffer.size_bytes() && count <= buffer.size_bytes() - offset) return {};
    return error(StatusCode::invalid_argument,
                 fmt::format("null: {} of {} bytes at {} leaves a buffer of {} bytes", what, count, offset,
                             buffer.size_bytes()));
  }

  std::shared_ptr<Account> account_ = std::make_shared<Account>();
};

}  // namespace

std::shared_ptr<Device> make_null_device() { return std::make_shared<NullDevice>(); }

}  // namespace hone
