#include "plan/memory.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace hone {
namespace {

constexpr size_t kSlack = 64;

struct Extent {
  size_t begin = 0, end = 0;
};

// The smallest gap between `taken` (sorted by begin) that holds `bytes`; behind all of them when there is
// none.
size_t best_gap(const std::vector<Extent>& taken, size_t bytes) {
  size_t best = 0, best_size = std::numeric_limits<size_t>::max(), end = 0;
  bool found = false;
  for (const Extent& range : taken) {
    if (range.begin > end && range.begin - end >= bytes && range.begin - end < best_size) {
      best = end, best_size = range.begin - end;
      found = true;
    }
    end = std::max(end, range.end);
  }
  return found ? best : end;
}

}  // namespace

ArenaLayout lay_out(const std::vector<Lifetime>& buffers, size_t alignment,
                    const std::function<bool(size_t, size_t)>& together) {
  const auto reserved = [&](size_t bytes) {
    return (bytes + kSlack + alignment - 1) / alignment * alignment;
  };
  const auto meet = [&](size_t a, size_t b) {
    if (together) return together(a, b);
    return buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last;
  };
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  ArenaLayout layout;
  layout.offsets.assign(buffers.size(), 0);
  std::vector<size_t> placed;
  std::vector<Extent> taken;
  for (const size_t index : order) {
    const Lifetime& buffer = buffers[index];
    taken.clear();
    for (const size_t other : placed)
      if (meet(other, index))
        taken.push_back({layout.offsets[other], layout.offsets[other] + reserved(buffers[other].bytes)});
    std::ranges::sort(taken, {}, &Extent::begin);
    layout.offsets[index] = best_gap(taken, reserved(buffer.bytes));
    layout.bytes = std::max(layout.bytes, layout.offsets[index] + reserved(buffer.bytes));
    placed.push_back(index);
  }
  return layout;
}

}  // namespace hone
