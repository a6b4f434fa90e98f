// Which steps may run side by side: on a GPU each lane is a stream.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/draft.h"

namespace hone {

struct Lanes {
  std::vector<int> lane;                     // of each step; 0 is where the run begins and ends
  std::vector<std::vector<uint32_t>> waits;  // steps of other lanes that a step must wait for
  int count = 1;

  // Step a has finished before step b begins.
  bool before(size_t a, size_t b) const { return (ancestors_[b * words_ + a / 64] >> (a % 64) & 1) != 0; }

 private:
  friend Lanes assign_lanes(const Draft& draft, int most);
  std::vector<uint64_t> ancestors_;  // a row of bits a step
  size_t words_ = 0;
};

// Steps depend on one another where they touch the same bytes and one of them writes. A step goes on in the
// lane of one it depends on, while that is the lane's last; else in a lane that is done with, or a new one.
Lanes assign_lanes(const Draft& draft, int most);

}  // namespace hone
