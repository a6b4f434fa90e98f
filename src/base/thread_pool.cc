#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cpu_features.h"

namespace hone {
namespace {

// A layer of a network lasts 0.1 to 10 ms and the next follows at once, so a worker looks for work this many
// times (some tens of microseconds) before it sleeps.
constexpr int kSpins = 4000;
constexpr size_t kMostThreads = 1024;

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
  std::atomic<uint32_t> epoch{0};  // one more for each run(), and a last one to stop
  std::atomic<bool> stopping{false};
  std::atomic<size_t> next{0};
  // Workers inside the current run, and whether it still lets any in. A worker that the system wakes late, as
  // on a busy machine, finds the run closed: nobody waits for it.
  static constexpr uint32_t kClosed = uint32_t{1} << 31;
  std::atomic<uint32_t> inside{kClosed};
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
      seen = epoch.load(std::memory_order_acquire);
      if (!enter()) continue;
      drain();
      if (inside.fetch_sub(1, std::memory_order_acq_rel) == (kClosed | 1)) inside.notify_one();
    }
  }

  // The acquire pairs with the release that opened the run, be it the awaited one or the next.
  bool enter() {
    uint32_t now = inside.load(std::memory_order_relaxed);
    do {
      if (now & kClosed) return false;
    } while (!inside.compare_exchange_weak(now, now + 1, std::memory_order_acq_rel));
    return true;
  }

  void close_and_wait() {
    uint32_t left = inside.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
    for (int spin = 0; spin < kSpins && left != kClosed; ++spin) {
      pause_cpu();
      left = inside.load(std::memory_order_acquire);
    }
    for (; left != kClosed; left = inside.load(std::memory_order_acquire))
      inside.wait(left, std::memory_order_acquire);
  }
};

ThreadPool::ThreadPool(size_t thread_count) : shared_(std::make_unique<Shared>()) {
  if (thread_count == 0) thread_count = usable_cores();
  thread_count = std::min(thread_count, kMostThreads);
  try {
    for (size_t i = 1; i < thread_count; ++i)
      shared_->threads.emplace_back([s = shared_.get()] { s->worker(); });
  } catch (const std::system_error&) {
    return;  // the system gives no more: the threads that there are do the work
  }
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
  s.inside.store(0, std::memory_order_release);
  s.epoch.fetch_add(1, std::memory_order_release);
  s.epoch.notify_all();
  s.drain();
  s.close_and_wait();
}

}  // namespace hone
