#include "device/cuda/cuda_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "device/cuda/device_shared.h"
#include "device/cuda/notes.h"

namespace hone {

namespace cuda {

Current::Current(const Driver& driver, Context context)
    : driver_(driver), pushed_(driver.context_push(context) == kSuccess) {}
Current::~Current() {
  Context ignored = nullptr;
  if (pushed_) driver_.context_pop(&ignored);
}

DeviceShared::~DeviceShared() {
  if (context == nullptr) return;
  if (copies != nullptr) {
    const Current current(*driver, context);
    driver->stream_destroy(copies);
  }
  driver->context_release(ordinal);
}

}  // namespace cuda

namespace {

using cuda::Current;
using cuda::DeviceShared;
using cuda::Driver;

class CudaBuffer final : public DeviceBuffer {
 public:
  CudaBuffer(std::shared_ptr<DeviceShared> shared, cuda::Address address, size_t size_bytes)
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
  CudaBuffer(const CudaBuffer&) = delete;
  CudaBuffer& operator=(const CudaBuffer&) = delete;
  void* address() const override { return reinterpret_cast<void*>(address_); }
  size_t size_bytes() const override { return size_bytes_; }

 private:
  std::shared_ptr<DeviceShared> shared_;
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
  p.shared_per_multiprocessor_bytes = static_cast<size_t>(attribute(cuda::kMaxSharedPerMultiprocessor));
  p.registers_per_multiprocessor = static_cast<size_t>(attribute(cuda::kRegistersPerMultiprocessor));
  p.clock_khz = attribute(cuda::kClockKhz);
  p.memory_clock_khz = attribute(cuda::kMemoryClockKhz);
  p.memory_bus_bits = attribute(cuda::kMemoryBusBits);
  return p;
}

cuda::Address address_of(const DeviceBuffer& buffer) {
  return reinterpret_cast<cuda::Address>(buffer.address());
}

Result<> inside(const std::string& device, const char* what, size_t offset, size_t count,
                const DeviceBuffer& buffer) {
  if (offset <= buffer.size_bytes() && count <= buffer.size_bytes() - offset) return {};
  return error(StatusCode::invalid_argument,
               fmt::format("{}: {} of {} bytes at {} leaves a buffer of {} bytes", device, what, count,
                           offset, buffer.size_bytes()));
}

std::unexpected<Status> no_card(const CudaDevice& device) {
  return error(StatusCode::unsupported,
               fmt::format("{} is a target without the card: nothing can run on it", device.target()));
}

}  // namespace

std::string CudaDevice::name() const {
  return has_card() ? fmt::format("cuda:{}", shared_->ordinal) : "cuda/" + target_;
}

std::string CudaDevice::fingerprint() const {
  if (target_ == cuda::kPortableTarget) return fmt::format("cuda/{}/{}", target_, properties_.name);
  // Which kernels were allowed is part of what a choice is valid for; the driver is not: it compiles nothing.
  const std::string lesser =
      traits_.capability < properties_.capability ? fmt::format("/kernels sm_{}", traits_.capability) : "";
  return fmt::format("cuda/sm_{}/{}{}{}", properties_.capability, properties_.name,
                     has_card() ? "" : " (expected)", lesser);
}

bool CudaDevice::has_card() const { return shared_->driver != nullptr; }
const Driver& CudaDevice::driver() const { return *shared_->driver; }
cuda::Context CudaDevice::context() const { return shared_->context; }
size_t CudaDevice::allocated_bytes() const { return shared_->now; }
size_t CudaDevice::peak_allocated_bytes() const { return shared_->peak; }
void CudaDevice::set_memory_limit(size_t bytes) { shared_->limit = bytes; }

Result<std::shared_ptr<DeviceBuffer>> CudaDevice::allocate(size_t size_bytes) {
  if (notes_ != nullptr) return Notes::allocate(size_bytes);
  if (!has_card()) return no_card(*this);
  if (const size_t limit = shared_->limit;
      limit != 0 && size_bytes > limit - std::min(limit, shared_->now.load()))
    return error(StatusCode::resource,
                 fmt::format("{}: {} bytes of memory would pass the limit of {}, of which {} are taken",
                             name(), size_bytes, limit, shared_->now.load()));
  const Current current(driver(), context());
  cuda::Address address = 0;
  // A buffer of nothing has an address of its own all the same.
  HONE_TRY(
      driver().check(driver().memory_allocate(&address, size_bytes == 0 ? 1 : size_bytes),
                     fmt::format("{}: {} bytes of memory cannot be had: cuMemAlloc", name(), size_bytes)));
  return std::make_shared<CudaBuffer>(shared_, address, size_bytes);
}

// Synchronous copies of pageable memory return before the bytes have arrived, and other streams do not wait
// for them: hence a stream of its own, and a wait.
Result<> CudaDevice::copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) {
  HONE_TRY(inside(name(), "copy_in", offset, source.size(), target));
  if (source.empty() || notes_ != nullptr) return {};
  const Current current(driver(), context());
  HONE_TRY(driver().check(driver().copy_to_device_async(address_of(target) + offset, source.data(),
                                                        source.size(), shared_->copies),
                          "cuMemcpyHtoDAsync"));
  return driver().check(driver().stream_synchronize(shared_->copies), "cuStreamSynchronize");
}

