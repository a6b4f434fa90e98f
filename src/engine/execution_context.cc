// A family of static plans, one a shape, kept while they are used.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <list>

#include "base/log.h"
#include "device/cuda/driver.h"
#include "device/cuda/stream.h"
#include "engine/cuda_plan.h"
#include "engine/device_code.h"
#include "engine/engine_data.h"
#include "engine/prepared_plan.h"
#include "engine/shape_range.h"
#include "hone/engine.h"

namespace hone {
namespace {

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// "auto" is the GPU where the engine was built for one and there is one. A GPU that was asked for and is not
// there is one line, and the CPU.
Result<std::shared_ptr<Device>> open_for(const EngineData& engine, const ContextOptions& options) {
  const bool is_auto = options.device == "auto";
  const bool has_gpu_tuning = std::ranges::any_of(
      engine.tunings, [](const DeviceTuning& t) { return t.fingerprint.starts_with("cuda/"); });
  if (is_auto && !has_gpu_tuning) return open_device("cpu", options.thread_count);
  auto device = open_device(is_auto ? "cuda:0" : options.device, options.thread_count);
  if (device || device.error().code == StatusCode::invalid_argument) return device;
  log_warning(fmt::format("{}{}; running on the CPU", is_auto ? "the engine was built for a GPU: " : "",
                          device.error().message));
  return open_device("cpu", options.thread_count);
}

struct CachedPlan {
  InputShapes shapes;
  std::shared_ptr<const Plan> plan;
  std::unique_ptr<ReadyPlan> prepared;  // made by the first run
};

}  // namespace

struct ExecutionContext::State {
  State(std::shared_ptr<const Engine> engine_, ContextOptions options_, std::shared_ptr<Device> device_)
      : engine(std::move(engine_)),
        options(std::move(options_)),
        device(std::move(device_)),
        threads(options.thread_count),
        evaluate(reference_evaluator()) {
    use_device();
  }

  void use_device() {
    fingerprint = device->fingerprint();
    const DeviceTuning* tuning = tuning_for(data(), fingerprint);
    tuned = tuning != nullptr ? tuning->fingerprint : "";
    compute = compute_of(tuning);
    if (device->kind() == DeviceKind::cuda) use_carried_code();
  }

  // Kernels of an engine that has machine code for this GPU are chosen among those that it carries. Code for
  // other chips serves where no compiler is at hand.
  void use_carried_code() {
    root = device;
    auto& gpu = static_cast<CudaDevice&>(*device);
    DeviceCode code = code_for(data().binaries, gpu.properties().capability, gpu.driver().version);
    lack = std::move(code.lack);
    const bool is_own = code.target == gpu.target();
    const DeviceTuning* other = tuning_of_target(data(), code.target);
    if (!is_own && other != nullptr) compute = compute_of(other);
    if (code.target.empty() || (!is_own && cuda::can_compile())) return;
    if (!is_own) {
      if (other != nullptr) tuned = other->fingerprint;
      log_warning(
          fmt::format("{}: the engine has no machine code for {} and takes that for {}{}: slower than "
                      "an engine built with --target sm_{}",
                      gpu.name(), gpu.target(), code.target,
                      code.target == cuda::kPortableTarget ? " (the driver compiles it)" : "",
                      gpu.properties().capability));
    }
    for (const ProgramBinary& binary : data().binaries)
      if (binary.target == code.target)
        gpu.add_binary(binary.key,
                       {.owner = engine, .code = binary.code, .nvrtc_version = binary.nvrtc_version});
    device = gpu.carrying(program_keys(data().binaries, code.target));
  }

  int lanes() const { return device->kind() == DeviceKind::cuda ? kGpuLanes : 1; }

  // An engine never refuses a machine: what it carries no code for is compiled here, where there is a
  // compiler, and what a GPU cannot do here, the CPU does.
  Result<> fall_back(const Status& why) {
    current = nullptr;
    profiled = nullptr;
    plans.clear();
    arena.reset();
    if (device != root && cuda::can_compile()) {
      log_verbose(fmt::format("{}: {}; compiled here", device->name(), why.message));
      device = root;
      return {};
    }
    log_warning(fmt::format("{}: {}; running on the CPU", device->name(), lack.empty() ? why.message : lack));
    HONE_ASSIGN(device, open_device("cpu", options.thread_count));
    use_device();
    return {};
  }

