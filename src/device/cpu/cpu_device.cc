// Host memory.
#include <fmt/format.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>

#include "base/cpu_features.h"
#include "device/device.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 256;
// Blocks of this size and more come straight from the kernel, aligned to huge pages: an arena then costs few
// TLB entries, and its pages go back to the system when it is freed (malloc would keep them, and tuning would
// look as if it needed more memory than it does).
constexpr size_t kMapFrom = size_t{2} << 20;
constexpr size_t kHugePage = size_t{2} << 20;

// Bytes handed out, shared with the buffers, since a buffer may outlive its device.
struct Account {
  std::atomic<size_t> now{0}, peak{0};

  void add(size_t bytes) {
    const size_t total = now.fetch_add(bytes) + bytes;
    size_t seen = peak.load();
    while (seen < total && !peak.compare_exchange_weak(seen, total)) {
    }
  }
};

class HostBuffer final : public DeviceBuffer {
 public:
  static std::shared_ptr<HostBuffer> make(size_t size_bytes, std::shared_ptr<Account> account) {
    auto buffer = std::shared_ptr<HostBuffer>(new HostBuffer(size_bytes, std::move(account)));
    return buffer->address_ != nullptr ? buffer : nullptr;
  }
  ~HostBuffer() override {
    if (address_ == nullptr) return;
    if (mapped_bytes_ != 0)
      munmap(mapped_, mapped_bytes_);
    else
      std::free(address_);
    account_->now.fetch_sub(size_bytes_);
  }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  void* address() const override { return address_; }
  size_t size_bytes() const override { return size_bytes_; }

 private:
  HostBuffer(size_t size_bytes, std::shared_ptr<Account> account)
      : size_bytes_(size_bytes), account_(std::move(account)) {
    if (size_bytes >= kMapFrom)
      map();
    else
      address_ = std::aligned_alloc(kAlignment, (size_bytes / kAlignment + 1) * kAlignment);
    if (address_ != nullptr) account_->add(size_bytes_);
  }

  void map() {
    mapped_bytes_ = size_bytes_ + kHugePage;
    mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped_ == MAP_FAILED) return;
    const auto begin = reinterpret_cast<uintptr_t>(mapped_);
    address_ = reinterpret_cast<void*>((begin + kHugePage - 1) / kHugePage * kHugePage);
    // Only a wish: without huge pages everything works, a little slower. The tail stays in small pages, so
    // that no more memory is used than was asked for.
    madvise(address_, size_bytes_ / kHugePage * kHugePage, MADV_HUGEPAGE);
  }

  void* address_ = nullptr;
  size_t size_bytes_ = 0;
  void* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  std::shared_ptr<Account> account_;
};

// True when [offset, offset + count) lies in a buffer of that size.
bool inside(size_t offset, size_t count, size_t size) { return offset <= size && count <= size - offset; }

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(size_t thread_count)
      : thread_count_(thread_count == 0 ? usable_cores() : thread_count) {}

  DeviceKind kind() const override { return DeviceKind::cpu; }
  std::string name() const override { return "cpu"; }
  std::string fingerprint() const override {
    const CpuFeatures& features = cpu_features();
    return fmt::format("cpu/{}/{}/t{}", isa_name(features), features.model, thread_count_);
  }

  Result<std::shared_ptr<DeviceBuffer>> allocate(size_t size_bytes) override {
    if (size_bytes > std::numeric_limits<size_t>::max() / 2)
      return error(StatusCode::resource, fmt::format("cpu: {} bytes of memory cannot be had", size_bytes));
    std::shared_ptr<DeviceBuffer> buffer = HostBuffer::make(size_bytes, account_);
    if (buffer == nullptr)
      return error(StatusCode::resource,
                   fmt::format("cpu: {} bytes of memory cannot be had: the system refused", size_bytes));
    return buffer;
  }
  Result<> copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) override {
    if (!inside(offset, source.size(), target.size_bytes()))
      return out_of_bounds("copy_in", offset, source.size(), target);
    if (!source.empty())
      std::memcpy(static_cast<std::byte*>(target.address()) + offset, source.data(), source.size());
    return {};
  }
  Result<> copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) override {
    if (!inside(offset, target.size(), source.size_bytes()))
      return out_of_bounds("copy_out", offset, target.size(), source);
    if (!target.empty())
      std::memcpy(target.data(), static_cast<const std::byte*>(source.address()) + offset, target.size());
    return {};
  }
  Result<> fill(DeviceBuffer& target, std::byte value) override {
    std::memset(target.address(), std::to_integer<int>(value), target.size_bytes());
    return {};
  }
  Result<> synchronize() override { return {}; }
  size_t allocated_bytes() const override { return account_->now; }
  size_t peak_allocated_bytes() const override { return account_->peak; }

 private:
  static std::unexpected<Status> out_of_bounds(const char* what, size_t offset, size_t count,
                                               const DeviceBuffer& buffer) {
    return error(StatusCode::invalid_argument,
                 fmt::format("cpu: {} of {} bytes at {} leaves a buffer of {} bytes", what, count, offset,
                             buffer.size_bytes()));
  }

  size_t thread_count_;
  std::shared_ptr<Account> account_ = std::make_shared<Account>();
};

}  // namespace

std::shared_ptr<Device> make_cpu_device(size_t thread_count) {
  return std::make_shared<CpuDevice>(thread_count);
}

}  // namespace hone
