// What a pickle may cost. Checkpoints of the largest networks, optimizer included, stay below a fifth of
// each.
#pragma once

#include <cstddef>

namespace hone {

inline constexpr size_t kMaxPickleBytes = size_t{64} << 20;
inline constexpr size_t kMaxPickleOps = 8'000'000;
inline constexpr size_t kMaxPickleObjects = 1'000'000;
inline constexpr size_t kMaxPickleMemo = 2'000'000;              // the largest index too
inline constexpr size_t kMaxPickleNesting = 256;                 // containers inside containers, open marks
inline constexpr size_t kMaxPickleCopyBytes = size_t{64} << 20;  // what calls copy: sets, dicts, encoded text
inline constexpr size_t kMaxGlobalNameBytes = 256;
inline constexpr size_t kMaxTensorRank = 8;

}  // namespace hone