  EngineData& data() const { return engine->data(); }

  // The plan for the current shapes, from the cache or new.
  Result<> plan_for_shapes() {
    if (current != nullptr) return {};
    for (const TensorInfo& input : data().inputs)
      if (!shapes.contains(input.name))
        return error(StatusCode::invalid_argument,
                     fmt::format("input {} has no shape yet; set_input_shape() gives it one", input.name));
    const auto cached = std::ranges::find(plans, shapes, &CachedPlan::shapes);
    if (cached != plans.end()) {
      plans.splice(plans.begin(), plans, cached);
    } else {
      HONE_TRY(check_profile(data(), shapes));
      const Choices* known = tuned.empty() ? nullptr : nearest_choices(data(), tuned, shapes);
      if (known == nullptr && !warned) {
        log_verbose(
            fmt::format("the engine was not tuned for {}; the cost model chooses its kernels", fingerprint));
        warned = true;
      }
      HONE_ASSIGN(Plan plan, specialise(data().portable, shapes, *device, known, evaluate,
                                        {.thread_count = threads.thread_count(),
                                         .device = device.get(),
                                         .compute = compute,
                                         .lanes = lanes(),
                                         .rules = known != nullptr ? rules_of(*known) : RowRules{}}));
      planning_ms = plan.planning_ms;
      plans.push_front(
          {.shapes = shapes, .plan = std::make_shared<const Plan>(std::move(plan)), .prepared = nullptr});
      while (plans.size() > std::max<size_t>(1, options.plan_cache_size)) plans.pop_back();
    }
    current = &plans.front();
    return {};
  }

  Result<> ensure_plan() {
    auto made = plan_for_shapes();
    if (made || device->kind() == DeviceKind::cpu || !is_lack(made.error())) return made;
    HONE_TRY(fall_back(made.error()));
    return ensure_plan();
  }

  Result<> ensure_prepared() {
    HONE_TRY(ensure_plan());
    auto ready = prepare();
    if (ready || device->kind() == DeviceKind::cpu || !is_lack(ready.error())) return ready;
    HONE_TRY(fall_back(ready.error()));
    return ensure_prepared();
  }

  // Something that this machine has not got, rather than something that went wrong on it.
  static bool is_lack(const Status& status) {
    return status.code == StatusCode::not_found || status.code == StatusCode::unsupported;
  }

  Result<> prepare() {
    if (arena == nullptr || arena->size_bytes() < current->plan->arena_bytes) {
      arena.reset();
      HONE_ASSIGN(arena, device->allocate(current->plan->arena_bytes));
    }
    if (current->prepared != nullptr) return {};
    const auto start = std::chrono::steady_clock::now();
    if (device->kind() == DeviceKind::cuda) {
      HONE_ASSIGN(current->prepared, CudaPlan::make(current->plan, data(),
                                                    std::static_pointer_cast<CudaDevice>(device), threads));
    } else {
      HONE_ASSIGN(current->prepared, PreparedPlan::make(current->plan, data().packs, *device, threads));
    }
    step_ms.resize(std::max(step_ms.size(), current->plan->steps.size()));
    prepare_ms = ms_since(start);
    return {};
  }

