// The protobuf wire format, walked in place: enough to take a message apart without copying what lies in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hone/status.h"

namespace hone {

struct WireField {
  uint32_t number = 0;
  bool is_bytes = false;  // a string, bytes, a packed list or a message: `payload` holds it
  std::span<const std::byte> payload;
  std::span<const std::byte> whole;  // tag and length included
};

// Takes the first field off `rest`; an error for bytes that are no field. Groups are refused: ONNX has none.
Result<WireField> next_field(std::span<const std::byte>& rest);

}  // namespace hone
