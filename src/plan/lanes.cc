#include "plan/lanes.h"

#include <algorithm>
#include <functional>

namespace hone {
namespace {

// Bytes of a root tensor that a step touches: from `begin` on `bytes` bytes, or as many in every `stride`
// bytes.
struct Access {
  TensorId root = kNoTensor;
  size_t begin = 0, bytes = 0, stride = 0;
  bool writes = false;
};

Access access_of(const Draft& draft, TensorId id, bool writes) {
  const DraftTensor& t = draft.tensor(id);
  Access a{
      .root = draft.root(id), .begin = draft.offset_in_root(id), .bytes = draft.bytes(id), .writes = writes};
  if (!draft.is_strided(id)) return a;
  const size_t element = dtype_bits(t.desc.type) / 8;
  a.bytes = static_cast<size_t>(dense_image_stride(t.desc)) * element;
  a.stride = static_cast<size_t>(draft.image_stride(id)) * element;
  return a;
}

bool overlap(const Access& a, const Access& b) {
  if (a.root != b.root) return false;
  if (a.stride == b.stride && a.stride > 0) {
    const size_t x = a.begin % a.stride, y = b.begin % b.stride;
    return x < y + b.bytes && y < x + a.bytes;
  }
  if (a.stride > 0 || b.stride > 0) return true;
  return a.begin < b.begin + b.bytes && b.begin < a.begin + a.bytes;
}

std::vector<std::vector<Access>> accesses(const Draft& draft) {
  std::vector<std::vector<Access>> all(draft.steps.size());
  for (size_t s = 0; s < draft.steps.size(); ++s) {
    for (const TensorId id : draft.steps[s].inputs)
      if (id != kNoTensor) all[s].push_back(access_of(draft, id, false));
    for (const TensorId id : draft.steps[s].outputs)
      if (id != kNoTensor) all[s].push_back(access_of(draft, id, true));
  }
  return all;
}

bool depends(const std::vector<Access>& later, const std::vector<Access>& earlier) {
  for (const Access& a : later)
    for (const Access& b : earlier)
      if ((a.writes || b.writes) && overlap(a, b)) return true;
  return false;
}

}  // namespace

Lanes assign_lanes(const Draft& draft, int most) {
  const size_t count = draft.steps.size();
  Lanes lanes;
  lanes.lane.assign(count, 0);
  lanes.waits.resize(count);
  if (most <= 1) return lanes;
  lanes.words_ = (count + 63) / 64;
  lanes.ancestors_.assign(count * lanes.words_, 0);
  const auto row = [&](size_t s) {
    return lanes.ancestors_.begin() + static_cast<ptrdiff_t>(s * lanes.words_);
  };
  const auto add_before = [&](size_t s, size_t earlier) {
    std::transform(row(earlier), row(earlier) + static_cast<ptrdiff_t>(lanes.words_), row(s), row(s),
                   std::bit_or<>());
    lanes.ancestors_[s * lanes.words_ + earlier / 64] |= uint64_t{1} << (earlier % 64);
  };
  const auto touched = accesses(draft);
  std::vector<int64_t> tails;  // the last step of each lane

  for (size_t s = 0; s < count; ++s) {
    // The nearest first: what is behind one of them already is not waited for again.
    std::vector<size_t> needed;
    for (size_t earlier = s; earlier-- > 0;) {
      if (lanes.before(earlier, s) || !depends(touched[s], touched[earlier])) continue;
      needed.push_back(earlier);
      add_before(s, earlier);
    }
    const auto is_tail = [&](size_t step) {
      return tails[static_cast<size_t>(lanes.lane[step])] == static_cast<int64_t>(step);
    };
    int lane = -1;
    for (const size_t step : needed)
      if (lane < 0 && is_tail(step)) lane = lanes.lane[step];
    for (size_t l = 0; lane < 0 && l < tails.size(); ++l)
      if (lanes.before(static_cast<size_t>(tails[l]), s)) lane = static_cast<int>(l);
    if (lane < 0 && static_cast<int>(tails.size()) < most) {
      lane = static_cast<int>(tails.size());
      tails.push_back(-1);
    }
    if (lane < 0)  // all are busy: behind the one that has been so for longest
      lane = static_cast<int>(std::ranges::min_element(tails) - tails.begin());
    auto& tail = tails[static_cast<size_t>(lane)];
    if (tail >= 0) add_before(s, static_cast<size_t>(tail));
    tail = static_cast<int64_t>(s);
    lanes.lane[s] = lane;
    for (const size_t step : needed)
      if (lanes.lane[step] != lane) lanes.waits[s].push_back(static_cast<uint32_t>(step));
  }
  lanes.count = std::max<int>(1, static_cast<int>(tails.size()));
  return lanes;
}

}  // namespace hone
