// A device: memory, copies, time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "hone/status.h"

namespace hone {

enum class DeviceKind : uint8_t { cpu, cuda, null };

class Device;

// What kernels' may_i() and cost models look at on a GPU.
struct GpuTraits {
  int capability = 0;  // 86, 90: which instructions kernels may use
  int multiprocessors = 0;
  size_t shared_per_block_bytes = 0, shared_per_multiprocessor_bytes = 0, l2_bytes = 0,
         registers_per_multiprocessor = 65536;
  double bytes_per_ns = 0, clock_ghz = 0;  // of device memory, and the boost clock
  bool dependent_launch = false;           // kernels may overlap their predecessor's end (sm_90 and newer)
};

// Device memory, 256-byte aligned, freed with its last owner. Contents are undefined at first.
class DeviceBuffer {
 public:
  virtual ~DeviceBuffer() = default;
  virtual void* address() const = 0;
  virtual size_t size_bytes() const = 0;
};

// Thread safe. Shared by engines and contexts; contexts hold what is theirs alone (threads, streams).
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  // "cpu", "cuda:0".
  virtual std::string name() const = 0;
  // What a timing or a tuned choice is valid for: "cpu/avx2/AMD EPYC 7763/t2", "cuda/sm_90/NVIDIA H200/driver
  // 580".
  virtual std::string fingerprint() const = 0;
  // Null where there is no GPU. Constant for the device's life.
  virtual const GpuTraits* gpu() const { return nullptr; }

  virtual Result<std::shared_ptr<DeviceBuffer>> allocate(size_t size_bytes) = 0;
  // Bounds are checked; the call returns when the bytes may be reused.
  virtual Result<> copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) = 0;
  virtual Result<> copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) = 0;
  virtual Result<> fill(DeviceBuffer& target, std::byte value) = 0;
  virtual Result<> synchronize() = 0;
  // Bytes that allocate() has handed out and not got back, and the most there ever were.
  virtual size_t allocated_bytes() const = 0;
  virtual size_t peak_allocated_bytes() const = 0;
};

// thread_count 0: every usable core.
std::shared_ptr<Device> make_cpu_device(size_t thread_count = 0);
std::shared_ptr<Device> make_null_device();
// "cpu", "null", "cuda:0"; an error says what is missing.
Result<std::shared_ptr<Device>> open_device(const std::string& name, size_t thread_count = 0);

}  // namespace hone
