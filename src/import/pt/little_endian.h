// Unaligned little-endian loads: what zip and pickle are written in.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hone {

// The caller has checked that sizeof(T) bytes lie at `offset`.
template <class T>
T load_le(std::span<const std::byte> bytes, size_t offset) {
  static_assert(std::endian::native == std::endian::little, "hone runs on little-endian machines");
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace hone
