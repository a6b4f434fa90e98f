// Where in one arena each buffer lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace hone {

// A buffer that is written first by step `first` and read last by step `last`.
struct Lifetime {
  size_t bytes = 0;
  int32_t first = 0, last = 0;
};

struct ArenaLayout {
  std::vector<size_t> offsets;
  size_t bytes = 0;
};

// Offsets are multiples of `alignment`. Behind each buffer 64 bytes are kept free, so that a vector load past
// its end reads memory that is there. Greedy by size, best fit. `together` says whether two buffers (by
// index) are needed at the same time; without it: those whose lifetimes touch.
ArenaLayout lay_out(const std::vector<Lifetime>& buffers, size_t alignment = 64,
                    const std::function<bool(size_t, size_t)>& together = {});

}  // namespace hone
