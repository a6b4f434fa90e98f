// Record layouts: PKWARE APPNOTE 6.3.10, sections 4.3 (records) and 4.5.3 (zip64).
#include "import/pt/zip_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "import/pt/inflate.h"
#include "import/pt/little_endian.h"
#include "import/pt/shown_text.h"

namespace hone {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEndRecord = 0x06054b50;
constexpr uint32_t kZip64EndRecord = 0x06064b50, kZip64Locator = 0x07064b50;
constexpr size_t kLocalHeaderBytes = 30, kCentralHeaderBytes = 46, kEndRecordBytes = 22;
constexpr size_t kZip64EndRecordBytes = 56, kZip64LocatorBytes = 20;
constexpr uint16_t kZip64Extra = 1;
constexpr uint16_t kEncrypted = 1 << 0, kStrongEncryption = 1 << 6, kMaskedHeaders = 1 << 13;
constexpr uint16_t kStored = 0, kDeflated = 8;
// A checkpoint has one entry a storage: some hundreds, some thousands with an optimizer.
constexpr uint64_t kMaxEntries = 1 << 17;

std::unexpected<Status> damaged(std::string message) {
  return error(StatusCode::invalid_file, "zip: " + std::move(message));
}

struct Directory {
  uint64_t offset = 0, size_bytes = 0, entry_count = 0;
};

// The end record is the last thing in the file but for a comment of up to 64 KiB, whose length it states.
std::optional<size_t> find_end_record(std::span<const std::byte> bytes) {
  if (bytes.size() < kEndRecordBytes) return std::nullopt;
  const size_t last = bytes.size() - kEndRecordBytes;
  const size_t first = last > 0xffff ? last - 0xffff : 0;
  for (size_t at = last + 1; at-- > first;) {
    if (load_le<uint32_t>(bytes, at) != kEndRecord) continue;
    if (load_le<uint16_t>(bytes, at + 20) == last - at) return at;
  }
  return std::nullopt;
}

Result<Directory> find_directory(std::span<const std::byte> bytes) {
  const std::optional<size_t> end = find_end_record(bytes);
  if (!end)
    return damaged("there is no directory at the end of the file: it is cut off, or not a zip at all");
  if (load_le<uint16_t>(bytes, *end + 4) != load_le<uint16_t>(bytes, *end + 6))
    return damaged("the archive is spread over several volumes");
  Directory directory{.offset = load_le<uint32_t>(bytes, *end + 16),
                      .size_bytes = load_le<uint32_t>(bytes, *end + 12),
                      .entry_count = load_le<uint16_t>(bytes, *end + 10)};
  size_t directory_limit = *end;
  if (*end >= kZip64LocatorBytes && load_le<uint32_t>(bytes, *end - kZip64LocatorBytes) == kZip64Locator) {
    const uint64_t record = load_le<uint64_t>(bytes, *end - kZip64LocatorBytes + 8);
    if (*end < kZip64LocatorBytes + kZip64EndRecordBytes ||
        record > *end - kZip64LocatorBytes - kZip64EndRecordBytes ||
        load_le<uint32_t>(bytes, record) != kZip64EndRecord)
      return damaged("the zip64 end record is not where its locator says");
    directory = {.offset = load_le<uint64_t>(bytes, record + 48),
                 .size_bytes = load_le<uint64_t>(bytes, record + 40),
                 .entry_count = load_le<uint64_t>(bytes, record + 32)};
    directory_limit = record;
  }
  if (directory.offset > directory_limit || directory.size_bytes > directory_limit - directory.offset)
    return damaged(fmt::format("the directory of {} bytes at {} passes the end of the file",
                               directory.size_bytes, directory.offset));
  if (directory.entry_count > kMaxEntries ||
      directory.entry_count * kCentralHeaderBytes > directory.size_bytes)
    return damaged(fmt::format("the directory of {} bytes cannot hold {} entries", directory.size_bytes,
                               directory.entry_count));
  return directory;
}

// 32-bit fields that are all ones have their value in the zip64 extra field, in this order.
Result<> widen(std::span<const std::byte> extra, std::string_view name,
               std::initializer_list<uint64_t*> fields) {
  if (std::all_of(fields.begin(), fields.end(), [](const uint64_t* f) { return *f != 0xffffffff; }))
    return {};
  for (size_t at = 0; at + 4 <= extra.size();) {
    const size_t size = load_le<uint16_t>(extra, at + 2);
    if (size > extra.size() - at - 4) break;
    if (load_le<uint16_t>(extra, at) == kZip64Extra) {
      std::span<const std::byte> left = extra.subspan(at + 4, size);
      for (uint64_t* field : fields) {
        if (*field != 0xffffffff) continue;
        if (left.size() < 8) break;
        *field = load_le<uint64_t>(left, 0);
        left = left.subspan(8);
      }
      return {};
    }
    at += 4 + size;
  }
  return damaged(fmt::format("entry '{}' lacks its zip64 sizes", shown(name)));
}

struct Extent {
  size_t begin = 0, end = 0;  // local header and data
  std::string_view name;
};

// Reads the local header that an entry points to and fills in where the data lies.
Result<Extent> locate_data(std::span<const std::byte> bytes, uint64_t local_offset, uint64_t limit,
                           ZipEntry& entry) {
  if (local_offset > limit || limit - local_offset < kLocalHeaderBytes ||
      load_le<uint32_t>(bytes, local_offset) != kLocalHeader)
    return damaged(fmt::format("entry '{}' has no header at byte {}", shown(entry.name), local_offset));
  const size_t name_bytes = load_le<uint16_t>(bytes, local_offset + 26);
  const size_t extra_bytes = load_le<uint16_t>(bytes, local_offset + 28);
  const uint64_t room = limit - local_offset - kLocalHeaderBytes;
  if (name_bytes + extra_bytes > room || entry.packed_bytes > room - name_bytes - extra_bytes)
    return damaged(fmt::format("entry '{}' of {} bytes passes the end of the file", shown(entry.name),
                               entry.packed_bytes));
  const std::string_view local_name(
      reinterpret_cast<const char*>(bytes.data()) + local_offset + kLocalHeaderBytes, name_bytes);
  if (local_name != entry.name)
    return damaged(fmt::format("entry '{}' is called otherwise in its own header", shown(entry.name)));
  entry.offset = local_offset + kLocalHeaderBytes + name_bytes + extra_bytes;
  return Extent{.begin = local_offset, .end = entry.offset + entry.packed_bytes, .name = entry.name};
}

Result<> check_overlap(std::vector<Extent>& extents) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end)
      return damaged(
          fmt::format("entries '{}' and '{}' overlap", shown(extents[i - 1].name), shown(extents[i].name)));
  return {};
}

}  // namespace

