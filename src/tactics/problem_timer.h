// Times one candidate on the device, on buffers like those of the arena.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "device/device.h"
#include "kernels/kernel.h"
#include "tactics/slices.h"

namespace hone {

// What tuning asks of a device.
class CandidateTimer {
 public:
  virtual ~CandidateTimer() = default;
  // Milliseconds of a run. Where a kernel honours strides, a GPU's operands lie in `slices` as they will.
  // `best_ms` is the best candidate's so far (0: none yet): one that is clearly slower may be measured less
  // closely. `estimated_ms` is the cost model's.
  virtual Result<float> time(const Kernel& kernel, const Problem& problem, const Slices& slices,
                             size_t workspace_bytes, double best_ms, double estimated_ms) = 0;
  // Lets go of the packed weights of the last problem; scratch buffers stay for the next.
  virtual void drop_packs() = 0;
  virtual size_t timed() const = 0;
};

// On the CPU.
class ProblemTimer final : public CandidateTimer {
 public:
  ProblemTimer(Device& device, size_t thread_count) : device_(device), threads_(thread_count) {}

  // Bytes that timing this candidate would hold.
  static size_t bytes_needed(const Problem& problem, size_t workspace_bytes);

  // Milliseconds of the best of a few runs after one to warm up. Weights are packed for real; a candidate
  // that is clearly slower than `best_ms` (0: none yet) gets fewer runs.
  Result<float> time(const Kernel& kernel, const Problem& problem, const Slices& slices,
                     size_t workspace_bytes, double best_ms, double estimated_ms) override;
  void drop_packs() override { packs_.clear(); }
  size_t timed() const override { return timed_; }

 private:
  struct Scratch {
    std::shared_ptr<DeviceBuffer> buffer;
    size_t filled_bytes = 0;
  };
  Result<std::byte*> scratch(Scratch& scratch, size_t bytes);
  Result<std::byte*> random_input(DType type, size_t bytes);
  Result<std::span<const std::byte>> packed(const Kernel& kernel, const Problem& problem);

  Device& device_;
  ThreadPool threads_;
  std::map<DType, Scratch> inputs_;
  Scratch outputs_, workspace_;
  std::map<std::string, std::shared_ptr<DeviceBuffer>>
      packs_;  // of one problem's candidates, by packing name
  size_t timed_ = 0;
};

// Small finite numbers for floating types, zeros for the others (an index must stay in range).
void fill_random(DType type, std::byte* data, size_t bytes);

}  // namespace hone
