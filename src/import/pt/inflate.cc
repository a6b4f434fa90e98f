#include "import/pt/inflate.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

namespace hone {
namespace {

constexpr size_t kMaxRatio = 1032;
constexpr size_t kMaxStep = std::numeric_limits<uInt>::max();  // zlib counts in unsigned int

}  // namespace

bool plausible_inflated_size(size_t packed_bytes, size_t size_bytes) {
  return size_bytes / kMaxRatio <= packed_bytes;
}

Result<std::vector<std::byte>> inflate_raw(std::span<const std::byte> packed, size_t size_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return error(StatusCode::resource, "zlib has no memory");
  std::vector<std::byte> out(size_bytes);
  std::byte one_more{};  // a stream that is too long writes here, so that it is noticed
  size_t read = 0, written = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    const size_t in_step = std::min(packed.size() - read, kMaxStep);
    const bool full = written == out.size();
    const size_t out_step = full ? 1 : std::min(out.size() - written, kMaxStep);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + read));
    stream.avail_in = static_cast<uInt>(in_step);
    stream.next_out = reinterpret_cast<Bytef*>(full ? &one_more : out.data() + written);
    stream.avail_out = static_cast<uInt>(out_step);
    state = inflate(&stream, Z_NO_FLUSH);
    read += in_step - stream.avail_in;
    written += out_step - stream.avail_out;
    if (written > out.size()) break;
    if (in_step == stream.avail_in && out_step == stream.avail_out && state == Z_OK) break;  // no progress
  }
  inflateEnd(&stream);
  if (written > size_bytes)
    return error(StatusCode::invalid_file,
                 fmt::format("unpacks to more than the {} bytes stated", size_bytes));
  if (state != Z_STREAM_END || read != packed.size())
    return error(StatusCode::invalid_file, "the deflate stream is damaged or cut off");
  if (written != size_bytes)
    return error(StatusCode::invalid_file,
                 fmt::format("unpacks to {} bytes where {} are stated", written, size_bytes));
  return out;
}

uint32_t crc32_of(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace hone