Result<> CudaDevice::copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) {
  HONE_TRY(inside(name(), "copy_out", offset, target.size(), source));
  if (target.empty()) return {};
  const Current current(driver(), context());
  HONE_TRY(driver().check(
      driver().copy_to_host_async(target.data(), address_of(source) + offset, target.size(), shared_->copies),
      "cuMemcpyDtoHAsync"));
  return driver().check(driver().stream_synchronize(shared_->copies), "cuStreamSynchronize");
}

Result<> CudaDevice::fill(DeviceBuffer& target, std::byte value) {
  if (target.size_bytes() == 0 || notes_ != nullptr) return {};
  const Current current(driver(), context());
  HONE_TRY(driver().check(driver().fill_bytes_async(address_of(target), std::to_integer<unsigned char>(value),
                                                    target.size_bytes(), shared_->copies),
                          "cuMemsetD8Async"));
  return driver().check(driver().stream_synchronize(shared_->copies), "cuStreamSynchronize");
}

Result<> CudaDevice::synchronize() {
  if (!has_card()) return no_card(*this);
  const Current current(driver(), context());
  return driver().check(driver().context_synchronize(), "cuCtxSynchronize");
}

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

namespace {

Result<std::shared_ptr<Device>> make_cuda_device(const Driver& d, size_t ordinal) {
  auto shared = std::make_shared<DeviceShared>();
  shared->driver = &d;
  HONE_TRY(d.check(d.device_get(&shared->ordinal, static_cast<int>(ordinal)), "cuDeviceGet"));
  HONE_ASSIGN(CudaProperties properties, read_properties(d, shared->ordinal));
  HONE_TRY(d.check(d.context_retain(&shared->context, shared->ordinal), "cuDevicePrimaryCtxRetain"));
  const Current current(d, shared->context);
  HONE_TRY(d.check(d.stream_create(&shared->copies, cuda::kStreamNonBlocking), "cuStreamCreate"));
  return std::make_shared<CudaDevice>(std::move(shared), std::move(properties));
}

}  // namespace

Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal) {
  auto opened = cuda::driver();
  if (!opened) return error_in(fmt::format("device cuda:{}", ordinal), opened);
  const Driver& d = **opened;
  int count = 0;
  HONE_TRY(d.check(d.device_count(&count), "cuDeviceGetCount"));
  if (ordinal >= static_cast<size_t>(count))
    return error(StatusCode::not_found,
                 fmt::format("device cuda:{} is not there: the driver shows {} GPUs", ordinal, count));
  static std::mutex mutex;
  static std::map<size_t, std::weak_ptr<Device>> open;
  const std::scoped_lock lock(mutex);
  if (auto known = open[ordinal].lock()) return known;
  HONE_ASSIGN(auto device, make_cuda_device(d, ordinal));
  open[ordinal] = device;
  return device;
}

Result<std::shared_ptr<CudaDevice>> make_cuda_target(int capability) {
  HONE_ASSIGN(CudaProperties properties, typical_card(capability));
  return std::make_shared<CudaDevice>(std::make_shared<DeviceShared>(), std::move(properties));
}

std::shared_ptr<CudaDevice> make_portable_cuda_target() {
  return std::make_shared<CudaDevice>(std::make_shared<DeviceShared>(), portable_card(),
                                      cuda::kPortableTarget);
}

}  // namespace hone