  Result<> run(std::span<const void* const> inputs, std::span<void* const> outputs) {
    HONE_TRY(ensure_prepared());
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i] == nullptr)
        return error(StatusCode::invalid_argument,
                     fmt::format("input {} has no data", data().inputs[i].name));
    profiled = profiling ? current : nullptr;
    const std::span<double> times =
        profiling ? std::span(step_ms).first(current->plan->steps.size()) : std::span<double>{};
    return current->prepared->run(inputs, outputs, static_cast<std::byte*>(arena->address()), threads, times);
  }

  Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs, void* stream,
                   const Around* around) {
    if (inputs.size() != data().inputs.size() || outputs.size() != data().outputs.size())
      return error(StatusCode::invalid_argument,
                   fmt::format("enqueue() was given {} inputs and {} outputs; the engine has {} and {}",
                               inputs.size(), outputs.size(), data().inputs.size(), data().outputs.size()));
    HONE_TRY(ensure_prepared());
    return current->prepared->enqueue(inputs, outputs, static_cast<std::byte*>(arena->address()), stream,
                                      around);
  }

  std::shared_ptr<const Engine> engine;
  ContextOptions options;
  std::shared_ptr<Device> device;
  std::shared_ptr<Device> root;  // the GPU itself, where `device` loads what the engine carries alone
  ThreadPool threads;
  std::string fingerprint;
  std::string tuned;  // the fingerprint whose choices are taken; empty: none
  std::string lack;   // what keeps the engine's machine code from running here; empty: nothing
  DType compute = DType::f32;
  Evaluator evaluate;
  InputShapes shapes;
  size_t dynamic_inputs = 0;
  std::list<CachedPlan> plans;           // the most recently used first
  CachedPlan* current = nullptr;         // of the current shapes; null until made
  const CachedPlan* profiled = nullptr;  // whose times step_ms holds
  std::shared_ptr<DeviceBuffer> arena;   // shared by all plans: as large as the largest
  std::vector<double> step_ms;
  std::vector<const void*> input_pointers;
  std::vector<void*> output_pointers;
  double planning_ms = 0, prepare_ms = 0;
  bool profiling = false, warned = false;
};

ExecutionContext::ExecutionContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
ExecutionContext::~ExecutionContext() = default;

Result<std::unique_ptr<ExecutionContext>> ExecutionContext::create(std::shared_ptr<const Engine> engine,
                                                                   ContextOptions options) {
  if (engine == nullptr) return error(StatusCode::invalid_argument, "a context needs an engine");
  HONE_ASSIGN(auto device, open_for(engine->data(), options));
  if (device->kind() == DeviceKind::null)
    return error(StatusCode::unsupported,
                 fmt::format("device {} cannot run an engine; use device cpu", options.device));
  if (device->kind() == DeviceKind::cuda && options.gpu_memory_limit_bytes > 0)
    static_cast<CudaDevice&>(*device).set_memory_limit(options.gpu_memory_limit_bytes);
  auto state = std::make_unique<State>(std::move(engine), std::move(options), std::move(device));
  for (const TensorInfo& input : state->data().inputs) {
    if (is_concrete(input.shape))
      state->shapes[input.name] = input.shape;
    else
      ++state->dynamic_inputs;
  }
  state->input_pointers.resize(state->data().inputs.size());
  state->output_pointers.resize(state->data().outputs.size());
  if (state->dynamic_inputs == 0) HONE_TRY(state->ensure_plan());
  return std::unique_ptr<ExecutionContext>(new ExecutionContext(std::move(state)));
}

Result<> ExecutionContext::set_input_shape(const std::string& name, const Shape& shape) {
  HONE_TRY(check_input_shape(state_->data(), name, shape));
  const auto known = state_->shapes.find(name);
  if (known != state_->shapes.end() && known->second == shape) return {};
  const InputShapes before = state_->shapes;
  state_->shapes[name] = shape;
  state_->current = nullptr;
  state_->profiled = nullptr;
  // With several dynamic inputs the caller is in the middle of setting them: the plan waits for its first
  // use.
  if (state_->dynamic_inputs > 1) return {};
  auto planned = state_->ensure_plan();
  if (!planned) state_->shapes = before;
  return planned;
}

Result<Shape> ExecutionContext::tensor_shape(const std::string& name) const {
  const EngineData& data = state_->data();
  const auto input = std::ranges::find(data.inputs, name, &TensorInfo::name);
  if (input != data.inputs.end()) {
    const auto known = state_->shapes.find(name);
    return known != state_->shapes.end() ? known->second : input->shape;
  }
  const auto output = std::ranges::find(data.outputs, name, &TensorInfo::name);
  if (output == data.outputs.end())
    return error(StatusCode::not_found, fmt::format("the engine has no input or output {}", name));
  HONE_TRY(state_->ensure_plan());
  return state_->current->plan->outputs[static_cast<size_t>(output - data.outputs.begin())].shape;
}

Result<> ExecutionContext::run(std::span<const void* const> inputs, std::span<void* const> outputs) {
  const EngineData& data = state_->data();
  if (inputs.size() != data.inputs.size() || outputs.size() != data.outputs.size())
    return error(StatusCode::invalid_argument,
                 fmt::format("run() was given {} inputs and {} outputs; the engine has {} and {}",
                             inputs.size(), outputs.size(), data.inputs.size(), data.outputs.size()));
  return state_->run(inputs, outputs);
}

