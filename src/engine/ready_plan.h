// A plan made ready to run on one device.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "hone/engine.h"
#include "hone/status.h"
#include "kernels/kernel.h"

namespace hone {

// Belongs to one context.
class ReadyPlan {
 public:
  virtual ~ReadyPlan() = default;
  // One address a graph input and output, in their order; a null output is not wanted. `arena` is memory of
  // the device, at least Plan::arena_bytes. `step_ms` is empty, or has room for each step's time.
  virtual Result<> run(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
                       ThreadPool& threads, std::span<double> step_ms) = 0;
  // The same for memory of a GPU, on the caller's stream (null: its own), without waiting. `around` may be
  // null.
  virtual Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs,
                           std::byte* arena, void* stream, const ExecutionContext::Around* around) = 0;
  // What it holds besides the arena and the packed weights.
  virtual size_t memory_bytes() const = 0;

 protected:
  struct ReadyStep {
    std::unique_ptr<Runner> runner;
    size_t first_input = 0, input_count = 0, first_output = 0, output_count = 0;  // into the plan's arguments
    size_t workspace_offset = 0;
  };
};

}  // namespace hone
