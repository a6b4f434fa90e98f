#include "import/onnx/wire.h"

namespace hone {
namespace {

// -1 bytes read: not a varint.
struct Varint {
  uint64_t value = 0;
  int bytes = -1;
};

Varint read_varint(std::span<const std::byte> bytes) {
  Varint read;
  for (int i = 0; i < 10 && static_cast<size_t>(i) < bytes.size(); ++i) {
    const auto byte = std::to_integer<uint64_t>(bytes[static_cast<size_t>(i)]);
    read.value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      read.bytes = i + 1;
      return read;
    }
  }
  return read;
}

std::unexpected<Status> damaged(const char* what) { return error(StatusCode::invalid_file, what); }

}  // namespace

Result<WireField> next_field(std::span<const std::byte>& rest) {
  const auto start = rest;
  const Varint tag = read_varint(rest);
  if (tag.bytes < 0 || tag.value > UINT32_MAX || tag.value >> 3 == 0)
    return damaged("a field has no valid tag");
  WireField field;
  field.number = static_cast<uint32_t>(tag.value >> 3);
  rest = rest.subspan(static_cast<size_t>(tag.bytes));
  size_t size = 0;
  switch (tag.value & 7) {
    case 0: {
      const Varint value = read_varint(rest);
      if (value.bytes < 0) return damaged("a number is cut off");
      size = static_cast<size_t>(value.bytes);
      break;
    }
    case 1:
      size = 8;
      break;
    case 5:
      size = 4;
      break;
    case 2: {
      const Varint length = read_varint(rest);
      if (length.bytes < 0) return damaged("a length is cut off");
      rest = rest.subspan(static_cast<size_t>(length.bytes));
      if (length.value > rest.size()) return damaged("a field is longer than what holds it");
      size = static_cast<size_t>(length.value);
      field.is_bytes = true;
      break;
    }
    default:
      return damaged("a field has an unknown wire type");
  }
  if (size > rest.size()) return damaged("a field is cut off");
  if (field.is_bytes) field.payload = rest.first(size);
  rest = rest.subspan(size);
  field.whole = start.first(start.size() - rest.size());
  return field;
}

}  // namespace hone
