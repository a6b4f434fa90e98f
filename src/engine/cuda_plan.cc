#include "engine/cuda_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "base/log.h"
#include "device/cuda/driver.h"

namespace hone {
namespace {

constexpr size_t kAddressAlignment = 16;
// Graphs kept for addresses seen lately, as of a caller that takes turns between a few buffers.
constexpr size_t kMostGraphs = 4;
constexpr size_t kChunkBytes = size_t{1} << 20;
// Launches of one step in a graph that times it.
constexpr int kTimedLaunches = 20;

bool is_aligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % kAddressAlignment == 0; }

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

cuda::Address on_device(const void* address) { return reinterpret_cast<cuda::Address>(address); }

}  // namespace

Result<std::unique_ptr<CudaPlan>> CudaPlan::make(std::shared_ptr<const Plan> plan, EngineData& engine,
                                                 std::shared_ptr<CudaDevice> device, ThreadPool& threads) {
  std::unique_ptr<CudaPlan> made(new CudaPlan(std::move(plan), std::move(device)));
  HONE_ASSIGN(made->stream_, cuda::OwnedStream::create(*made->device_));
  if (made->plan_->lanes > 1) {
    for (int lane = 1; lane < made->plan_->lanes; ++lane) {
      HONE_ASSIGN(made->side_streams_.emplace_back(), cuda::OwnedStream::create(*made->device_));
    }
    for (size_t s = 0; s <= made->plan_->steps.size(); ++s) {
      HONE_ASSIGN(made->done_.emplace_back(), cuda::OwnedEvent::create(*made->device_, false));
    }
  }
  const auto open_ports = [](const std::vector<TensorDesc>& descs, std::vector<Port>& ports) -> Result<> {
    for (const TensorDesc& desc : descs) {
      HONE_ASSIGN(ports.emplace_back().bytes, byte_count(desc.type, desc.shape));
    }
    return {};
  };
  HONE_TRY(open_ports(made->plan_->inputs, made->inputs_));
  HONE_TRY(open_ports(made->plan_->outputs, made->outputs_));
  const auto start = Clock::now();
  HONE_TRY(made->load_weights(engine, threads));
  const double weights_ms = ms_since(start);
  HONE_TRY(made->load_programs(threads));
  const double code_ms = ms_since(start) - weights_ms;
  HONE_TRY(made->prepare_steps(threads.thread_count()));
  HONE_ASSIGN(made->host_, HostSegments::make(*made->plan_, engine, *made->device_, threads.thread_count()));
  log_verbose(fmt::format("{}: weights {:.1f} ms, code {:.1f} ms, steps {:.1f} ms", made->device_->name(),
                          weights_ms, code_ms, ms_since(start) - weights_ms - code_ms));
  return made;
}

Result<> CudaPlan::load_weights(EngineData& engine, ThreadPool& threads) {
  std::vector<size_t> own;  // packs of the GPU's steps
  for (size_t p = 0; p < plan_->packed.size(); ++p)
    if (plan_->steps[plan_->packed[p].step].kernel->device() == DeviceKind::cuda) own.push_back(p);
  std::vector<DevicePacks::Wanted> wanted(own.size());
  std::vector<Result<>> done(own.size());
  threads.run(own.size(), [&](size_t i) {
    const PackedUse& use = plan_->packed[own[i]];
    wanted[i].key = use.key;
    if (const auto found = engine.packs.find(use.key)) {
      wanted[i].bytes = *found;
      return;
    }
    auto bytes = plan_->steps[use.step].kernel->pack(
        problem_of(*plan_, use.step, threads.thread_count(), device_.get()));
    if (bytes)
      wanted[i].bytes = engine.packs.add(use.key, std::move(*bytes));
    else
      done[i] = error_in(fmt::format("weights of {}", plan_->steps[use.step].name), bytes);
  });
  for (Result<>& result : done) HONE_TRY(std::move(result));
  std::vector<Bytes> held;
  for (const ConstantPtr& constant : plan_->constants) {
    HONE_ASSIGN(const Bytes bytes, constant->bytes());
    held.push_back(bytes);
    wanted.push_back({.key = constant->key(), .bytes = bytes.view()});
  }
  HONE_ASSIGN(const auto places, engine.device_packs.get(*device_, wanted));
  packs_.resize(plan_->packed.size());
  for (size_t i = 0; i < own.size(); ++i) packs_[own[i]] = places[i];
  constants_.assign(places.begin() + static_cast<ptrdiff_t>(own.size()), places.end());
  return {};
}

