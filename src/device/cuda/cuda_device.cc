#include "device/cuda/cuda_device.h"

#include <fmt/format.h>

#include <array>
#include <atomic>

#include "device/cuda/driver.h"

namespace hone {
namespace {

using cuda::Driver;

// The primary context, current on this thread for as long as this lives; contexts of other libraries stay as
// they were.
class Current {
 public:
  Current(const Driver& driver, cuda::Context context)
      : driver_(driver), pushed_(driver.context_push(context) == cuda::kSuccess) {}
  ~Current() {
    cuda::Context ignored = nullptr;
    if (pushed_) driver_.context_pop(&ignored);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
  bool pushed_;
};

// What buffers share with their device, which they may outlive.
struct Shared {
  const Driver* driver = nullptr;
  cuda::DeviceOrdinal ordinal = 0;
  cuda::Context context = nullptr;
  std::atomic<size_t> now{0}, peak{0};

  ~Shared() {
    if (context) driver->context_release(ordinal);
  }
};

class CudaBuffer final : public DeviceBuffer {
 public:
  CudaBuffer(std::shared_ptr<Shared> shared, cuda::Address address, size_t size_bytes)
      : shared_(std::move(shared)), address_(address), size_bytes_(size_bytes) {
    const size_t total = shared_->now.fetch_add(size_bytes_) + size_bytes_;
    size_t seen = shared_->peak.load();
    while (seen < total && !shared_->peak.compare_exchange_weak(seen, total)) {
    }
  }
  ~CudaBuffer() override {
    const Current current(*shared_->driver, shared_->context);
    shared_->driver->memory_free(address_);
    shared_->now.fetch_sub(size_bytes_);
  }
  void* address() const override { return reinterpret_cast<void*>(address_); }
  size_t size_bytes() const override { return size_bytes_; }

 private:
  std::shared_ptr<Shared> shared_;
  cuda::Address address_;
  size_t size_bytes_;
};

Result<CudaProperties> read_properties(const Driver& d, cuda::DeviceOrdinal device) {
  CudaProperties p;
  std::array<char, 256> name{};
  HONE_TRY(d.check(d.device_name(name.data(), static_cast<int>(name.size()) - 1, device), "cuDeviceGetName"));
  p.name = name.data();
  HONE_TRY(d.check(d.device_total_memory(&p.memory_bytes, device), "cuDeviceTotalMem"));
  const auto attribute = [&](int which) {
    int value = 0;
    return d.device_attribute(&value, which, device) == cuda::kSuccess ? value : 0;
  };
  p.capability = attribute(cuda::kCapabilityMajor) * 10 + attribute(cuda::kCapabilityMinor);
  p.multiprocessors = attribute(cuda::kMultiprocessorCount);
  p.l2_bytes = static_cast<size_t>(attribute(cuda::kL2Bytes));
  p.shared_per_block_bytes = static_cast<size_t>(attribute(cuda::kMaxSharedPerBlockOptin));
  p.clock_khz = attribute(cuda::kClockKhz);
  p.memory_clock_khz = attribute(cuda::kMemoryClockKhz);
  p.memory_bus_bits = attribute(cuda::kMemoryBusBits);
  return p;
}

class CudaDevice final : public Device {
 public:
  CudaDevice(std::shared_ptr<Shared> shared, CudaProperties properties)
      : shared_(std::move(shared)), properties_(std::move(properties)) {}

  DeviceKind kind() const override { return DeviceKind::cuda; }
  std::string name() const override { return fmt::format("cuda:{}", shared_->ordinal); }
  std::string fingerprint() const override {
    return fmt::format("cuda/sm_{}/{}/driver {}", properties_.capability, properties_.name,
                       cuda::version_text(shared_->driver->version));
  }

