#include "engine/make_packs.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/cpu_features.h"

namespace hone {
namespace {

class Makers {
 public:
  Makers(std::span<const PackToMake> packs, size_t threads)
      : packs_(packs), ahead_(threads), made_(packs.size()) {
    for (size_t t = 0; t < threads; ++t) threads_.emplace_back([this] { work(); });
  }
  ~Makers() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
  }
  Makers(const Makers&) = delete;
  Makers& operator=(const Makers&) = delete;

  Result<std::vector<std::byte>> take(size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return made_[index].has_value(); });
    Result<std::vector<std::byte>> bytes = std::move(*made_[index]);
    made_[index].reset();
    taken_ = index + 1;
    lock.unlock();
    changed_.notify_all();
    return bytes;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stop_ || next_ == packs_.size() || next_ < taken_ + ahead_; });
      if (stop_ || next_ == packs_.size()) return;
      const size_t index = next_++;
      lock.unlock();
      auto bytes = packs_[index].make();
      lock.lock();
      made_[index] = std::move(bytes);
      changed_.notify_all();
    }
  }

  std::span<const PackToMake> packs_;
  size_t ahead_, next_ = 0, taken_ = 0;
  bool stop_ = false;
  std::vector<std::optional<Result<std::vector<std::byte>>>> made_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::jthread> threads_;  // the first to go: they use the rest
};

}  // namespace

Result<> make_packs(std::span<const PackToMake> packs,
                    const std::function<Result<>(uint64_t key, std::span<const std::byte> bytes)>& take) {
  Makers makers(packs, std::min(packs.size(), std::min<size_t>(usable_cores(), 8)));
  for (size_t i = 0; i < packs.size(); ++i) {
    HONE_ASSIGN(const auto bytes, makers.take(i));
    HONE_TRY(take(packs[i].key, bytes));
  }
  return {};
}

}  // namespace hone