// What the engine brought no machine code for is compiled; all of it is loaded: on all threads, since the
// driver may have to compile PTX.
Result<> CudaPlan::load_programs(ThreadPool& threads) {
  std::unordered_map<uint64_t, cuda::Program> programs;
  for (size_t s = 0; s < plan_->steps.size(); ++s) {
    HONE_ASSIGN(auto wanted, plan_->steps[s].kernel->programs(
                                 problem_of(*plan_, s, threads.thread_count(), device_.get())));
    for (cuda::Program& program : wanted) {
      const uint64_t key = program.key();
      programs.emplace(key, std::move(program));
    }
  }
  std::vector<const cuda::Program*> list;
  for (const auto& [key, program] : programs) list.push_back(&program);
  std::vector<Result<>> done(list.size());
  threads.run(list.size(), [&](size_t i) {
    if (const auto made = device_->load(*list[i]); !made) done[i] = std::unexpected(made.error());
  });
  for (Result<>& result : done) HONE_TRY(std::move(result));
  return {};
}

Result<> CudaPlan::prepare_steps(size_t thread_count) {
  for (size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = plan_->steps[s];
    if (step.kernel->device() != DeviceKind::cuda) {
      steps_.emplace_back();
      continue;
    }
    const std::span<const std::byte> packed =
        step.packed >= 0 ? packs_[static_cast<size_t>(step.packed)] : std::span<const std::byte>{};
    auto runner = step.kernel->prepare(problem_of(*plan_, s, thread_count, device_.get()), packed);
    if (!runner) return error_in(fmt::format("{} by {}", step.name, step.kernel->name()), runner);
    steps_.push_back({.runner = std::move(*runner),
                      .first_input = args_.size(),
                      .input_count = step.inputs.size(),
                      .first_output = args_.size() + step.inputs.size(),
                      .output_count = step.outputs.size(),
                      .workspace_offset = step.workspace_offset});
    for (size_t i = 0; i < step.inputs.size(); ++i) add_arg(step.inputs[i], step.input_descs[i]);
    for (size_t i = 0; i < step.outputs.size(); ++i) add_arg(step.outputs[i], step.output_descs[i]);
  }
  return {};
}

void CudaPlan::add_arg(const Operand& operand, const TensorDesc& desc) {
  TensorArg arg{.data = nullptr, .desc = &desc, .image_stride = operand.image_stride};
  if (operand.place == Operand::Place::constant)
    arg.data = const_cast<std::byte*>(constants_[operand.index].data() + operand.offset_bytes);
  else if (operand.place != Operand::Place::none && operand.place != Operand::Place::packed)
    bindings_.push_back({.place = operand.place,
                         .arg = args_.size(),
                         .index = operand.index,
                         .offset_bytes = operand.offset_bytes});
  args_.push_back(arg);
}

Result<> CudaPlan::own_address(Port& port) {
  if (port.own == nullptr) {
    HONE_ASSIGN(port.own, device_->allocate(port.bytes));
    memory_bytes_ += port.bytes;
  }
  port.address = static_cast<std::byte*>(port.own->address());
  return {};
}

// The caller's own memory where kernels can work on it, this plan's else.
Result<> CudaPlan::place_ports(std::span<const void* const> inputs, std::span<void* const> outputs) {
  const auto place = [&](Port& port, const void* given) -> Result<> {
    if (given != nullptr && is_aligned(given) &&
        cuda::memory_kind(*device_, given) == cuda::MemoryKind::device) {
      port.address = static_cast<std::byte*>(const_cast<void*>(given));
      return {};
    }
    return own_address(port);
  };
  for (size_t i = 0; i < inputs_.size(); ++i) HONE_TRY(place(inputs_[i], inputs[i]));
  for (size_t i = 0; i < outputs_.size(); ++i) HONE_TRY(place(outputs_[i], outputs[i]));
  return {};
}