Result<> ExecutionContext::enqueue(std::span<const void* const> inputs, std::span<void* const> outputs,
                                   void* stream) {
  return state_->enqueue(inputs, outputs, stream, nullptr);
}

Result<> ExecutionContext::enqueue(std::span<const void* const> inputs, std::span<void* const> outputs,
                                   void* stream, const Around& around) {
  if (around.key == 0)
    return error(StatusCode::invalid_argument,
                 "enqueue() was given work of the key 0: it needs one that stands for what is enqueued");
  return state_->enqueue(inputs, outputs, stream, &around);
}

Result<std::shared_ptr<std::byte>> ExecutionContext::host_memory(size_t size_bytes) {
  const std::shared_ptr<Device>& device = state_->device;
  if (device->kind() == DeviceKind::cuda) {
    HONE_ASSIGN(auto pinned, cuda::PinnedBuffer::create(static_cast<CudaDevice&>(*device), size_bytes));
    std::byte* data = pinned.data();
    struct Held {
      std::shared_ptr<Device> device;
      cuda::PinnedBuffer memory;
    };
    return std::shared_ptr<std::byte>(std::make_shared<Held>(device, std::move(pinned)), data);
  }
  HONE_ASSIGN(auto buffer, device->allocate(size_bytes));
  auto* data = static_cast<std::byte*>(buffer->address());
  return std::shared_ptr<std::byte>(std::move(buffer), data);
}

Result<> ExecutionContext::run(const std::map<std::string, const void*>& inputs,
                               const std::map<std::string, void*>& outputs) {
  const EngineData& data = state_->data();
  std::ranges::fill(state_->input_pointers, nullptr);
  std::ranges::fill(state_->output_pointers, nullptr);
  const auto place = [](const std::vector<TensorInfo>& tensors, const auto& given, auto& pointers,
                        const char* what) -> Result<> {
    for (const auto& [name, pointer] : given) {
      const auto found = std::ranges::find(tensors, name, &TensorInfo::name);
      if (found == tensors.end())
        return error(StatusCode::not_found, fmt::format("the engine has no {} {}", what, name));
      pointers[static_cast<size_t>(found - tensors.begin())] = pointer;
    }
    return {};
  };
  HONE_TRY(place(data.inputs, inputs, state_->input_pointers, "input"));
  HONE_TRY(place(data.outputs, outputs, state_->output_pointers, "output"));
  return state_->run(state_->input_pointers, state_->output_pointers);
}

void ExecutionContext::set_profiling(bool on) { state_->profiling = on; }

std::vector<ExecutionContext::StepTime> ExecutionContext::step_times() const {
  std::vector<StepTime> times;
  if (state_->profiled == nullptr) return times;
  const Plan& plan = *state_->profiled->plan;
  for (size_t s = 0; s < plan.steps.size(); ++s)
    times.push_back({.name = plan.steps[s].name,
                     .kernel = std::string(plan.steps[s].kernel->name()),
                     .ms = state_->step_ms[s],
                     .flops = plan.steps[s].flops});
  return times;
}

std::string ExecutionContext::device() const { return state_->device->name(); }
std::string ExecutionContext::device_description() const { return state_->fingerprint; }
std::string ExecutionContext::precision() const { return std::string(dtype_name(state_->compute)); }

size_t ExecutionContext::memory_bytes() const {
  size_t bytes = state_->arena != nullptr ? state_->arena->size_bytes() : 0;
  for (const CachedPlan& plan : state_->plans)
    if (plan.prepared != nullptr) bytes += plan.prepared->memory_bytes();
  return bytes;
}

double ExecutionContext::planning_ms() const { return state_->planning_ms; }
double ExecutionContext::prepare_ms() const { return state_->prepare_ms; }

std::string ExecutionContext::describe() const {
  if (auto planned = state_->ensure_plan(); !planned) return planned.error().message + "\n";
  return fmt::format("device {}, {} threads\n{}", state_->fingerprint, state_->threads.thread_count(),
                     print(*state_->current->plan));
}

}  // namespace hone