Result<ZipArchive> ZipArchive::open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  HONE_ASSIGN(const Directory directory, find_directory(bytes));
  ZipArchive archive;
  archive.bytes_ = bytes;
  archive.owner_ = std::move(owner);
  archive.entries_.reserve(directory.entry_count);
  std::vector<Extent> extents;
  extents.reserve(directory.entry_count);

  size_t at = directory.offset;
  const size_t end = directory.offset + directory.size_bytes;
  for (uint64_t i = 0; i < directory.entry_count; ++i) {
    if (end - at < kCentralHeaderBytes || load_le<uint32_t>(bytes, at) != kCentralHeader)
      return damaged(fmt::format("directory entry {} of {} is damaged", i, directory.entry_count));
    const uint16_t flags = load_le<uint16_t>(bytes, at + 8), method = load_le<uint16_t>(bytes, at + 10);
    const size_t name_bytes = load_le<uint16_t>(bytes, at + 28),
                 extra_bytes = load_le<uint16_t>(bytes, at + 30);
    const size_t comment_bytes = load_le<uint16_t>(bytes, at + 32);
    uint64_t packed = load_le<uint32_t>(bytes, at + 20), size = load_le<uint32_t>(bytes, at + 24);
    uint64_t local_offset = load_le<uint32_t>(bytes, at + 42);
    const size_t record_bytes = kCentralHeaderBytes + name_bytes + extra_bytes + comment_bytes;
    if (record_bytes > end - at)
      return damaged(fmt::format("directory entry {} of {} is cut off", i, directory.entry_count));

    ZipEntry entry;
    entry.name = {reinterpret_cast<const char*>(bytes.data()) + at + kCentralHeaderBytes, name_bytes};
    entry.crc32 = load_le<uint32_t>(bytes, at + 16);
    if (entry.name.find('\0') != std::string_view::npos)
      return damaged(fmt::format("the name of directory entry {} holds a zero byte", i));
    HONE_TRY(widen(bytes.subspan(at + kCentralHeaderBytes + name_bytes, extra_bytes), entry.name,
                   {&size, &packed, &local_offset}));
    if (flags & (kEncrypted | kStrongEncryption | kMaskedHeaders))
      return error(StatusCode::unsupported, fmt::format("zip: entry '{}' is encrypted", shown(entry.name)));
    if (method != kStored && method != kDeflated)
      return error(StatusCode::unsupported,
                   fmt::format("zip: entry '{}' is packed by method {}; stored and deflated "
                               "are read",
                               shown(entry.name), method));
    if (method == kStored && packed != size)
      return damaged(
          fmt::format("stored entry '{}' states two sizes, {} and {}", shown(entry.name), packed, size));
    entry.deflated = method == kDeflated;
    entry.packed_bytes = packed;
    entry.size_bytes = size;
    HONE_ASSIGN(const Extent extent, locate_data(bytes, local_offset, directory.offset, entry));
    extents.push_back(extent);
    archive.has_checksums_ |= entry.crc32 != 0;
    archive.entries_.push_back(entry);
    at += record_bytes;
  }
  HONE_TRY(check_overlap(extents));

  std::sort(archive.entries_.begin(), archive.entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  for (size_t i = 1; i < archive.entries_.size(); ++i)
    if (archive.entries_[i].name == archive.entries_[i - 1].name)
      return damaged(fmt::format("the name '{}' is there twice", shown(archive.entries_[i].name)));
  return archive;
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const ZipEntry& e, std::string_view n) { return e.name < n; });
  return at != entries_.end() && at->name == name ? &*at : nullptr;
}

Result<Bytes> ZipArchive::read(const ZipEntry& entry, ByteBudget& budget) const {
  const std::span<const std::byte> packed = bytes_.subspan(entry.offset, entry.packed_bytes);
  Bytes content(packed, owner_);
  if (entry.deflated) {
    if (!plausible_inflated_size(packed.size(), entry.size_bytes))
      return damaged(fmt::format("entry '{}' states {} bytes, which {} deflated bytes cannot become",
                                 shown(entry.name), entry.size_bytes, packed.size()));
    if (!budget.take(entry.size_bytes))
      return error(StatusCode::resource,
                   fmt::format("zip: entry '{}' of {} bytes passes the limit on what may be "
                               "unpacked",
                               shown(entry.name), entry.size_bytes));
    Result<std::vector<std::byte>> inflated = inflate_raw(packed, entry.size_bytes);
    if (!inflated) return damaged(fmt::format("entry '{}': {}", shown(entry.name), inflated.error().message));
    content = Bytes::of(std::move(*inflated));
  }
  if (has_checksums_ && crc32_of(content.view()) != entry.crc32)
    return damaged(fmt::format("entry '{}' is damaged: its checksum does not match", shown(entry.name)));
  return content;
}

}  // namespace hone