  Result<std::shared_ptr<DeviceBuffer>> allocate(size_t size_bytes) override {
    const Current current(driver(), shared_->context);
    cuda::Address address = 0;
    // A buffer of nothing has an address of its own all the same.
    HONE_TRY(
        driver().check(driver().memory_allocate(&address, size_bytes == 0 ? 1 : size_bytes),
                       fmt::format("{}: {} bytes of memory cannot be had: cuMemAlloc", name(), size_bytes)));
    return std::make_shared<CudaBuffer>(shared_, address, size_bytes);
  }
  Result<> copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) override {
    HONE_TRY(inside("copy_in", offset, source.size(), target));
    if (source.empty()) return {};
    const Current current(driver(), shared_->context);
    return driver().check(driver().copy_to_device(address_of(target) + offset, source.data(), source.size()),
                          "cuMemcpyHtoD");
  }
  Result<> copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) override {
    HONE_TRY(inside("copy_out", offset, target.size(), source));
    if (target.empty()) return {};
    const Current current(driver(), shared_->context);
    return driver().check(driver().copy_to_host(target.data(), address_of(source) + offset, target.size()),
                          "cuMemcpyDtoH");
  }
  Result<> fill(DeviceBuffer& target, std::byte value) override {
    if (target.size_bytes() == 0) return {};
    const Current current(driver(), shared_->context);
    return driver().check(
        driver().fill_bytes(address_of(target), std::to_integer<unsigned char>(value), target.size_bytes()),
        "cuMemsetD8");
  }
  Result<> synchronize() override {
    const Current current(driver(), shared_->context);
    return driver().check(driver().context_synchronize(), "cuCtxSynchronize");
  }
  size_t allocated_bytes() const override { return shared_->now; }
  size_t peak_allocated_bytes() const override { return shared_->peak; }

 private:
  const Driver& driver() const { return *shared_->driver; }
  static cuda::Address address_of(const DeviceBuffer& buffer) {
    return reinterpret_cast<cuda::Address>(buffer.address());
  }
  Result<> inside(const char* what, size_t offset, size_t count, const DeviceBuffer& buffer) const {
    if (offset <= buffer.size_bytes() && count <= buffer.size_bytes() - offset) return {};
    return error(StatusCode::invalid_argument,
                 fmt::format("{}: {} of {} bytes at {} leaves a buffer of {} bytes", name(), what, count,
                             offset, buffer.size_bytes()));
  }

  std::shared_ptr<Shared> shared_;
  CudaProperties properties_;
};

}  // namespace

Result<std::vector<CudaProperties>> cuda_devices() {
  HONE_ASSIGN(const Driver* d, cuda::driver());
  int count = 0;
  HONE_TRY(d->check(d->device_count(&count), "cuDeviceGetCount"));
  std::vector<CudaProperties> devices;
  for (int i = 0; i < count; ++i) {
    cuda::DeviceOrdinal device = 0;
    HONE_TRY(d->check(d->device_get(&device, i), "cuDeviceGet"));
    HONE_ASSIGN(CudaProperties properties, read_properties(*d, device));
    devices.push_back(std::move(properties));
  }
  return devices;
}

Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal) {
  auto opened = cuda::driver();
  if (!opened) return error_in(fmt::format("device cuda:{}", ordinal), opened);
  const Driver& d = **opened;
  int count = 0;
  HONE_TRY(d.check(d.device_count(&count), "cuDeviceGetCount"));
  if (ordinal >= static_cast<size_t>(count))
    return error(StatusCode::not_found,
                 fmt::format("device cuda:{} is not there: the driver shows {} GPUs", ordinal, count));
  auto shared = std::make_shared<Shared>();
  shared->driver = &d;
  HONE_TRY(d.check(d.device_get(&shared->ordinal, static_cast<int>(ordinal)), "cuDeviceGet"));
  HONE_ASSIGN(CudaProperties properties, read_properties(d, shared->ordinal));
  HONE_TRY(d.check(d.context_retain(&shared->context, shared->ordinal), "cuDevicePrimaryCtxRetain"));
  return std::make_shared<CudaDevice>(std::move(shared), std::move(properties));
}

}  // namespace hone