Result<> CudaPlan::copy_input(Port& port, const void* from) {
  if (from == port.address) return {};
  const cuda::Driver& d = device_->driver();
  switch (cuda::memory_kind(*device_, from)) {
    case cuda::MemoryKind::device:
      return d.check(
          d.copy_on_device_async(on_device(port.address), on_device(from), port.bytes, stream_.get()),
          "cuMemcpyDtoDAsync");
    case cuda::MemoryKind::pinned:
      return d.check(d.copy_to_device_async(on_device(port.address), from, port.bytes, stream_.get()),
                     "cuMemcpyHtoDAsync");
    case cuda::MemoryKind::pageable:
      break;
  }
  if (port.staging.data() == nullptr) {
    HONE_ASSIGN(port.staging, cuda::PinnedBuffer::create(*device_, port.bytes));
  }
  for (size_t at = 0; at < port.bytes; at += kChunkBytes) {
    const size_t bytes = std::min(kChunkBytes, port.bytes - at);
    std::memcpy(port.staging.data() + at, static_cast<const std::byte*>(from) + at, bytes);
    HONE_TRY(d.check(
        d.copy_to_device_async(on_device(port.address + at), port.staging.data() + at, bytes, stream_.get()),
        "cuMemcpyHtoDAsync"));
  }
  return {};
}

// Enqueues the copy to the caller, or to pinned memory on the way there.
Result<> CudaPlan::begin_output(Port& port, void* to) {
  if (to == nullptr || to == port.address) return {};
  const cuda::Driver& d = device_->driver();
  const cuda::MemoryKind kind = cuda::memory_kind(*device_, to);
  if (kind == cuda::MemoryKind::device)
    return d.check(d.copy_on_device_async(on_device(to), on_device(port.address), port.bytes, stream_.get()),
                   "cuMemcpyDtoDAsync");
  if (kind == cuda::MemoryKind::pageable && port.staging.data() == nullptr) {
    HONE_ASSIGN(port.staging, cuda::PinnedBuffer::create(*device_, port.bytes));
  }
  void* target = kind == cuda::MemoryKind::pinned ? to : port.staging.data();
  return d.check(d.copy_to_host_async(target, on_device(port.address), port.bytes, stream_.get()),
                 "cuMemcpyDtoHAsync");
}

std::byte* CudaPlan::base(Operand::Place place, size_t index, std::byte* arena) const {
  return place == Operand::Place::arena   ? arena
         : place == Operand::Place::input ? inputs_[index].address
                                          : outputs_[index].address;
}

void CudaPlan::bind(std::byte* arena) {
  for (const Binding& b : bindings_) args_[b.arg].data = base(b.place, b.index, arena) + b.offset_bytes;
}

void CudaPlan::run_step(size_t s, std::byte* arena, cuda::Stream stream) {
  const ReadyStep& step = steps_[s];
  const std::span<const TensorArg> args = args_;
  step.runner->run({.inputs = args.subspan(step.first_input, step.input_count),
                    .outputs = args.subspan(step.first_output, step.output_count),
                    .workspace = arena + step.workspace_offset,
                    .stream = stream});
}

