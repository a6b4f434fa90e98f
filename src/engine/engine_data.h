// What an Engine holds. Graphs and tunings never change after construction; the pack store grows.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "engine/device_packs.h"
#include "hone/engine.h"
#include "ir/graph.h"
#include "ir/infer.h"
#include "tactics/tactics.h"

namespace hone {

// Packed weights by key: those in the engine file (used from the mapping), and those made since. Thread safe;
// a span stays valid as long as the store.
class PackStore {
 public:
  void add_mapped(uint64_t key, std::span<const std::byte> bytes);
  std::optional<std::span<const std::byte>> find(uint64_t key) const;
  // Keeps `bytes` (64-byte aligned copy) unless the key is there already; returns what is stored.
  std::span<const std::byte> add(uint64_t key, std::vector<std::byte> bytes);
  std::vector<uint64_t> keys() const;
  size_t made_bytes() const;  // held in memory, not in the file

 private:
  struct Aligned;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::span<const std::byte>> found_;
  std::vector<std::shared_ptr<void>> owned_;
  size_t made_bytes_ = 0;
};

// A packed weight of a built engine, made when the file is written: packs are larger than the weights, and
// never all in memory at once. An engine that stays in memory makes those it needs when a context is
// prepared.
struct PackToMake {
  uint64_t key = 0;
  std::function<Result<std::vector<std::byte>>()> make;  // called from any thread
};

// Choices made on one device (Device::fingerprint()), one per tuned shape.
struct DeviceTuning {
  std::string fingerprint;
  std::string precision;  // "f32", "bf16"
  std::vector<Choices> choices;
};

// Machine code of a GPU's kernel, from the file or made when the engine was built.
struct ProgramBinary {
  uint64_t key = 0;    // cuda::Program::key()
  std::string target;  // "sm_90a"
  int nvrtc_version = 0;
  std::shared_ptr<const void> owner;
  std::span<const std::byte> code;
};

struct EngineData {
  std::shared_ptr<const void> storage;  // keeps the mapping or buffer alive
  Graph source;                         // as imported, before any pass
  Graph portable;                       // after the portable passes, all f32: what specialise() takes
  std::vector<TensorInfo> inputs, outputs;
  std::vector<Profile> profiles;
  std::vector<DeviceTuning> tunings;
  std::vector<ProgramBinary> binaries;
  PackStore packs;
  std::vector<PackToMake> packs_to_make;  // keys differ from each other and from those in `packs`
  DevicePacks device_packs;
  size_t file_bytes = 0;
};

// Folds with the reference kernels.
Evaluator reference_evaluator();

}  // namespace hone
