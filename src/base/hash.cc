#include "base/hash.h"

#include <xxhash.h>

#include <array>

namespace hone {

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t hash_combine(uint64_t a, uint64_t b) {
  const std::array<uint64_t, 2> both = {a, b};
  return hash_bytes(std::as_bytes(std::span(both)));
}

}  // namespace hone