// Lane 0 is `stream`; the other lanes leave it at their first step's waits and come back at the end.
Result<> CudaPlan::enqueue_steps(std::byte* arena, cuda::Stream stream) {
  const auto stream_of = [&](int lane) {
    return lane == 0 ? stream : side_streams_[static_cast<size_t>(lane) - 1].get();
  };
  std::vector<bool> open(static_cast<size_t>(plan_->lanes), false);
  std::vector<int64_t> last(static_cast<size_t>(plan_->lanes), -1);
  std::vector<bool> awaited(steps_.size(), false);
  for (const Step& step : plan_->steps)
    for (const uint32_t other : step.waits) awaited[other] = true;
  const auto base_of = [&](Operand::Place place, size_t index) { return base(place, index, arena); };
  if (plan_->lanes > 1) HONE_TRY(done_.back().record(stream));
  for (size_t s = 0; s < steps_.size(); ++s) {
    if (steps_[s].runner == nullptr) {
      HONE_ASSIGN(const size_t behind, host_->enqueue(s, base_of, stream));
      CudaDevice::hold_next_launch();
      s = behind - 1;
      continue;
    }
    const Step& step = plan_->steps[s];
    const auto lane = static_cast<size_t>(step.lane);
    const cuda::Stream own = stream_of(step.lane);
    // A lane that waits for nothing yet begins where the run does.
    if (lane > 0 && !open[lane] && step.waits.empty()) HONE_TRY(done_.back().hold(own));
    for (const uint32_t other : step.waits) HONE_TRY(done_[other].hold(own));
    if (!open[lane] || !step.waits.empty()) CudaDevice::hold_next_launch();
    open[lane] = true;
    run_step(s, arena, own);
    last[lane] = static_cast<int64_t>(s);
    if (awaited[s]) HONE_TRY(done_[s].record(own));
  }
  for (int lane = 1; lane < plan_->lanes; ++lane) {
    if (last[static_cast<size_t>(lane)] < 0) continue;
    const cuda::OwnedEvent& end = done_[static_cast<size_t>(last[static_cast<size_t>(lane)])];
    HONE_TRY(end.record(stream_of(lane)));
    HONE_TRY(end.hold(stream));
  }
  return {};
}

Result<> CudaPlan::enqueue_all(std::byte* arena, cuda::Stream stream, const Around* around) {
  bind(arena);
  CudaDevice::hold_next_launch();
  if (around != nullptr && around->before) HONE_TRY(around->before(stream));
  HONE_TRY(enqueue_steps(arena, stream));
  if (around == nullptr || !around->after) return {};
  CudaDevice::hold_next_launch();  // lanes have come together
  return around->after(stream);
}

Result<const cuda::OwnedGraph*> CudaPlan::graph_for(std::byte* arena, const Around* around) {
  std::vector<std::byte*> addresses = {arena};
  for (const auto* ports : {&inputs_, &outputs_})
    for (const Port& port : *ports) addresses.push_back(port.address);
  const uint64_t key = around != nullptr ? around->key : 0;
  const auto known = std::ranges::find_if(
      recorded_, [&](const Recorded& r) { return r.around == key && r.addresses == addresses; });
  if (known != recorded_.end()) {
    std::rotate(known, known + 1, recorded_.end());
    return &recorded_.back().graph;
  }
  const auto enqueue = [&] { return enqueue_all(arena, stream_.get(), around); };
  if (recorded_.size() < kMostGraphs) {
    HONE_ASSIGN(cuda::OwnedGraph graph, cuda::OwnedGraph::capture(*device_, stream_.get(), enqueue));
    recorded_.push_back({.addresses = std::move(addresses), .around = key, .graph = std::move(graph)});
  } else {
    std::rotate(recorded_.begin(), recorded_.begin() + 1, recorded_.end());
    recorded_.back().addresses.clear();
    HONE_TRY(recorded_.back().graph.recapture(stream_.get(), enqueue));
    recorded_.back().addresses = std::move(addresses);
    recorded_.back().around = key;
  }
  return &recorded_.back().graph;
}

// Each step alone, back to back with itself: what it takes of the whole where launches overlap. Timed once.
Result<> CudaPlan::time_steps(std::byte* arena, std::span<double> step_ms) {
  if (step_ms_.empty()) {
    HONE_ASSIGN(const cuda::OwnedEvent begin, cuda::OwnedEvent::create(*device_));
    HONE_ASSIGN(const cuda::OwnedEvent end, cuda::OwnedEvent::create(*device_));
    bind(arena);
    for (size_t s = 0; s < steps_.size(); ++s) {
      if (steps_[s].runner == nullptr) {
        step_ms_.push_back(0);  // the CPU's are known after the run
        continue;
      }
      HONE_ASSIGN(const cuda::OwnedGraph graph,
                  cuda::OwnedGraph::capture(*device_, stream_.get(), [&]() -> Result<> {
                    CudaDevice::hold_next_launch();
                    for (int i = 0; i < kTimedLaunches; ++i) run_step(s, arena, stream_.get());
                    return {};
                  }));
      double least = 0;
      for (int replay = 0; replay < 3; ++replay) {
        HONE_TRY(begin.record(stream_.get()));
        HONE_TRY(graph.launch(stream_.get()));
        HONE_TRY(end.record(stream_.get()));
        HONE_TRY(end.synchronize());
        HONE_ASSIGN(const float ms, end.ms_since(begin));
        if (replay == 0 || ms < least) least = ms;
      }
      step_ms_.push_back(least / kTimedLaunches);
    }
  }
  std::ranges::copy(step_ms_, step_ms.begin());
  return {};
}

