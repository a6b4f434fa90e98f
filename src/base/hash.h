// XXH3 hashes: checksums of engine sections and the keys of constants, tactics and packed weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace hone {

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed = 0);
inline uint64_t hash_text(std::string_view text, uint64_t seed = 0) {
  return hash_bytes(std::as_bytes(std::span(text)), seed);
}
// Order matters.
uint64_t hash_combine(uint64_t a, uint64_t b);

}  // namespace hone
