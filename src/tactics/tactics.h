// Choice of kernels and layouts for a bound graph.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/device.h"
#include "ir/graph.h"
#include "kernels/kernel.h"

namespace hone {

// One timed (or estimated) candidate, kept for the report.
struct Candidate {
  std::string kernel;
  int version = 0;
  float ms = -1;       // < 0: not timed
  bool fits = false;   // legal in the layouts that were chosen: could take the winner's place
  std::string reason;  // why it was refused or skipped; empty if it was eligible
};

// What a node got.
struct Choice {
  std::string kernel;
  int version = 0;
  float ms = -1;
  std::vector<Layout> inputs, outputs;  // the layouts it runs in
  std::vector<Candidate> candidates;    // the others, for `hone inspect`; not needed to run
};

// Choices of one bound shape, by Node::id (stable over passes).
struct Choices {
  std::string shapes;  // "images:1x3x640x640", the shape they were made for
  std::map<int64_t, Choice> by_node;
  bool timed = false;  // false: the cost model's
};

// Times of (kernel, problem) on a device, between builds. File: JSON lines, appended atomically; a damaged or
// foreign file is ignored with a warning. Not thread safe.
class TimingCache {
 public:
  static TimingCache load(const std::filesystem::path& path);  // a missing file gives an empty cache
  std::optional<float> find(uint64_t key) const;
  void store(uint64_t key, float ms);
  Result<> save(const std::filesystem::path& path) const;  // merged with what others wrote meanwhile
  size_t size() const { return times_.size(); }
  size_t hits() const { return hits_; }

 private:
  std::map<uint64_t, float> times_;
  mutable size_t hits_ = 0;
};

// Which rows a plan for a GPU may use.
struct RowRules {
  // Operators ("Softmax") that the CPU computes although the GPU has rows for them.
  std::vector<std::string> cpu_ops;
  // The same for single nodes, by Node::id.
  std::set<int64_t> cpu_nodes;

  bool leaves_to_cpu(const Node& node) const;
};
// What choices for a GPU leave to the CPU, so that plans for other shapes do so too.
RowRules rules_of(const Choices& choices);

struct TacticOptions {
  int level = 3;                              // 0: cost model alone; 5: every legal kernel is timed
  std::chrono::milliseconds deadline{60000};  // tuning stops here; the rest takes the cost model's choice
  size_t memory_limit_bytes = 0;  // 0: none; candidates whose buffers pass it are skipped, on record
  size_t thread_count = 0;
  TimingCache* cache = nullptr;
  RowRules rules;
};

// The key of one candidate's time: kernel name and version, op, descs with layouts, device fingerprint.
uint64_t timing_key(const Kernel& kernel, const Problem& problem, const std::string& fingerprint);

// Measures. `graph` is bound and optimized.
Result<Choices> choose(const Graph& graph, Device& device, const TacticOptions& options);
// Without measuring, in a millisecond or so: takes the kernels of `known` (the tuned shape nearest to this
// one) where they are legal for this shape, the cost model's else. `known` may be null.
Result<Choices> choose_fast(const Graph& graph, Device& device, const Choices* known, size_t thread_count,
                            const RowRules& rules = {});

}  // namespace hone
