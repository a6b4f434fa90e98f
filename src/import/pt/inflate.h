// Deflate streams and CRC-32, by zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hone/status.h"

namespace hone {

// Deflate makes at most 258 bytes of two bits: about 1032 from each byte.
bool plausible_inflated_size(size_t packed_bytes, size_t size_bytes);
// A raw stream that must give exactly size_bytes.
Result<std::vector<std::byte>> inflate_raw(std::span<const std::byte> packed, size_t size_bytes);
uint32_t crc32_of(std::span<const std::byte> bytes);

}  // namespace hone
