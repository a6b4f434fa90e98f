// Windows bitmaps, uncompressed: 1, 4 and 8 bits with a palette, 16 (5-5-5, 5-6-5), 24 and 32 bits.
#include <fmt/format.h>

#include "detect/pictures/formats.h"

namespace hone {
namespace {

constexpr uint32_t kUncompressed = 0, kBitFields = 3;

class Bytes {
 public:
  explicit Bytes(ByteSpan bytes) : bytes_(bytes) {}
  bool holds(uint64_t at, uint64_t size) const { return at <= bytes_.size() && size <= bytes_.size() - at; }
  uint32_t u8(uint64_t at) const { return std::to_integer<uint32_t>(bytes_[at]); }
  uint32_t u16(uint64_t at) const { return u8(at) | u8(at + 1) << 8; }
  uint32_t u32(uint64_t at) const { return u16(at) | u16(at + 2) << 16; }
  int32_t i32(uint64_t at) const { return static_cast<int32_t>(u32(at)); }

 private:
  ByteSpan bytes_;
};

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0, compression = 0;
  uint64_t pixels_at = 0, palette_at = 0, palette_entries = 0, palette_step = 4;
  bool green_has_six_bits = false;
};

std::unexpected<Status> damaged(std::string what) {
  return error(StatusCode::invalid_file, "is a damaged BMP: " + std::move(what));
}
std::unexpected<Status> unsupported(std::string what) {
  return error(StatusCode::unsupported, "is a BMP of a kind that is not read: " + std::move(what));
}

Result<Header> read_header(const Bytes& file) {
  if (!file.holds(0, 26)) return damaged("its header is cut short");
  Header h;
  h.pixels_at = file.u32(10);
  const uint64_t header_bytes = file.u32(14);
  if (header_bytes == 12) {  // OS/2
    h.width = file.u16(18), h.height = file.u16(20), h.bits = file.u16(24);
    h.palette_step = 3;
  } else if (header_bytes >= 40 && file.holds(14, 40)) {
    h.width = file.i32(18), h.height = file.i32(22);
    h.bits = file.u16(28), h.compression = file.u32(30), h.palette_entries = file.u32(46);
    h.top_down = h.height < 0;
    if (h.top_down) h.height = -h.height;
  } else {
    return damaged(fmt::format("its header has {} bytes", header_bytes));
  }
  h.palette_at = 14 + header_bytes;
  if (h.bits <= 8 && (h.palette_entries == 0 || h.palette_entries > 256))
    h.palette_entries = uint64_t{1} << h.bits;

  if (h.compression == kBitFields && (h.bits == 16 || h.bits == 32)) {
    if (!file.holds(54, 12)) return damaged("its masks are cut short");
    const uint32_t red = file.u32(54), green = file.u32(58), blue = file.u32(62);
    h.green_has_six_bits = h.bits == 16 && red == 0xf800 && green == 0x7e0 && blue == 0x1f;
    const bool usual = h.bits == 32
                           ? red == 0xff0000 && green == 0xff00 && blue == 0xff
                           : h.green_has_six_bits || (red == 0x7c00 && green == 0x3e0 && blue == 0x1f);
    if (!usual) return unsupported(fmt::format("its channel masks are {:x}, {:x}, {:x}", red, green, blue));
  } else if (h.compression != kUncompressed) {
    return unsupported(fmt::format("compression {}", h.compression));
  }
  if (h.bits != 1 && h.bits != 4 && h.bits != 8 && h.bits != 16 && h.bits != 24 && h.bits != 32)
    return unsupported(fmt::format("{} bits a pixel", h.bits));
  return h;
}

void read_row(const Bytes& file, const Header& h, uint64_t at, const std::vector<uint8_t>& palette,
              uint8_t* to) {
  const auto width = static_cast<uint64_t>(h.width);
  const auto widen = [](uint32_t value, uint32_t shift_up) {
    return static_cast<uint8_t>(value << shift_up & 0xff);
  };
  for (uint64_t x = 0; x < width; ++x, to += 3) {
    if (h.bits <= 8) {
      const uint64_t bit = x * h.bits;
      const uint32_t index = file.u8(at + bit / 8) >> (8 - h.bits - bit % 8) & ((1u << h.bits) - 1);
      for (size_t c = 0; c < 3; ++c) to[c] = palette[index * 3 + c];
    } else if (h.bits == 16) {
      const uint32_t value = file.u16(at + x * 2);
      to[0] = widen(value & 0x1f, 3);
      to[1] = h.green_has_six_bits ? widen(value >> 5 & 0x3f, 2) : widen(value >> 5 & 0x1f, 3);
      to[2] = widen(h.green_has_six_bits ? value >> 11 : value >> 10 & 0x1f, 3);
    } else {
      for (uint64_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(file.u8(at + x * (h.bits / 8) + c));
    }
  }
}

}  // namespace

Result<Picture> decode_bmp(ByteSpan bytes) {
  const Bytes file(bytes);
  HONE_ASSIGN(const Header h, read_header(file));
  HONE_ASSIGN(Picture picture, make_picture(h.width, h.height, bytes.size()));
  const uint64_t row_bytes = (static_cast<uint64_t>(h.width) * h.bits + 31) / 32 * 4;
  if (!file.holds(h.pixels_at, row_bytes * static_cast<uint64_t>(h.height)))
    return damaged(fmt::format("{} x {} pixels of {} bits are cut short", h.width, h.height, h.bits));

  std::vector<uint8_t> palette(256 * 3);  // entries that the file does not have are black
  if (h.bits <= 8) {
    if (!file.holds(h.palette_at, h.palette_entries * h.palette_step))
      return damaged("its palette is cut short");
    for (uint64_t i = 0; i < h.palette_entries; ++i)
      for (uint64_t c = 0; c < 3; ++c)
        palette[i * 3 + c] = static_cast<uint8_t>(file.u8(h.palette_at + i * h.palette_step + c));
  }
  for (int64_t y = 0; y < h.height; ++y) {
    const auto stored = static_cast<uint64_t>(h.top_down ? y : h.height - 1 - y);
    read_row(file, h, h.pixels_at + stored * row_bytes, palette,
             &picture.bgr[static_cast<size_t>(y * h.width) * 3]);
  }
  return picture;
}

}  // namespace hone
