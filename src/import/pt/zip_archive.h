// A zip file in memory, as PyTorch and ordinary zip tools write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hone/status.h"
#include "ir/constant.h"

namespace hone {

struct ZipEntry {
  std::string_view name;    // view of the archive's bytes
  size_t offset = 0;        // of the entry's data in the archive
  size_t packed_bytes = 0;  // in the archive
  size_t size_bytes = 0;    // of the content
  uint32_t crc32 = 0;
  bool deflated = false;  // else stored
};

// Bytes that reading may still allocate; shared by everything that is read from one file.
struct ByteBudget {
  size_t left_bytes = 0;
  bool take(size_t size_bytes) {
    if (size_bytes > left_bytes) return false;
    left_bytes -= size_bytes;
    return true;
  }
};

// The directory of an archive, checked as a whole: every entry lies inside the file, no two share a byte or a
// name, none is encrypted. Zip64 is read.
class ZipArchive {
 public:
  // `owner` keeps `bytes` alive; contents of stored entries are views that hold it.
  static Result<ZipArchive> open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  const std::vector<ZipEntry>& entries() const { return entries_; }  // by name
  const ZipEntry* find(std::string_view name) const;

  // The content, compared with its CRC-32. A stored entry is a view; a deflated one is inflated out of
  // `budget`. An archive without any checksum (torch.serialization.set_crc32_options(False)) is taken as it
  // is.
  Result<Bytes> read(const ZipEntry& entry, ByteBudget& budget) const;

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  std::vector<ZipEntry> entries_;
  bool has_checksums_ = false;
};

}  // namespace hone
