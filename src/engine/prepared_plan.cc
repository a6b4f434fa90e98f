#include "engine/prepared_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace hone {
namespace {

constexpr size_t kAlignment = 64;

bool is_aligned(const void* address, size_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

}  // namespace

Result<std::unique_ptr<PreparedPlan>> PreparedPlan::make(std::shared_ptr<const Plan> plan, PackStore& packs,
                                                         Device& device, ThreadPool& threads) {
  std::unique_ptr<PreparedPlan> prepared(new PreparedPlan(std::move(plan), device));
  HONE_TRY(prepared->open_ports(prepared->plan_->inputs, prepared->inputs_));
  HONE_TRY(prepared->open_ports(prepared->plan_->outputs, prepared->outputs_));
  HONE_TRY(prepared->load_constants());
  HONE_TRY(prepared->load_packs(packs, threads));
  HONE_TRY(prepared->prepare_steps(threads.thread_count()));
  return prepared;
}

Result<> PreparedPlan::open_ports(const std::vector<TensorDesc>& descs, std::vector<Port>& ports) {
  for (const TensorDesc& desc : descs) {
    HONE_ASSIGN(const size_t bytes, byte_count(desc.type, desc.shape));
    ports.push_back(
        {.bytes = bytes, .alignment = std::max<size_t>(1, dtype_bits(desc.type) / 8), .stand_in = nullptr});
  }
  return {};
}

// Constants lie in the file at the alignment of their type; kernels may count on more.
Result<> PreparedPlan::load_constants() {
  for (const ConstantPtr& constant : plan_->constants) {
    HONE_ASSIGN(Bytes bytes, constant->bytes());
    const std::byte* data = bytes.view().data();
    if (!is_aligned(data, kAlignment)) {
      HONE_ASSIGN(auto copy, device_.allocate(bytes.view().size() + kAlignment));
      HONE_TRY(device_.copy_in(*copy, 0, bytes.view()));
      data = static_cast<const std::byte*>(copy->address());
      memory_bytes_ += copy->size_bytes();
      aligned_constants_.push_back(std::move(copy));
      bytes = {};
    }
    constants_.push_back(std::move(bytes));
    constant_data_.push_back(data);
  }
  return {};
}

Result<> PreparedPlan::load_packs(PackStore& packs, ThreadPool& threads) {
  std::vector<size_t> missing;
  packs_.resize(plan_->packed.size());
  for (size_t i = 0; i < plan_->packed.size(); ++i) {
    if (const auto found = packs.find(plan_->packed[i].key))
      packs_[i] = *found;
    else
      missing.push_back(i);
  }
  std::vector<Result<>> done(missing.size());
  threads.run(missing.size(), [&](size_t m) {
    const PackedUse& use = plan_->packed[missing[m]];
    auto bytes =
        plan_->steps[use.step].kernel->pack(problem_of(*plan_, use.step, threads.thread_count(), &device_));
    if (bytes)
      packs_[missing[m]] = packs.add(use.key, std::move(*bytes));
    else
      done[m] = error_in(fmt::format("weights of {}", plan_->steps[use.step].name), bytes);
  });
  for (Result<>& result : done) HONE_TRY(std::move(result));
  return {};
}

Result<> PreparedPlan::prepare_steps(size_t thread_count) {
  for (size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = plan_->steps[s];
    const Problem problem = problem_of(*plan_, s, thread_count, &device_);
    const std::span<const std::byte> packed =
        step.packed >= 0 ? packs_[static_cast<size_t>(step.packed)] : std::span<const std::byte>{};
    auto runner = step.kernel->prepare(problem, packed);
    if (!runner) return error_in(fmt::format("{} by {}", step.name, step.kernel->name()), runner);
    const auto touches_caller = [](const Operand& o) {
      return o.place == Operand::Place::input || o.place == Operand::Place::output;
    };
    // A kernel that works on slices takes them at the alignment of an element, and so do references.
    const bool tolerates =
        step.kernel->is_reference() || ((std::ranges::any_of(step.inputs, touches_caller) ||
                                         std::ranges::any_of(step.outputs, touches_caller)) &&
                                        step.kernel->may_i(problem).image_stride);
    ReadyStep ready{.runner = std::move(*runner),
                    .first_input = args_.size(),
                    .input_count = step.inputs.size(),
                    .first_output = args_.size() + step.inputs.size(),
                    .output_count = step.outputs.size(),
                    .workspace_offset = step.workspace_offset};
    for (size_t i = 0; i < step.inputs.size(); ++i) add_arg(step.inputs[i], step.input_descs[i], tolerates);
    for (size_t i = 0; i < step.outputs.size(); ++i)
      add_arg(step.outputs[i], step.output_descs[i], tolerates);
    steps_.push_back(std::move(ready));
  }
  return {};
}

void PreparedPlan::add_arg(const Operand& operand, const TensorDesc& desc, bool tolerates_any_alignment) {
  const Binding binding{.arg = args_.size(), .index = operand.index, .offset_bytes = operand.offset_bytes};
  TensorArg arg{.data = nullptr, .desc = &desc, .image_stride = operand.image_stride};
  const auto bind_port = [&](std::vector<Port>& ports, std::vector<Binding>& bindings) {
    if (!tolerates_any_alignment) ports[operand.index].alignment = kAlignment;
    bindings.push_back(binding);
  };
  switch (operand.place) {
    case Operand::Place::none:
    case Operand::Place::packed:
      break;
    case Operand::Place::arena:
      arena_bindings_.push_back(binding);
      break;
    case Operand::Place::input:
      bind_port(inputs_, input_bindings_);
      break;
    case Operand::Place::output:
      bind_port(outputs_, output_bindings_);
      break;
    case Operand::Place::constant:
      // Kernels read inputs alone; TensorArg serves both directions.
      arg.data = const_cast<std::byte*>(constant_data_[operand.index] + operand.offset_bytes);
      break;
  }
  args_.push_back(arg);
}

Result<void*> PreparedPlan::stand_in(Port& port) {
  if (port.stand_in == nullptr) {
    HONE_ASSIGN(port.stand_in, device_.allocate(port.bytes + kAlignment));
    memory_bytes_ += port.stand_in->size_bytes();
  }
  return port.stand_in->address();
}

void PreparedPlan::bind(std::byte* arena) {
  if (!is_bound_ || arena != bound_arena_)
    for (const Binding& b : arena_bindings_) args_[b.arg].data = arena + b.offset_bytes;
  is_bound_ = true;
  bound_arena_ = arena;
  for (const Binding& b : input_bindings_)
    args_[b.arg].data = static_cast<std::byte*>(inputs_[b.index].address) + b.offset_bytes;
  for (const Binding& b : output_bindings_)
    args_[b.arg].data = static_cast<std::byte*>(outputs_[b.index].address) + b.offset_bytes;
}

Result<> PreparedPlan::run(std::span<const void* const> inputs, std::span<void* const> outputs,
                           std::byte* arena, ThreadPool& threads, std::span<double> step_ms) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    inputs_[i].address = const_cast<void*>(inputs[i]);
    if (is_aligned(inputs[i], inputs_[i].alignment)) continue;
    HONE_ASSIGN(inputs_[i].address, stand_in(inputs_[i]));
    std::memcpy(inputs_[i].address, inputs[i], inputs_[i].bytes);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].address = outputs[i];
    if (outputs[i] != nullptr && is_aligned(outputs[i], outputs_[i].alignment)) continue;
    HONE_ASSIGN(outputs_[i].address, stand_in(outputs_[i]));
  }
  bind(arena);

  const std::span<const TensorArg> args = args_;
  for (size_t s = 0; s < steps_.size(); ++s) {
    const ReadyStep& step = steps_[s];
    const RunArgs run_args{.inputs = args.subspan(step.first_input, step.input_count),
                           .outputs = args.subspan(step.first_output, step.output_count),
                           .workspace = arena + step.workspace_offset,
                           .threads = &threads};
    if (step_ms.empty()) {
      step.runner->run(run_args);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    step.runner->run(run_args);
    step_ms[s] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs[i] != nullptr && outputs_[i].address != outputs[i])
      std::memcpy(outputs[i], outputs_[i].address, outputs_[i].bytes);
  return {};
}

Result<> PreparedPlan::enqueue(std::span<const void* const>, std::span<void* const>, std::byte*, void*,
                               const ExecutionContext::Around*) {
  return error(StatusCode::unsupported, "enqueue() is for a GPU; run() computes on the CPU");
}

}  // namespace hone
