// What it costs to bring a value from one layout into another: bytes over a bandwidth that is measured once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "tactics/node_options.h"
#include "tactics/problem_timer.h"

namespace hone {

class ReorderCost {
 public:
  ReorderCost(KernelRows& rows, size_t thread_count);

  // Times a large reorder and a small one, or takes their times from the cache. Without them a guess is used.
  void measure(CandidateTimer& timer, TimingCache* cache, const std::string& fingerprint);
  // Infinite when no kernel can.
  double ms(const TensorDesc& plain, Layout from, Layout to);

 private:
  std::optional<double> time(const Shape& shape, CandidateTimer& timer, TimingCache* cache,
                             const std::string& fingerprint);

  KernelRows& rows_;
  size_t thread_count_;
  double bytes_per_ms_ = 5e6;   // 5 GB/s: two cores of a server, read and written bytes counted
  double overhead_ms_ = 0.004;  // starting the threads and walking the step
  std::map<std::tuple<DType, Layout, Layout>, bool> possible_;
};

}  // namespace hone
