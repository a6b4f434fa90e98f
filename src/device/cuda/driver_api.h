// The CUDA driver functions that hone calls, in our own declarations: hone builds with no CUDA header and
// links no CUDA library. Names, argument order and constants are those of NVIDIA's driver API reference; the
// ABI of a versioned symbol (the _v2 ones) never changes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone::cuda {

using Code = int;           // CUresult; 0 is success
using DeviceOrdinal = int;  // CUdevice
using Address = uint64_t;   // CUdeviceptr
using Context = struct ContextHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using Module = struct ModuleHandle*;
using Function = struct FunctionHandle*;
using Graph = struct GraphHandle*;
using GraphExec = struct GraphExecHandle*;

inline constexpr Code kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100, kNotReady = 600;
// CUdevice_attribute
inline constexpr int kMultiprocessorCount = 16, kClockKhz = 13, kMaxSharedPerBlockOptin = 97, kL2Bytes = 38,
                     kMemoryClockKhz = 36, kMemoryBusBits = 37, kCapabilityMajor = 75, kCapabilityMinor = 76;
// CUfunction_attribute
inline constexpr int kFunctionMaxDynamicShared = 8, kFunctionLocalBytes = 3, kFunctionRegisters = 4;

// X(result, name in hone, symbol in libcuda, arguments)
#define HONE_CUDA_DRIVER_FUNCTIONS(X)                                                                \
  X(Code, init, cuInit, (unsigned))                                                                  \
  X(Code, driver_version, cuDriverGetVersion, (int*))                                                \
  X(Code, error_name, cuGetErrorName, (Code, const char**))                                          \
  X(Code, error_text, cuGetErrorString, (Code, const char**))                                        \
  X(Code, device_count, cuDeviceGetCount, (int*))                                                    \
  X(Code, device_get, cuDeviceGet, (DeviceOrdinal*, int))                                            \
  X(Code, device_name, cuDeviceGetName, (char*, int, DeviceOrdinal))                                 \
  X(Code, device_attribute, cuDeviceGetAttribute, (int*, int, DeviceOrdinal))                        \
  X(Code, device_total_memory, cuDeviceTotalMem_v2, (size_t*, DeviceOrdinal))                        \
  X(Code, context_retain, cuDevicePrimaryCtxRetain, (Context*, DeviceOrdinal))                       \
  X(Code, context_release, cuDevicePrimaryCtxRelease_v2, (DeviceOrdinal))                            \
  X(Code, context_push, cuCtxPushCurrent_v2, (Context))                                              \
  X(Code, context_pop, cuCtxPopCurrent_v2, (Context*))                                               \
  X(Code, memory_allocate, cuMemAlloc_v2, (Address*, size_t))                                        \
  X(Code, memory_free, cuMemFree_v2, (Address))                                                      \
  X(Code, host_allocate, cuMemHostAlloc, (void**, size_t, unsigned))                                 \
  X(Code, host_free, cuMemFreeHost, (void*))                                                         \
  X(Code, copy_to_device, cuMemcpyHtoD_v2, (Address, const void*, size_t))                           \
  X(Code, copy_to_host, cuMemcpyDtoH_v2, (void*, Address, size_t))                                   \
  X(Code, fill_bytes, cuMemsetD8_v2, (Address, unsigned char, size_t))                               \
  X(Code, context_synchronize, cuCtxSynchronize, ())                                                 \
  X(Code, stream_create, cuStreamCreate, (Stream*, unsigned))                                        \
  X(Code, stream_destroy, cuStreamDestroy_v2, (Stream))                                              \
  X(Code, stream_synchronize, cuStreamSynchronize, (Stream))                                         \
  X(Code, module_load, cuModuleLoadData, (Module*, const void*))                                     \
  X(Code, module_unload, cuModuleUnload, (Module))                                                   \
  X(Code, module_function, cuModuleGetFunction, (Function*, Module, const char*))                    \
  X(Code, function_set, cuFuncSetAttribute, (Function, int, int))                                    \
  X(Code, function_get, cuFuncGetAttribute, (int*, int, Function))                                   \
  X(Code, launch, cuLaunchKernel,                                                                    \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, \
     void**))

}  // namespace hone::cuda
