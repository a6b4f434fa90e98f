// Times one candidate on the device, on buffers like those of the arena.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "device/device.h"
#include "kernels/kernel.h"

namespace hone {

class ProblemTimer {
 public:
  ProblemTimer(Device& device, size_t thread_count) : device_(device), threads_(thread_count) {}

  // Bytes that timing this candidate would hold.
  static size_t bytes_needed(const Problem& problem, size_t workspace_bytes);

  // Milliseconds of the best of a few runs after one to warm up. Weights are packed for real; a candidate
  // that is clearly slower than `best_ms` (0: none yet) gets fewer runs.
  Result<float> time(const Kernel& kernel, const Problem& problem, size_t workspace_bytes, double best_ms);

  // Lets go of the packed weights of the last problem; scratch buffers stay for the next.
  void drop_packs() { packs_.clear(); }
  size_t timed() const { return timed_; }

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

}  // namespace hone
