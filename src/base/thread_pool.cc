#include "base/thread_pool.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/cpu_features.h"

namespace hone {
namespace {

// A layer of a network lasts 0.1 to 10 ms and the next follows at once, so a worker looks for work this many
// times (some tens of microseconds) before it sleeps.
constexpr int kSpins = 4000;

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

struct ThreadPool::Shared {
  std::vector<std::thread> threads;
  std::atomic<uint32_t> epoch{0};  // one more for each run(); the lowest bit of `stopping` is apart
  std::atomic<bool> stopping{false};
  std::atomic<size_t> next{0};
  std::atomic<uint32_t> busy{0};  // workers that have not yet left the current run
  size_t count = 0;
  Task task = nullptr;
  void* context = nullptr;

  void drain() {
    for (size_t i = next.fetch_add(1, std::memory_order_relaxed); i < count;
         i = next.fetch_add(1, std::memory_order_relaxed))
      task(context, i);
  }

  void worker() {
    uint32_t seen = 0;
    while (true) {
      for (int spin = 0; spin < kSpins && epoch.load(std::memory_order_acquire) == seen; ++spin) pause_cpu();
      epoch.wait(seen, std::memory_order_acquire);
      if (stopping.load()) return;
      ++seen;  // every worker takes part in every run, so epochs are never skipped
      drain();
      if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) busy.notify_one();
    }
  }
};

ThreadPool::ThreadPool(size_t thread_count) : shared_(std::make_unique<Shared>()) {
  if (thread_count == 0) thread_count = usable_cores();
  for (size_t i = 1; i < thread_count; ++i)
    shared_->threads.emplace_back([s = shared_.get()] { s->worker(); });
}

ThreadPool::~ThreadPool() {
  shared_->stopping = true;
  shared_->epoch.fetch_add(1);
  shared_->epoch.notify_all();
  for (auto& thread : shared_->threads) thread.join();
}

size_t ThreadPool::thread_count() const { return shared_->threads.size() + 1; }

void ThreadPool::run(size_t count, Task task, void* context) {
  Shared& s = *shared_;
  if (s.threads.empty() || count <= 1) {
    for (size_t i = 0; i < count; ++i) task(context, i);
    return;
  }
  s.count = count;
  s.task = task;
  s.context = context;
  s.next.store(0, std::memory_order_relaxed);
  s.busy.store(static_cast<uint32_t>(s.threads.size()), std::memory_order_relaxed);
  s.epoch.fetch_add(1, std::memory_order_release);
  s.epoch.notify_all();
  s.drain();
  for (int spin = 0; spin < kSpins && s.busy.load(std::memory_order_acquire) != 0; ++spin) pause_cpu();
  for (uint32_t left = s.busy.load(std::memory_order_acquire); left != 0;
       left = s.busy.load(std::memory_order_acquire))
    s.busy.wait(left, std::memory_order_acquire);
}

}  // namespace hone
