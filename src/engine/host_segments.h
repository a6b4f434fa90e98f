// What a GPU's plan leaves to the CPU: operands come to pinned memory, the CPU computes between two pieces of
// the GPU's work, results go back.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "device/cuda/stream.h"
#include "engine/engine_data.h"
#include "plan/plan.h"

namespace hone {

// Belongs to one CudaPlan. Pinned memory stands for the part of the arena that the CPU touches, at the same
// distances, so that slices and views are the same there.
class HostSegments {
 public:
  // Null where the plan is the GPU's alone. Weights that `engine` does not hold packed yet are packed. `plan`
  // and `device` must outlive it.
  static Result<std::unique_ptr<HostSegments>> make(const Plan& plan, EngineData& engine, CudaDevice& device,
                                                    size_t thread_count);
  ~HostSegments();

  // Where an arena, input or output begins in the device's memory.
  using BaseOf = std::function<std::byte*(Operand::Place place, size_t index)>;
  // Enqueues the segment that begins with step s (which is the CPU's) and returns the step behind it. The
  // stream may be captured: the CPU's work becomes a node of the graph.
  Result<size_t> enqueue(size_t s, const BaseOf& base, cuda::Stream stream);
  // Milliseconds that the CPU's steps took when they last ran; other entries are left alone.
  void read_times(std::span<double> step_ms) const;

 private:
  // Bytes of the arena, of an input or of an output, and where they lie in pinned memory.
  struct Piece {
    Operand::Place place = Operand::Place::none;
    size_t index = 0, offset_bytes = 0, bytes = 0;
    std::byte* host = nullptr;
    bool operator==(const Piece&) const = default;
  };
  struct HostStep {
    std::unique_ptr<Runner> runner;
    std::vector<TensorArg> inputs, outputs;
    std::byte* workspace = nullptr;
    double ms = 0;
  };
  struct HostSegment {
    size_t first = 0;
    std::vector<HostStep> steps;
    std::vector<Piece> to_host, to_device;
    ThreadPool* threads = nullptr;
    void run();
  };

  HostSegments(const Plan& plan, CudaDevice& device, size_t thread_count)
      : plan_(plan), device_(device), threads_(thread_count) {}
  Result<> allocate(const std::vector<Segment>& segments);
  Result<HostSegment> prepare(const Segment& segment, EngineData& engine);
  Result<std::span<const std::byte>> packed(const Step& step, size_t s, EngineData& engine);
  Result<TensorArg> argument(const Operand& operand, const TensorDesc& desc);
  std::byte* host_address(const Operand& operand);
  void add_copies(const Step& step, HostSegment& segment, std::vector<Operand>& made);
  void keep_whole(const Operand& operand, std::vector<Piece>& pieces);
  void keep_images(const Operand& operand, std::vector<Piece>& pieces);

  const Plan& plan_;
  CudaDevice& device_;
  ThreadPool threads_;
  std::vector<std::unique_ptr<HostSegment>> segments_;  // the driver holds their addresses
  size_t arena_begin_ = 0;
  cuda::PinnedBuffer arena_;
  std::vector<cuda::PinnedBuffer> inputs_, outputs_, aligned_constants_;
  std::vector<Bytes> constants_;
};

}  // namespace hone
