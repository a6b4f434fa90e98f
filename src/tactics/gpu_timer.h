// Times one candidate on a GPU as the network would run it: back to back in a graph, each launch with weights
// of its own that no cache holds yet.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "device/cuda/stream.h"
#include "kernels/kernel.h"
#include "tactics/problem_timer.h"

namespace hone {

class GpuTimer final : public CandidateTimer {
 public:
  static Result<std::unique_ptr<GpuTimer>> create(CudaDevice& device);

  // Milliseconds a launch: the least of a few replays.
  Result<float> time(const Kernel& kernel, const Problem& problem, const Slices& slices,
                     size_t workspace_bytes, double best_ms, double estimated_ms) override;
  void drop_packs() override { packs_.clear(); }
  size_t timed() const override { return timed_; }

 private:
  explicit GpuTimer(CudaDevice& device) : device_(device) {}
  Result<std::byte*> scratch(std::shared_ptr<DeviceBuffer>& buffer, size_t bytes);
  Result<std::byte*> random_input(DType type, size_t bytes);
  // `copies` times the packed weights, one behind the other at distances of pack_distance().
  Result<std::shared_ptr<DeviceBuffer>> packed(const Kernel& kernel, const Problem& problem, size_t copies,
                                               size_t* pack_bytes);

  CudaDevice& device_;
  cuda::OwnedStream stream_;
  cuda::OwnedEvent begin_, end_;
  struct Input {
    std::shared_ptr<DeviceBuffer> buffer;
    size_t filled_bytes = 0;
  };
  std::map<DType, Input> inputs_;
  std::shared_ptr<DeviceBuffer> outputs_, workspace_, flush_;
  struct Pack {
    std::shared_ptr<DeviceBuffer> buffer;
    size_t bytes = 0, copies = 0;
  };
  std::map<std::string, Pack> packs_;
  size_t timed_ = 0;
};

}  // namespace hone
