// Writes zips and pickles byte by byte, honest and otherwise: for tests alone.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/pt/inflate.h"

namespace hone::testing {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// Every field can be made to lie.
struct WrittenEntry {
  std::string name, packed;
  uint32_t size = 0, crc = 0;
  uint16_t method = 0, flags = 0;
  std::string local_name;      // empty: name
  int64_t local_offset = -1;   // -1: where it is
  int64_t stated_packed = -1;  // -1: as it is
  std::string extra;           // of the directory's record
};

inline WrittenEntry stored(std::string name, std::string content) {
  WrittenEntry entry{.name = std::move(name), .packed = std::move(content)};
  entry.size = static_cast<uint32_t>(entry.packed.size());
  entry.crc = crc32_of(bytes_of(entry.packed));
  return entry;
}

inline std::string zip_of(const std::vector<WrittenEntry>& entries, bool align = true) {
  std::string out, directory;
  for (const WrittenEntry& e : entries) {
    const std::string& local_name = e.local_name.empty() ? e.name : e.local_name;
    const size_t offset = out.size();
    std::string padding;
    if (align) padding.resize((64 - (offset + 30 + local_name.size()) % 64) % 64, 'F');
    const auto packed =
        static_cast<uint32_t>(e.stated_packed < 0 ? static_cast<int64_t>(e.packed.size()) : e.stated_packed);
    const auto sizes = [&](std::string& to) {
      put<uint16_t>(to, e.flags), put<uint16_t>(to, e.method), put<uint32_t>(to, 0), put<uint32_t>(to, e.crc);
      put<uint32_t>(to, packed), put<uint32_t>(to, e.size);
    };
    put<uint32_t>(out, 0x04034b50), put<uint16_t>(out, 20);
    sizes(out);
    put<uint16_t>(out, static_cast<uint16_t>(local_name.size())),
        put<uint16_t>(out, static_cast<uint16_t>(padding.size()));
    out += local_name + padding + e.packed;

    put<uint32_t>(directory, 0x02014b50), put<uint16_t>(directory, 20), put<uint16_t>(directory, 20);
    sizes(directory);
    put<uint16_t>(directory, static_cast<uint16_t>(e.name.size())),
        put<uint16_t>(directory, static_cast<uint16_t>(e.extra.size()));
    put<uint16_t>(directory, 0), put<uint16_t>(directory, 0), put<uint16_t>(directory, 0),
        put<uint32_t>(directory, 0);
    put<uint32_t>(directory,
                  static_cast<uint32_t>(e.local_offset < 0 ? static_cast<int64_t>(offset) : e.local_offset));
    directory += e.name + e.extra;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  const auto begin = static_cast<uint32_t>(out.size());
  out += directory;
  put<uint32_t>(out, 0x06054b50), put<uint32_t>(out, 0), put<uint16_t>(out, count), put<uint16_t>(out, count);
  put<uint32_t>(out, static_cast<uint32_t>(directory.size())), put<uint32_t>(out, begin),
      put<uint16_t>(out, 0);
  return out;
}

// Opcodes in a row: PickleText().global("torch.nn", "Conv").op(")\x81").
class PickleText {
 public:
  explicit PickleText(int protocol = 2) : bytes{'\x80', static_cast<char>(protocol)} {}
  static PickleText fragment() {
    PickleText text;
    text.bytes.clear();
    return text;
  }

  PickleText& op(std::string_view opcodes) { return bytes += opcodes, *this; }
  PickleText& text(std::string_view value) {
    bytes += 'X';
    put<uint32_t>(bytes, static_cast<uint32_t>(value.size()));
    return op(value);
  }
  PickleText& integer(int64_t value) {
    bytes += "\x8a\x08";
    put<int64_t>(bytes, value);
    return *this;
  }
  PickleText& real(double value) {
    bytes += 'G';
    put<uint64_t>(bytes, __builtin_bswap64(std::bit_cast<uint64_t>(value)));
    return *this;
  }
  PickleText& integers(const std::vector<int64_t>& values) {
    op("(");
    for (int64_t v : values) integer(v);
    return op("t");
  }
  PickleText& global(std::string_view module, std::string_view name) {
    return op("c").op(module).op("\n").op(name).op("\n");
  }
  PickleText& storage(std::string_view type, std::string_view key, int64_t elements) {
    return op("(").text("storage").global("torch", type).text(key).text("cpu").integer(elements).op("tQ");
  }
  PickleText& tensor(std::string_view type, std::string_view key, int64_t elements, int64_t offset,
                     const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
    global("torch._utils", "_rebuild_tensor_v2").op("(").storage(type, key, elements).integer(offset);
    return integers(shape).integers(strides).op("\x89").global("collections", "OrderedDict").op(")RtR");
  }

  std::string bytes;
};

}  // namespace hone::testing
