// The door to NVIDIA GPUs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/cuda/binary.h"
#include "device/cuda/driver_api.h"
#include "device/cuda/program.h"
#include "device/device.h"
#include "hone/types.h"

namespace hone {

// What the driver says of a GPU.
struct CudaProperties {
  std::string name;    // "NVIDIA H200"
  int capability = 0;  // 90 for sm_90
  int multiprocessors = 0;
  size_t memory_bytes = 0, l2_bytes = 0, shared_per_block_bytes = 0, shared_per_multiprocessor_bytes = 0,
         registers_per_multiprocessor = 0;
  int clock_khz = 0, memory_clock_khz = 0, memory_bus_bits = 0;
};

// What cuTensorMapEncodeTiled wants to know; innermost dimension first. strides_bytes[i] is that of dimension
// i + 1: multiples of 16.
struct TensorMapShape {
  DType type = DType::f16;
  unsigned rank = 0;
  uint64_t extents[5] = {};
  uint64_t strides_bytes[4] = {};
  uint32_t box[5] = {};
  uint32_t element_strides[5] = {1, 1, 1, 1, 1};
  int swizzle_bytes = 0;  // 0, 32, 64 or 128
  int promote_bytes = 0;  // what L2 fetches at least: 0, 64, 128 or 256
};

namespace cuda {
struct Driver;
struct DeviceShared;

// Why a row says no on a device that loads carried programs alone.
inline constexpr const char* kNotCarried = "has no machine code in the engine";

// The device's context, current on this thread for as long as this lives; contexts of other libraries stay as
// they were.
class Current {
 public:
  Current(const Driver& driver, Context context);
  ~Current();
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
  bool pushed_;
};
}  // namespace cuda

// A GPU, or a target without the card: then there are traits and a compiler, but no memory and no launches.
// Thread safe.
class CudaDevice final : public Device {
 public:
  // `target`: what programs are compiled for; empty: what the chip is.
  CudaDevice(std::shared_ptr<cuda::DeviceShared> shared, CudaProperties properties, std::string target = {});
  ~CudaDevice() override;
  // The same device for one who may load these programs alone, since no compiler is to be called: rows refuse
  // what needs others. Memory, machine code and modules are shared.
  std::shared_ptr<CudaDevice> carrying(cuda::ProgramKeys programs) const;
  // Null: any program may be compiled.
  const cuda::ProgramKeys* carried() const { return carried_.get(); }
  bool may_load(uint64_t program_key) const { return carried_ == nullptr || carried_->contains(program_key); }

  DeviceKind kind() const override { return DeviceKind::cuda; }
  std::string name() const override;
  std::string fingerprint() const override;
  const GpuTraits* gpu() const override { return &traits_; }
  Result<std::shared_ptr<DeviceBuffer>> allocate(size_t size_bytes) override;
  Result<> copy_in(DeviceBuffer& target, size_t offset, std::span<const std::byte> source) override;
  Result<> copy_out(std::span<std::byte> target, const DeviceBuffer& source, size_t offset) override;
  Result<> fill(DeviceBuffer& target, std::byte value) override;
  Result<> synchronize() override;
  size_t allocated_bytes() const override;
  size_t peak_allocated_bytes() const override;
  // From now on allocate() refuses what would pass this (StatusCode::resource), for all who share the device;
  // 0: no limit. What is held already stays.
  void set_memory_limit(size_t bytes);

  // The same chip as a target without the card whose launches are noted and whose memory is the host's:
  // runners of kernels can be prepared and run there to learn what they would launch. One thread at a time.
  std::shared_ptr<CudaDevice> recording() const;
  // What was noted since the last call.
  std::vector<cuda::RecordedLaunch> take_launches();

  bool has_card() const;
  // What programs are compiled for: "sm_90a".
  const std::string& target() const { return target_; }
  const CudaProperties& properties() const { return properties_; }

  // Machine code of a program: what an engine brought, or compile(). Needs no card.
  Result<cuda::Binary> binary(const cuda::Program& program);
  // binary() need not compile this one.
  bool knows(uint64_t program_key);
  // Programs that binary() had to ask compile() for.
  size_t compiled() const;
  // Code that this device can load and that need not be compiled: a cubin, or PTX.
  void add_binary(uint64_t program_key, cuda::Binary binary);
  // The program's entry, ready to launch with as much dynamic shared memory as the chip allows; kept for the
  // device's life.
  Result<cuda::Function> load(const cuda::Program& program);

  // Enqueues a kernel whose one parameter is a struct passed by value (__grid_constant__). The first error is
  // also kept for this thread until take_launch_error(), since Runner::run() cannot return it.
  Result<> launch(cuda::Function function, const cuda::LaunchShape& shape, cuda::Stream stream,
                  const void* params, size_t params_bytes);
  static Result<> take_launch_error();
  // The next launch of this thread waits for all work before it, whatever its shape says: where streams join.
  static void hold_next_launch();

  Result<cuda::TensorMap> encode_tensor_map(const void* address, const TensorMapShape& shape);

  // For those who call the driver themselves (streams, events, graphs). Only with a card.
  const cuda::Driver& driver() const;
  cuda::Context context() const;

 private:
  struct Loaded;
  struct Code;  // machine code and modules
  struct Notes;

  std::shared_ptr<cuda::DeviceShared> shared_;
  CudaProperties properties_;
  GpuTraits traits_;
  std::string target_;
  std::shared_ptr<Code> code_;
  std::shared_ptr<const cuda::ProgramKeys> carried_;
  std::shared_ptr<Notes> notes_;  // of recording(); else null
};

// One object a GPU, shared by all who open it. An error says what is missing: the driver, or a GPU of that
// number.
Result<std::shared_ptr<Device>> open_cuda_device(size_t ordinal);
// A chip that is not here: 80, 86, 87, 89 or 90.
Result<std::shared_ptr<CudaDevice>> make_cuda_target(int capability);
// Any chip since sm_80, also one that is newer than hone: PTX, and the least limits of them all.
std::shared_ptr<CudaDevice> make_portable_cuda_target();
// Every GPU the driver shows.
Result<std::vector<CudaProperties>> cuda_devices();
// What kernels may count on; $HONE_CUDA_KERNELS ("sm86") takes the instructions and limits of a lesser chip.
GpuTraits gpu_traits(const CudaProperties& properties);
// A chip of that capability as its data sheet has it: a typical card where there are several.
Result<CudaProperties> typical_card(int capability);
// What every chip since sm_80 has at least, with the speed of a card of the middle.
CudaProperties portable_card();

}  // namespace hone
