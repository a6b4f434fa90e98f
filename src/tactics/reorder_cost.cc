#include "tactics/reorder_cost.h"

#include <algorithm>
#include <limits>

namespace hone {
namespace {

// Of a GPU: a launch in a graph, and what a kernel that turns pixels into channels reaches of the memory's
// rate.
constexpr double kLaunchMs = 0.002, kReachable = 0.4;

}  // namespace

ReorderCost::ReorderCost(KernelRows& rows, size_t thread_count) : rows_(rows), thread_count_(thread_count) {
  const GpuTraits* gpu = rows.device() != nullptr ? rows.device()->gpu() : nullptr;
  if (gpu == nullptr || gpu->bytes_per_ns <= 0) return;
  overhead_ms_ = kLaunchMs;
  bytes_per_ms_ = kReachable * gpu->bytes_per_ns * 1e6;
}

void ReorderCost::measure(CandidateTimer& timer, TimingCache* cache, const std::string& fingerprint) {
  // An early feature map of a small network, and next to nothing: what is left is the step itself.
  const Shape large = {1, 64, 80, 80}, small = {1, 16, 8, 8};
  const auto large_ms = time(large, timer, cache, fingerprint),
             small_ms = time(small, timer, cache, fingerprint);
  if (!large_ms || !small_ms) return;
  const double bytes =
      2.0 * 4 * static_cast<double>(element_count(large).value_or(0) - element_count(small).value_or(0));
  overhead_ms_ = *small_ms;
  bytes_per_ms_ = bytes / std::max(*large_ms - *small_ms, *large_ms / 10);
}

std::optional<double> ReorderCost::time(const Shape& shape, CandidateTimer& timer, TimingCache* cache,
                                        const std::string& fingerprint) {
  TensorDesc from(DType::f32, shape), to = from;
  to.layout = Layout::nchw8c;
  Verdict verdict;
  const Kernel* kernel = copy_kernel(from, to, thread_count_, rows_, &verdict);
  if (kernel == nullptr) return std::nullopt;
  const Op identity = Unary{};
  const ConstantPtr no_constant;
  const Problem problem{.op = identity,
                        .inputs = {&from, 1},
                        .outputs = {&to, 1},
                        .constants = {&no_constant, 1},
                        .thread_count = thread_count_};
  const uint64_t key = timing_key(*kernel, problem, fingerprint);
  if (cache != nullptr)
    if (const auto known = cache->find(key)) return *known;
  const auto measured = timer.time(*kernel, problem, {}, verdict.workspace_bytes, 0, 0);
  if (!measured) return std::nullopt;
  if (cache != nullptr) cache->store(key, *measured);
  return *measured;
}

double ReorderCost::ms(const TensorDesc& plain, Layout from, Layout to) {
  if (from == to) return 0;
  const auto [found, is_new] = possible_.emplace(std::tuple(plain.type, from, to), false);
  if (is_new) {
    TensorDesc source = plain, target = plain;
    source.layout = from, target.layout = to;
    Verdict verdict;
    found->second = copy_kernel(source, target, thread_count_, rows_, &verdict) != nullptr;
  }
  if (!found->second) return std::numeric_limits<double>::infinity();
  const size_t bytes = layout_bytes(plain.type, plain.shape, from).value_or(0) +
                       layout_bytes(plain.type, plain.shape, to).value_or(0);
  return overhead_ms_ + static_cast<double>(bytes) / bytes_per_ms_;
}

}  // namespace hone
