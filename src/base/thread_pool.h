// A fixed set of threads for one execution context: run(n, f) calls f(0) … f(n-1) and returns when all are
// done.
#pragma once

#include <cstddef>
#include <memory>

namespace hone {

// A call that costs no allocation: a function pointer and its context.
class ThreadPool {
 public:
  // Counts the calling thread; 0 is usable_cores(). At most 1024, and fewer where the system gives no more.
  explicit ThreadPool(size_t thread_count);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t thread_count() const;

  using Task = void (*)(void* context, size_t index);
  // Calls task(context, i) once for each i in [0, count), the calling thread helping. Allocates nothing.
  // One caller at a time. Tasks must not throw and must not call run() of the same pool.
  void run(size_t count, Task task, void* context);

  // The same for a callable taking the index.
  template <class F>
  void run(size_t count, F&& function) {
    run(
        count,
        [](void* context, size_t index) { (*static_cast<std::remove_reference_t<F>*>(context))(index); },
        const_cast<void*>(static_cast<const void*>(&function)));
  }
  // Splits [0, count) into at most thread_count() contiguous ranges: function(begin, end).
  template <class F>
  void run_ranges(size_t count, F&& function) {
    const size_t parts = count < thread_count() ? count : thread_count();
    run(parts, [&](size_t part) { function(part * count / parts, (part + 1) * count / parts); });
  }

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace hone
