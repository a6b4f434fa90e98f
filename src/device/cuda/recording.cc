// A chip that is not here, asked what it would be given to do.
#include <cstring>

#include "device/cuda/cuda_device.h"
#include "device/cuda/device_shared.h"
#include "device/cuda/notes.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 256;

class HostBuffer final : public DeviceBuffer {
 public:
  explicit HostBuffer(size_t size_bytes) : bytes_(size_bytes + kAlignment) {}
  void* address() const override {
    const auto first = reinterpret_cast<uintptr_t>(bytes_.data());
    return reinterpret_cast<void*>((first + kAlignment - 1) / kAlignment * kAlignment);
  }
  size_t size_bytes() const override { return bytes_.size() - kAlignment; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace

std::shared_ptr<CudaDevice> CudaDevice::recording() const {
  auto same = std::make_shared<CudaDevice>(std::make_shared<cuda::DeviceShared>(), properties_, target_);
  same->notes_ = std::make_shared<Notes>();
  return same;
}

std::vector<cuda::RecordedLaunch> CudaDevice::take_launches() {
  return notes_ != nullptr ? std::exchange(notes_->launches, {}) : std::vector<cuda::RecordedLaunch>{};
}

std::shared_ptr<DeviceBuffer> CudaDevice::Notes::allocate(size_t size_bytes) {
  return std::make_shared<HostBuffer>(size_bytes);
}

// A function is the number of its program, counted from one.
cuda::Function CudaDevice::Notes::function_of(const cuda::Program& program) {
  programs.push_back({.program = program.key(), .entry = program.entry, .shape = {}});
  return reinterpret_cast<cuda::Function>(programs.size());
}

void CudaDevice::Notes::launch(cuda::Function function, const cuda::LaunchShape& shape) {
  const size_t number = reinterpret_cast<uintptr_t>(function);
  if (number == 0 || number > programs.size()) return;
  launches.push_back(programs[number - 1]);
  launches.back().shape = shape;
}

}  // namespace hone
