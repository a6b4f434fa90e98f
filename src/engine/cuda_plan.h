// A plan on a GPU: weights uploaded, steps recorded in a CUDA graph that each run replays.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/cuda/stream.h"
#include "engine/engine_data.h"
#include "engine/host_segments.h"
#include "engine/ready_plan.h"
#include "plan/plan.h"

namespace hone {

class CudaPlan final : public ReadyPlan {
 public:
  // Weights that `engine` does not hold packed yet are packed on `threads`.
  static Result<std::unique_ptr<CudaPlan>> make(std::shared_ptr<const Plan> plan, EngineData& engine,
                                                std::shared_ptr<CudaDevice> device, ThreadPool& threads);

  // Addresses may be of the host (copied, by way of pinned memory where they are pageable) or of the device
  // (used as they are where they are aligned to 16 bytes). Returns when the outputs are there.
  Result<> run(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
               ThreadPool& threads, std::span<double> step_ms) override;
  Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
                   void* stream, const ExecutionContext::Around* around) override;
  size_t memory_bytes() const override { return memory_bytes_; }

 private:
  using Around = ExecutionContext::Around;
  // An argument that lies in the arena or in one of the caller's tensors.
  struct Binding {
    Operand::Place place;
    size_t arg = 0, index = 0, offset_bytes = 0;
  };
  // One of the graph's inputs or outputs.
  struct Port {
    size_t bytes = 0;
    std::shared_ptr<DeviceBuffer> own;  // on the device, for callers on the host
    cuda::PinnedBuffer staging;         // for pageable memory
    std::byte* address = nullptr;       // of this run, on the device
  };
  // Where everything lay when a graph was recorded, and what was around it.
  struct Recorded {
    std::vector<std::byte*> addresses;
    uint64_t around = 0;
    cuda::OwnedGraph graph;
  };

  CudaPlan(std::shared_ptr<const Plan> plan, std::shared_ptr<CudaDevice> device)
      : plan_(std::move(plan)), device_(std::move(device)) {}
  Result<> load_weights(EngineData& engine, ThreadPool& threads);
  Result<> load_programs(ThreadPool& threads);
  Result<> prepare_steps(size_t thread_count);
  void add_arg(const Operand& operand, const TensorDesc& desc);
  Result<> own_address(Port& port);
  Result<> place_ports(std::span<const void* const> inputs, std::span<void* const> outputs);
  Result<> copy_input(Port& port, const void* from);
  Result<> begin_output(Port& port, void* to);
  std::byte* base(Operand::Place place, size_t index, std::byte* arena) const;
  void bind(std::byte* arena);
  void run_step(size_t s, std::byte* arena, cuda::Stream stream);
  Result<> enqueue_steps(std::byte* arena, cuda::Stream stream);
  Result<> enqueue_all(std::byte* arena, cuda::Stream stream, const Around* around);
  Result<const cuda::OwnedGraph*> graph_for(std::byte* arena, const Around* around);
  Result<> time_steps(std::byte* arena, std::span<double> step_ms);
  Result<> run_one_by_one(std::byte* arena);

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<CudaDevice> device_;
  cuda::OwnedStream stream_;
  std::vector<cuda::OwnedStream> side_streams_;  // of lanes 1, 2, … while a graph is recorded
  std::vector<cuda::OwnedEvent> done_;           // of each step, and of the beginning
  std::vector<ReadyStep> steps_;                 // without a runner where the CPU computes
  std::unique_ptr<HostSegments> host_;           // null where the GPU computes everything
  std::vector<TensorArg> args_;
  std::vector<Binding> bindings_;
  std::vector<Port> inputs_, outputs_;
  std::vector<std::span<const std::byte>> constants_, packs_;  // on the device
  std::vector<Recorded> recorded_;                             // the most recently used last
  std::vector<double> step_ms_;
  size_t memory_bytes_ = 0;
};

}  // namespace hone
