// A plan made ready to run on a CPU: runners, packed weights and argument tables.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/engine_data.h"
#include "engine/ready_plan.h"
#include "plan/plan.h"

namespace hone {

// Belongs to one context.
class PreparedPlan final : public ReadyPlan {
 public:
  // Weights are packed where `packs` does not have them yet, on all of `threads`.
  static Result<std::unique_ptr<PreparedPlan>> make(std::shared_ptr<const Plan> plan, PackStore& packs,
                                                    Device& device, ThreadPool& threads);

  // Buffers that stand between the caller's and the kernels' where the caller's are absent or not aligned as
  // a kernel needs; they are kept for the next time. Then runs every step. Allocates nothing unless such a
  // buffer is new. `step_ms` is empty, or has room for each step's time.
  Result<> run(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
               ThreadPool& threads, std::span<double> step_ms) override;
  Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
                   void* stream, const ExecutionContext::Around* around) override;

  // Aligned copies of constants, and the buffers mentioned above.
  size_t memory_bytes() const override { return memory_bytes_; }

 private:
  // An argument whose address depends on the arena or on the caller's buffer.
  struct Binding {
    size_t arg = 0, index = 0, offset_bytes = 0;
  };
  // One of the caller's tensors.
  struct Port {
    size_t bytes = 0, alignment = 1;  // what the kernels that touch it need
    std::shared_ptr<DeviceBuffer> stand_in;
    void* address = nullptr;  // of this run
  };

  PreparedPlan(std::shared_ptr<const Plan> plan, Device& device) : plan_(std::move(plan)), device_(device) {}
  Result<> load_constants();
  Result<> load_packs(PackStore& packs, ThreadPool& threads);
  Result<> prepare_steps(size_t thread_count);
  void add_arg(const Operand& operand, const TensorDesc& desc, bool tolerates_any_alignment);
  Result<> open_ports(const std::vector<TensorDesc>& descs, std::vector<Port>& ports);
  Result<void*> stand_in(Port& port);
  void bind(std::byte* arena);

  std::shared_ptr<const Plan> plan_;
  Device& device_;
  std::vector<ReadyStep> steps_;
  std::vector<TensorArg> args_;
  std::vector<Binding> arena_bindings_, input_bindings_, output_bindings_;
  std::vector<Port> inputs_, outputs_;
  std::vector<Bytes> constants_;
  std::vector<std::shared_ptr<DeviceBuffer>> aligned_constants_;
  std::vector<const std::byte*> constant_data_;
  std::vector<std::span<const std::byte>> packs_;
  std::byte* bound_arena_ = nullptr;
  bool is_bound_ = false;
  size_t memory_bytes_ = 0;
};

}  // namespace hone
