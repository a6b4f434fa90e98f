// Running an engine. A 30-line program stands in examples/.
//
//   auto engine  = hone::Engine::open("yolov8m.engine");
//   auto context = hone::ExecutionContext::create(*engine, {});
//   (*context)->set_input_shape("images", {1, 3, 640, 640});
//   (*context)->run({{"images", pixels}}, {{"output0", boxes}});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hone/status.h"
#include "hone/types.h"

namespace hone {

struct TensorInfo {
  std::string name;
  DType type = DType::f32;
  Shape shape;                         // -1 where the extent is the caller's choice
  std::vector<std::string> dim_names;  // "batch", "height", …; may be empty
};

// The shapes one input may take, and the one to be fastest at.
struct ShapeRange {
  Shape min, opt, max;
};
// By input name. Inputs with fixed shapes need no entry.
using Profile = std::map<std::string, ShapeRange>;

struct EngineData;  // src/engine/engine_data.h

// Immutable; shared by threads and contexts.
class Engine {
 public:
  // Maps an engine file. Every byte is checked against its section's checksum; a damaged file is refused
  // (StatusCode::invalid_file). Files with and without Ultralytics' metadata header are read.
  static Result<std::shared_ptr<const Engine>> open(const std::filesystem::path& path);
  // From memory, at any alignment; the bytes are copied.
  static Result<std::shared_ptr<const Engine>> from_bytes(std::span<const std::byte> bytes);

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;
  const std::vector<Profile>& profiles() const;
  // Ultralytics' keys ("task", "names", "stride", …), values as Python str() text, and hone's own.
  const std::map<std::string, std::string>& metadata() const;

  explicit Engine(std::shared_ptr<EngineData> data);
  ~Engine();
  EngineData& data() const { return *data_; }

 private:
  std::shared_ptr<EngineData> data_;
};

struct ContextOptions {
  // "cpu", "cuda:0", or "auto": a GPU where the engine was built for one. Where the GPU or what it needs is
  // missing, one line of the log says so and the CPU computes.
  std::string device = "auto";
  size_t thread_count = 0;     // 0: every core this process may use
  size_t plan_cache_size = 8;  // plans kept, least recently used dropped
  // Bytes of a GPU's memory that hone takes at most, all contexts of the process together; what would pass it
  // is StatusCode::resource. 0: no limit.
  size_t gpu_memory_limit_bytes = 0;
};

// Belongs to one thread at a time.
class ExecutionContext {
 public:
  static Result<std::unique_ptr<ExecutionContext>> create(std::shared_ptr<const Engine> engine,
                                                          ContextOptions options = {});
  ~ExecutionContext();

  // Chooses the shape of a dynamic input. A shape outside every profile is StatusCode::out_of_range. Plans
  // are made (or taken from the cache) once all inputs have shapes; static inputs have theirs from the start.
  Result<> set_input_shape(const std::string& name, const Shape& shape);
  // Concrete once all input shapes are known.
  Result<Shape> tensor_shape(const std::string& name) const;

  // Runs with the current shapes. Dense row-major buffers of at least the tensor's size, in host memory or in
  // that of the context's GPU; outputs that are not named are not copied out. Allocates nothing in hone's
  // code after the first run of a shape.
  Result<> run(const std::map<std::string, const void*>& inputs, const std::map<std::string, void*>& outputs);
  // The same by position, in the order of Engine::inputs() and outputs(); null outputs are skipped.
  Result<> run(std::span<const void* const> inputs, std::span<void* const> outputs);

  // On a GPU alone: enqueues a run on `stream` (a CUstream; null: the context's own) and returns without
  // waiting. Addresses are device memory, aligned to 16 bytes, that stays valid until the run is done; null
  // outputs are skipped. May itself be captured in a CUDA graph. Runs of one context share its memory: they
  // must not overlap.
  Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs, void* stream);
  // The same with work of the caller's before the first step and after the last, recorded together with them
  // and launched as one.
  struct Around {
    // Stands for all that the two enqueue, addresses included: what has been recorded for a key is launched
    // again for it, without a call of the functions. Not 0.
    uint64_t key = 0;
    // Launches and copies on `stream` (a CUstream) that wait for nothing on the host.
    std::function<Result<>(void* stream)> before, after;
  };
  Result<> enqueue(std::span<const void* const> inputs, std::span<void* const> outputs, void* stream,
                   const Around& around);

  // Host memory that the device copies from and to at full speed: page-locked where that is a GPU. Aligned to
  // 64 bytes; freed with its last owner.
  Result<std::shared_ptr<std::byte>> host_memory(size_t size_bytes);

  // Milliseconds of each step of the last run, when profiling was on.
  struct StepTime {
    std::string name, kernel;
    double ms = 0, flops = 0;
  };
  void set_profiling(bool on);
  std::vector<StepTime> step_times() const;

  // Where it runs ("cpu", "cuda:0"), on what ("NVIDIA H200"), and what it computes in ("f32", "f16").
  std::string device() const;
  std::string device_description() const;
  std::string precision() const;

  // Bytes of arena and workspace held now; milliseconds the newest plan took to make, and to get ready
  // (prepare).
  size_t memory_bytes() const;
  double planning_ms() const;
  double prepare_ms() const;
  // The current plan as text, for people.
  std::string describe() const;

 private:
  struct State;
  explicit ExecutionContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone
