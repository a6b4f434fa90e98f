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

// CUlaunchAttribute and CUlaunchConfig.
struct LaunchAttribute {
  unsigned id = 0, pad = 0;
  union Value {
    unsigned cluster[3];
    int flag;
    char bytes[64];
  } value = {};
};
inline constexpr unsigned kClusterDimension = 4, kProgrammaticSerialization = 6;
struct LaunchConfig {
  unsigned grid[3], block[3], shared_bytes;
  Stream stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};
// CUtensorMap: opaque, 64-byte aligned.
struct alignas(64) TensorMap {
  uint64_t opaque[16] = {};
};
// CUgraphExecUpdateResultInfo.
struct GraphUpdateResult {
  int result = 0;
  void *node = nullptr, *from = nullptr;
};
// CUstreamCaptureMode, flags of streams, events and pinned memory, CUpointer_attribute and CUmemorytype.
inline constexpr int kCaptureThreadLocal = 1, kCaptureNone = 0, kPointerMemoryType = 2, kMemoryHost = 1,
                     kMemoryDevice = 2;
inline constexpr unsigned kStreamNonBlocking = 1, kEventNoTiming = 2;
// CUdevice_attribute
inline constexpr int kMultiprocessorCount = 16, kClockKhz = 13, kMaxSharedPerBlockOptin = 97, kL2Bytes = 38,
                     kMemoryClockKhz = 36, kMemoryBusBits = 37, kCapabilityMajor = 75, kCapabilityMinor = 76,
                     kMaxSharedPerMultiprocessor = 81, kRegistersPerMultiprocessor = 82;
// CUfunction_attribute
inline constexpr int kFunctionStaticShared = 1, kFunctionLocalBytes = 3, kFunctionRegisters = 4,
                     kFunctionMaxDynamicShared = 8;

// X(result, name in hone, symbol in libcuda, arguments)
#define HONE_CUDA_DRIVER_FUNCTIONS(X)                                                                      \
  X(Code, init, cuInit, (unsigned))                                                                        \
  X(Code, driver_version, cuDriverGetVersion, (int*))                                                      \
  X(Code, error_name, cuGetErrorName, (Code, const char**))                                                \
  X(Code, error_text, cuGetErrorString, (Code, const char**))                                              \
  X(Code, device_count, cuDeviceGetCount, (int*))                                                          \
  X(Code, device_get, cuDeviceGet, (DeviceOrdinal*, int))                                                  \
  X(Code, device_name, cuDeviceGetName, (char*, int, DeviceOrdinal))                                       \
  X(Code, device_attribute, cuDeviceGetAttribute, (int*, int, DeviceOrdinal))                              \
  X(Code, device_total_memory, cuDeviceTotalMem_v2, (size_t*, DeviceOrdinal))                              \
  X(Code, context_retain, cuDevicePrimaryCtxRetain, (Context*, DeviceOrdinal))                             \
  X(Code, context_release, cuDevicePrimaryCtxRelease_v2, (DeviceOrdinal))                                  \
  X(Code, context_push, cuCtxPushCurrent_v2, (Context))                                                    \
  X(Code, context_pop, cuCtxPopCurrent_v2, (Context*))                                                     \
  X(Code, memory_allocate, cuMemAlloc_v2, (Address*, size_t))                                              \
  X(Code, memory_free, cuMemFree_v2, (Address))                                                            \
  X(Code, host_allocate, cuMemHostAlloc, (void**, size_t, unsigned))                                       \
  X(Code, host_free, cuMemFreeHost, (void*))                                                               \
  X(Code, copy_to_device, cuMemcpyHtoD_v2, (Address, const void*, size_t))                                 \
  X(Code, copy_to_host, cuMemcpyDtoH_v2, (void*, Address, size_t))                                         \
  X(Code, fill_bytes, cuMemsetD8_v2, (Address, unsigned char, size_t))                                     \
  X(Code, copy_to_device_async, cuMemcpyHtoDAsync_v2, (Address, const void*, size_t, Stream))              \
  X(Code, copy_to_host_async, cuMemcpyDtoHAsync_v2, (void*, Address, size_t, Stream))                      \
  X(Code, copy_on_device_async, cuMemcpyDtoDAsync_v2, (Address, Address, size_t, Stream))                  \
  X(Code, fill_bytes_async, cuMemsetD8Async, (Address, unsigned char, size_t, Stream))                     \
  X(Code, pointer_attributes, cuPointerGetAttributes, (unsigned, const int*, void**, Address))             \
  X(Code, context_synchronize, cuCtxSynchronize, ())                                                       \
  X(Code, stream_create, cuStreamCreate, (Stream*, unsigned))                                              \
  X(Code, stream_destroy, cuStreamDestroy_v2, (Stream))                                                    \
  X(Code, stream_synchronize, cuStreamSynchronize, (Stream))                                               \
  X(Code, module_load, cuModuleLoadData, (Module*, const void*))                                           \
  X(Code, module_unload, cuModuleUnload, (Module))                                                         \
  X(Code, module_function, cuModuleGetFunction, (Function*, Module, const char*))                          \
  X(Code, function_set, cuFuncSetAttribute, (Function, int, int))                                          \
  X(Code, function_get, cuFuncGetAttribute, (int*, int, Function))                                         \
  X(Code, stream_wait, cuStreamWaitEvent, (Stream, Event, unsigned))                                       \
  X(Code, host_function, cuLaunchHostFunc, (Stream, void (*)(void*), void*))                               \
  X(Code, stream_begin_capture, cuStreamBeginCapture_v2, (Stream, int))                                    \
  X(Code, stream_end_capture, cuStreamEndCapture, (Stream, Graph*))                                        \
  X(Code, stream_is_capturing, cuStreamIsCapturing, (Stream, int*))                                        \
  X(Code, event_create, cuEventCreate, (Event*, unsigned))                                                 \
  X(Code, event_destroy, cuEventDestroy_v2, (Event))                                                       \
  X(Code, event_record, cuEventRecord, (Event, Stream))                                                    \
  X(Code, event_synchronize, cuEventSynchronize, (Event))                                                  \
  X(Code, event_elapsed_ms, cuEventElapsedTime, (float*, Event, Event))                                    \
  X(Code, graph_instantiate, cuGraphInstantiateWithFlags, (GraphExec*, Graph, unsigned long long))         \
  X(Code, graph_update, cuGraphExecUpdate_v2, (GraphExec, Graph, GraphUpdateResult*))                      \
  X(Code, graph_upload, cuGraphUpload, (GraphExec, Stream))                                                \
  X(Code, graph_launch, cuGraphLaunch, (GraphExec, Stream))                                                \
  X(Code, graph_exec_destroy, cuGraphExecDestroy, (GraphExec))                                             \
  X(Code, graph_destroy, cuGraphDestroy, (Graph))                                                          \
  X(Code, occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor, (int*, Function, int, size_t))           \
  X(Code, tensor_map_encode, cuTensorMapEncodeTiled,                                                       \
    (TensorMap*, int, unsigned, void*, const uint64_t*, const uint64_t*, const uint32_t*, const uint32_t*, \
     int, int, int, int))                                                                                  \
  X(Code, launch, cuLaunchKernelEx, (const LaunchConfig*, Function, void**, void**))

}  // namespace hone::cuda