// A fault inside a graph has no name: here each step is waited for.
Result<> CudaPlan::run_one_by_one(std::byte* arena) {
  bind(arena);
  const auto base_of = [&](Operand::Place place, size_t index) { return base(place, index, arena); };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const size_t first = s;
    Result<> done;
    if (steps_[s].runner == nullptr) {
      HONE_ASSIGN(const size_t behind, host_->enqueue(s, base_of, stream_.get()));
      s = behind - 1;
    } else {
      run_step(s, arena, stream_.get());
      done = CudaDevice::take_launch_error();
    }
    if (done) done = stream_.synchronize();
    const Step& step = plan_->steps[first];
    if (!done) return error_in(fmt::format("{} by {}", step.name, step.kernel->name()), done);
  }
  return {};
}

Result<> CudaPlan::run(std::span<const void* const> inputs, std::span<void* const> outputs, std::byte* arena,
                       ThreadPool&, std::span<double> step_ms) {
  const cuda::Current current(device_->driver(), device_->context());
  HONE_TRY(place_ports(inputs, outputs));
  if (!step_ms.empty()) HONE_TRY(time_steps(arena, step_ms));
  HONE_ASSIGN(const cuda::OwnedGraph* graph, graph_for(arena, nullptr));
  for (size_t i = 0; i < inputs_.size(); ++i) HONE_TRY(copy_input(inputs_[i], inputs[i]));
  static const bool one_by_one = std::getenv("HONE_CUDA_SYNC") != nullptr;
  HONE_TRY(one_by_one ? run_one_by_one(arena) : graph->launch(stream_.get()));
  for (size_t i = 0; i < outputs_.size(); ++i) HONE_TRY(begin_output(outputs_[i], outputs[i]));
  HONE_TRY(stream_.synchronize());
  if (!step_ms.empty() && host_ != nullptr) host_->read_times(step_ms);
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs[i] != nullptr && outputs_[i].staging.data() != nullptr && outputs[i] != outputs_[i].address &&
        cuda::memory_kind(*device_, outputs[i]) == cuda::MemoryKind::pageable)
      std::memcpy(outputs[i], outputs_[i].staging.data(), outputs_[i].bytes);
  return {};
}

Result<> CudaPlan::enqueue(std::span<const void* const> inputs, std::span<void* const> outputs,
                           std::byte* arena, void* stream, const ExecutionContext::Around* around) {
  const cuda::Current current(device_->driver(), device_->context());
  const auto check = [&](const char* what, size_t i, const void* address) -> Result<> {
    if (is_aligned(address) && cuda::memory_kind(*device_, address) == cuda::MemoryKind::device) return {};
    return error(StatusCode::invalid_argument,
                 fmt::format("enqueue(): {} {} is no memory of {}, aligned to {} bytes", what, i,
                             device_->name(), kAddressAlignment));
  };
  for (size_t i = 0; i < inputs.size(); ++i) HONE_TRY(check("input", i, inputs[i]));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] != nullptr) HONE_TRY(check("output", i, outputs[i]));
  HONE_TRY(place_ports(inputs, outputs));
  const cuda::Stream on = stream != nullptr ? static_cast<cuda::Stream>(stream) : stream_.get();
  const cuda::Driver& d = device_->driver();
  int capturing = cuda::kCaptureNone;
  HONE_TRY(d.check(d.stream_is_capturing(on, &capturing), "cuStreamIsCapturing"));
  if (capturing != cuda::kCaptureNone) {  // the steps become part of the caller's own graph
    HONE_TRY(enqueue_all(arena, on, around));
    return CudaDevice::take_launch_error();
  }
  HONE_ASSIGN(const cuda::OwnedGraph* graph, graph_for(arena, around));
  return graph->launch(on);
}

}  // namespace hone
