// From a model file to an engine.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/engine.h"

namespace hone {

struct BuildOptions {
  std::vector<Profile> profiles;  // none: static inputs as they are; a dynamic input needs one
  std::vector<std::string> precisions = {"f32"};  // what kernels may compute in: "f32", "bf16", …
  // "cpu", "cuda:0", a chip that need not be here: "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", or "ptx": any
  // GPU since sm_80, whose driver compiles. Empty: the GPU where half precision is allowed and there is one,
  // else the CPU.
  std::vector<std::string> targets;
  // Engine files for a GPU carry PTX too, so that other and newer ones run them, slower.
  bool carry_ptx = true;
  // Operators ("Softmax") that plans for GPUs leave to the CPU, as they do with one that has no kernel there.
  std::vector<std::string> cpu_ops;
  int level = 3;                              // 0: cost model alone … 5: every legal kernel is timed
  std::chrono::milliseconds deadline{60000};  // for tuning
  size_t memory_limit_bytes = 0;              // 0: none
  std::filesystem::path timing_cache;         // empty: none
  size_t thread_count = 0;
  // Leave the source weights out of the file: smaller, but the engine is then good for the tuned shapes on
  // this kind of device alone.
  bool strip_source = false;
  std::string dump_stage;  // "import", a pass's name, "bound", "plan"; see dump
  std::function<void(const std::string& stage, const std::string& text)> dump;
  std::function<void(const std::string& stage, double done)> progress;  // done: 0..1
};

struct StageTime {
  std::string stage;
  double ms = 0;
};

struct BuildReport {
  std::vector<StageTime> stages;
  size_t engine_bytes = 0, weight_bytes = 0, packed_bytes = 0, arena_bytes = 0;
  size_t timed_candidates = 0, timing_cache_hits = 0;
  // A GPU's memory that hone held at most while building, and what running takes at the largest shape of a
  // profile; the driver's own apart. 0 without a GPU.
  size_t gpu_build_bytes = 0, gpu_run_bytes = 0;
  std::vector<std::string> notes;  // what was skipped and why
};

// `model` is a .pt, an .onnx or an .engine. Writes `engine_path` whole or not at all.
Result<BuildReport> build(const std::filesystem::path& model, const std::filesystem::path& engine_path,
                          const BuildOptions& options);
// The same without a file: the engine in memory.
Result<std::shared_ptr<const Engine>> build(const std::filesystem::path& model, const BuildOptions& options,
                                            BuildReport* report = nullptr);

}  // namespace hone
