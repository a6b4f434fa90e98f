#include "build/finalists.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "base/hash.h"
#include "base/log.h"
#include "device/cuda/stream.h"
#include "engine/cuda_plan.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

// Runners-up that are tried: up to so many times the winner's own time. Where much is at stake, more of them:
// layers that are bound by memory have been 1.25 times as slow in the network as their rivals, though timed
// alike alone.
constexpr float kWithin = 1.12f, kWithinLarge = 1.3f;
// Groups that take less of the whole than this are left alone.
constexpr double kLeastShare = 0.006, kLargeShare = 0.01;
// A network must be faster by more than what repeated timings of one differ by.
constexpr double kFaster = 0.998, kHopeless = 1.001;
constexpr int kRounds = 5;
constexpr double kLeastTimedMs = 2;
constexpr int kLeastRuns = 3;

// Nodes that solve one problem share their candidates.
struct Group {
  std::vector<int64_t> nodes;
  double ms = 0;  // of all of them
  bool large = false;
};

uint64_t identity_of(const Choice& choice) {
  uint64_t hash = hash_text(choice.kernel);
  for (const Candidate& candidate : choice.candidates) {
    hash = hash_text(candidate.kernel, hash);
    hash = hash_combine(hash, static_cast<uint64_t>(static_cast<int64_t>(candidate.ms * 1e6f)));
  }
  return hash;
}

// The slowest first.
std::vector<Group> groups_of(const Choices& choices) {
  std::map<uint64_t, Group> by_identity;
  double sum = 0;
  for (const auto& [node, choice] : choices.by_node) {
    if (choice.ms <= 0) continue;
    Group& group = by_identity[identity_of(choice)];
    group.nodes.push_back(node);
    group.ms += static_cast<double>(choice.ms), sum += static_cast<double>(choice.ms);
  }
  std::vector<Group> groups;
  for (auto& [identity, group] : by_identity)
    if (group.ms >= kLeastShare * sum) {
      group.large = group.ms >= kLargeShare * sum;
      groups.push_back(std::move(group));
    }
  std::ranges::stable_sort(groups, std::greater{}, &Group::ms);
  return groups;
}

std::vector<Candidate> runners_up(const Choice& choice, int level, bool large) {
  const float limit = (large ? kWithinLarge : kWithin) * choice.ms;
  const auto most = static_cast<size_t>(large ? 2 * level : level);
  std::vector<Candidate> close;
  for (const Candidate& candidate : choice.candidates)
    if (candidate.fits && candidate.ms > 0 && candidate.ms <= limit) close.push_back(candidate);
  std::ranges::stable_sort(close, {}, &Candidate::ms);
  if (close.size() > most) close.resize(most);
  return close;
}

void put(Choice& choice, const Candidate& candidate) {
  Candidate before{
      .kernel = choice.kernel, .version = choice.version, .ms = choice.ms, .fits = true, .reason = {}};
  for (Candidate& other : choice.candidates)
    if (other.kernel == candidate.kernel) other = before;
  choice.kernel = candidate.kernel, choice.version = candidate.version, choice.ms = candidate.ms;
}

uint64_t hash_of(const Graph& bound, const Choices& choices, uint64_t seed) {
  uint64_t hash = seed;
  for (const Node& node : bound.nodes) {
    hash = hash_combine(hash, op_hash(node.op));
    for (const auto* ids : {&node.inputs, &node.outputs})
      for (const ValueId id : *ids)
        if (id != kNoValue) hash = hash_text(shape_text(bound.desc(id).shape), hash);
    if (const auto found = choices.by_node.find(node.id); found != choices.by_node.end())
      hash = hash_text(found->second.kernel, hash);
  }
  return hash;
}

class Networks {
 public:
  struct Network {
    std::shared_ptr<const Plan> plan;
    std::unique_ptr<CudaPlan> ready;
  };

  Networks(const Graph& bound, const PlanOptions& options, std::shared_ptr<CudaDevice> device,
           size_t thread_count)
      : bound_(bound), options_(options), device_(std::move(device)), threads_(thread_count) {}

  Result<> open() {
    HONE_ASSIGN(stream_, cuda::OwnedStream::create(*device_));
    HONE_ASSIGN(begin_, cuda::OwnedEvent::create(*device_));
    HONE_ASSIGN(end_, cuda::OwnedEvent::create(*device_));
    return {};
  }

  Result<Network> make(const Choices& choices) {
    HONE_ASSIGN(Plan plan, plan_bound(bound_, choices, options_));
    Network network{.plan = std::make_shared<const Plan>(std::move(plan)), .ready = nullptr};
    HONE_ASSIGN(network.ready, CudaPlan::make(network.plan, engine_, device_, threads_));
    if (arena_ == nullptr || arena_->size_bytes() < network.plan->arena_bytes) {
      arena_.reset();
      HONE_ASSIGN(arena_, device_->allocate(network.plan->arena_bytes));
    }
    if (inputs_.empty()) HONE_TRY(fill_inputs(*network.plan));
    // Recorded and warm.
    HONE_TRY(time(network, kLeastRuns));
    return network;
  }

