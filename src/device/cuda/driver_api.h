// The CUDA driver functions that hone calls, in our own declarations: hone builds with no CUDA header and links no CUDA
// library. Names, argument order and constants are those of NVIDIA's driver API reference; the ABI of a versioned symbol
// (the _v2 ones) never changes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hone::cuda {

using Result = int;              // CUresult; 0 is success
using DeviceOrdinal = int;       // CUdevice
using Address = uint64_t;        // CUdeviceptr
using Context = struct ContextHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using Module = struct ModuleHandle*;
using Function = struct FunctionHandle*;
using Graph = struct GraphHandle*;
using GraphExec = struct GraphExecHandle*;

inline constexpr Result kSuccess = 0, kOutOfMemory = 2, kNoDevice = 100, kNotReady = 600;
// CUdevice_attribute
inline constexpr int kMultiprocessorCount = 16, kClockKhz = 13, kMaxSharedPerBlockOptin = 97, kL2Bytes = 38,
                     kMemoryClockKhz = 36, kMemoryBusBits = 37, kCapabilityMajor = 75, kCapabilityMinor = 76;
// CUfunction_attribute
inline constexpr int kFunctionMaxDynamicShared = 8, kFunctionLocalBytes = 3, kFunctionRegisters = 4;

// X(result, name in hone, symbol in libcuda, arguments)
#define HONE_CUDA_DRIVER_FUNCTIONS(X)                                                                          \
  X(Result, init, cuInit, (unsigned))                                                                          \
  X(Result, driver_version, cuDriverGetVersion, (int*))                                                        \
  X(Result, error_name, cuGetErrorName, (Result, const char**))                                                \
  X(Result, error_text, cuGetErrorString, (Result, const char**))                                              \
  X(Result, device_count, cuDeviceGetCount, (int*))                                                            \
  X(Result, device_get, cuDeviceGet, (DeviceOrdinal*, int))                                                    \
  X(Result, device_name, cuDeviceGetName, (char*, int, DeviceOrdinal))                                         \
  X(Result, device_attribute, cuDeviceGetAttribute, (int*, int, DeviceOrdinal))                                \
  X(Result, device_total_memory, cuDeviceTotalMem_v2, (size_t*, DeviceOrdinal))                                \
  X(Result, context_retain, cuDevicePrimaryCtxRetain, (Context*, DeviceOrdinal))                               \
  X(Result, context_release, cuDevicePrimaryCtxRelease_v2, (DeviceOrdinal))                                    \
  X(Result, context_push, cuCtxPushCurrent_v2, (Context))                                                      \
  X(Result, context_pop, cuCtxPopCurrent_v2, (Context*))                                                       \
  X(Result, memory_allocate, cuMemAlloc_v2, (Address*, size_t))                                                \
  X(Result, memory_free, cuMemFree_v2, (Address))                                                              \
  X(Result, host_allocate, cuMemHostAlloc, (void**, size_t, unsigned))                                         \
  X(Result, host_free, cuMemFreeHost, (void*))                                                                 \
  X(Result, copy_to_device, cuMemcpyHtoD_v2, (Address, const void*, size_t))                                   \
  X(Result, copy_to_host, cuMemcpyDtoH_v2, (void*, Address, size_t))                                           \
  X(Result, fill_bytes, cuMemsetD8_v2, (Address, unsigned char, size_t))                                       \
  X(Result, context_synchronize, cuCtxSynchronize, ())                                                         \
  X(Result, stream_create, cuStreamCreate, (Stream*, unsigned))                                                \
  X(Result, stream_destroy, cuStreamDestroy_v2, (Stream))                                                      \
  X(Result, stream_synchronize, cuStreamSynchronize, (Stream))                                                 \
  X(Result, module_load, cuModuleLoadData, (Module*, const void*))                                             \
  X(Result, module_unload, cuModuleUnload, (Module))                                                           \
  X(Result, module_function, cuModuleGetFunction, (Function*, Module, const char*))                            \
  X(Result, function_set, cuFuncSetAttribute, (Function, int, int))                                            \
  X(Result, function_get, cuFuncGetAttribute, (int*, int, Function))                                           \
  X(Result, launch, cuLaunchKernel,                                                                            \
    (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**))

}  // namespace hone::cuda
