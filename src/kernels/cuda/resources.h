// What a compiled kernel takes of a multiprocessor, read from its cubin without a driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "device/device.h"
#include "hone/status.h"

namespace hone {

struct KernelResources {
  uint32_t registers = 0;    // a thread
  uint32_t stack_bytes = 0;  // a thread's local memory: arrays that are indexed at run time, and spills
  uint64_t static_shared_bytes = 0;  // a block
};

// `cubin` is an ELF file as NVRTC makes it; `entry` the kernel's name, empty: the most that any of its
// kernels takes. The attributes (.nv.info) are those that `cuobjdump -elf` prints: EIATTR_REGCOUNT,
// EIATTR_FRAME_SIZE.
Result<KernelResources> kernel_resources(std::span<const std::byte> cubin, std::string_view entry);

// Warps that a multiprocessor of the chip holds at most.
int most_warps(int capability);
// Blocks that a multiprocessor holds at once: by registers (granted to warps in units of 256 by each of four
// schedulers), shared memory (1 KiB a block is the driver's), warps and slots, as
// in CUDA's occupancy calculation ("Technical Specifications per Compute Capability" in its programming
// guide). 0: the block is too large.
int blocks_per_multiprocessor(const GpuTraits& gpu, const KernelResources& used, unsigned threads,
                              unsigned dynamic_shared_bytes);

}  // namespace hone