  // Of one run, the network running back to back.
  Result<float> time(Network& network, int runs) {
    const std::vector<void*> outputs(network.plan->outputs.size(), nullptr);
    auto* arena = static_cast<std::byte*>(arena_->address());
    HONE_TRY(begin_.record(stream_.get()));
    for (int i = 0; i < runs; ++i)
      HONE_TRY(network.ready->enqueue(inputs_, outputs, arena, stream_.get(), nullptr));
    HONE_TRY(end_.record(stream_.get()));
    HONE_TRY(end_.synchronize());
    HONE_ASSIGN(const float ms, end_.ms_since(begin_));
    return ms / static_cast<float>(runs);
  }

 private:
  Result<> fill_inputs(const Plan& plan) {
    std::mt19937 random(1);
    for (const TensorDesc& desc : plan.inputs) {
      HONE_ASSIGN(const size_t bytes, byte_count(desc.type, desc.shape));
      HONE_ASSIGN(buffers_.emplace_back(), device_->allocate(bytes));
      std::vector<std::byte> values(bytes);
      if (desc.type == DType::f32)
        for (size_t i = 0; i + 4 <= bytes; i += 4) {
          const float value = static_cast<float>(random() >> 8) / static_cast<float>(1 << 24);
          std::memcpy(values.data() + i, &value, 4);
        }
      HONE_TRY(device_->copy_in(*buffers_.back(), 0, values));
      inputs_.push_back(buffers_.back()->address());
    }
    return {};
  }

  const Graph& bound_;
  const PlanOptions& options_;
  std::shared_ptr<CudaDevice> device_;
  ThreadPool threads_;
  EngineData engine_;  // holds the packed weights of all that was tried
  cuda::OwnedStream stream_;
  cuda::OwnedEvent begin_, end_;
  std::shared_ptr<DeviceBuffer> arena_;
  std::vector<std::shared_ptr<DeviceBuffer>> buffers_;
  std::vector<const void*> inputs_;
};

// Time of `other` over time of `base`: the median over rounds in which they take turns; at once where it is
// hopeless.
Result<float> ratio_of(Networks& networks, Networks::Network& base, Networks::Network& other) {
  HONE_ASSIGN(const float once, networks.time(base, kLeastRuns));
  const int runs = std::max(kLeastRuns, static_cast<int>(kLeastTimedMs / static_cast<double>(once)) + 1);
  std::vector<float> ratios;
  for (int round = 0; round < kRounds; ++round) {
    HONE_ASSIGN(const float a, networks.time(base, runs));
    HONE_ASSIGN(const float b, networks.time(other, runs));
    ratios.push_back(b / a);
    if (round == 1 && static_cast<double>(std::min(ratios[0], ratios[1])) > kHopeless) break;
  }
  std::ranges::sort(ratios);
  return ratios[ratios.size() / 2];
}

}  // namespace

Result<size_t> time_finalists(const Graph& bound, const PlanOptions& plan_options,
                              std::shared_ptr<CudaDevice> device, const TacticOptions& tactics,
                              Clock::time_point deadline, Choices& choices) {
  // Two whole networks lie in memory at a time, whose weights are packed only when they are made.
  if (tactics.memory_limit_bytes != 0) {
    log_verbose("finalists: not compared under a memory limit");
    return size_t{0};
  }
  const uint64_t seed = hash_text(device->fingerprint(), hash_text("network"));
  Networks networks(bound, plan_options, device, tactics.thread_count);
  HONE_TRY(networks.open());
  Networks::Network base;  // made when the first comparison is not in the cache
  size_t compared = 0;
  for (const Group& group : groups_of(choices)) {
    for (const Candidate& candidate :
         runners_up(choices.by_node.at(group.nodes[0]), tactics.level, group.large)) {
      if (Clock::now() > deadline) {
        log_verbose("finalists: the deadline had passed");
        return compared;
      }
      Choices with = choices;
      for (const int64_t node : group.nodes) put(with.by_node.at(node), candidate);
      const uint64_t key = hash_combine(hash_of(bound, choices, seed), hash_of(bound, with, seed));
      const auto cached = tactics.cache != nullptr ? tactics.cache->find(key) : std::nullopt;
      Networks::Network other;
      float ratio = 0;
      if (cached) {
        ratio = *cached;
      } else {
        if (base.ready == nullptr) {
          HONE_ASSIGN(base, networks.make(choices));
        }
        auto made = networks.make(with);
        if (!made) continue;  // say, no memory for its weights
        other = std::move(*made);
        HONE_ASSIGN(ratio, ratio_of(networks, base, other));
        ++compared;
        if (tactics.cache != nullptr) tactics.cache->store(key, ratio);
      }
      if (static_cast<double>(ratio) >= kFaster) continue;
      log_verbose(fmt::format("finalists: {} instead of {} for {} nodes: {:.4f} of the time",
                              candidate.kernel, choices.by_node.at(group.nodes[0]).kernel, group.nodes.size(),
                              ratio));
      choices = std::move(with);
      base = std::move(other);
    }
  }
  return compared;
}

}  // namespace hone
