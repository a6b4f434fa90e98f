#include "measure/gpu_measure.h"

#include <thread>

#include "device/cuda/stream.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

// The context's inputs and outputs in the GPU's memory.
struct GpuBuffers {
  std::vector<std::shared_ptr<DeviceBuffer>> held;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

Result<GpuBuffers> copy_to_gpu(CudaDevice& device, const HostBuffers& buffers) {
  GpuBuffers gpu;
  for (const auto& bytes : buffers.input_bytes()) {
    HONE_ASSIGN(gpu.held.emplace_back(), device.allocate(bytes.size()));
    HONE_TRY(device.copy_in(*gpu.held.back(), 0, bytes));
    gpu.inputs.push_back(gpu.held.back()->address());
  }
  for (const auto& bytes : buffers.output_bytes()) {
    HONE_ASSIGN(gpu.held.emplace_back(), device.allocate(bytes.size()));
    gpu.outputs.push_back(gpu.held.back()->address());
  }
  return gpu;
}

}  // namespace

Result<GpuMeasurement> measure_gpu(ExecutionContext& context, HostBuffers& buffers,
                                   const GpuMeasureOptions& options) {
  HONE_ASSIGN(const auto device, open_device(context.device()));
  if (device->kind() != DeviceKind::cuda)
    return error(StatusCode::invalid_argument, "the context runs on " + device->name() + ", not on a GPU");
  auto& gpu = static_cast<CudaDevice&>(*device);
  HONE_ASSIGN(const GpuBuffers memory, copy_to_gpu(gpu, buffers));
  HONE_ASSIGN(const cuda::OwnedStream stream, cuda::OwnedStream::create(gpu));
  HONE_ASSIGN(const cuda::OwnedEvent begin, cuda::OwnedEvent::create(gpu));
  HONE_ASSIGN(const cuda::OwnedEvent end, cuda::OwnedEvent::create(gpu));
  const auto enqueue = [&] { return context.enqueue(memory.inputs, memory.outputs, stream.get()); };
  // Milliseconds of `runs` runs back to back.
  const auto timed = [&](int runs) -> Result<double> {
    HONE_TRY(begin.record(stream.get()));
    for (int i = 0; i < runs; ++i) HONE_TRY(enqueue());
    HONE_TRY(end.record(stream.get()));
    HONE_TRY(end.synchronize());
    HONE_ASSIGN(const float ms, end.ms_since(begin));
    return ms;
  };

  GpuMeasurement m;
  HONE_TRY(timed(options.warm_up_runs));
  HONE_ASSIGN(const double trial, timed(10));
  const int runs = std::max(1, static_cast<int>(static_cast<double>(options.burst.count()) / (trial / 10)));
  for (int round = 0; round < options.rounds; ++round) {
    std::this_thread::sleep_for(options.idle);
    HONE_TRY(timed(options.warm_up_runs));
    HONE_ASSIGN(const double ms, timed(runs));
    m.burst_ms.push_back(ms / runs);
  }
  const auto first = Clock::now();
  while (m.single_ms.size() < 10 || Clock::now() - first < options.single) {
    HONE_ASSIGN(m.single_ms.emplace_back(), timed(1));
  }
  return m;
}

}  // namespace hone
