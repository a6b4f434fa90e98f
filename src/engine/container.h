// The outermost layer of an engine file: metadata header, magic, checked table of sections.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "hone/status.h"

namespace hone {

enum class SectionKind : uint32_t { model = 1, weights = 2, tunings = 3, packs = 4, binaries = 5 };

struct Section {
  SectionKind kind{};
  std::span<const std::byte> bytes;
};

// Finds the magic (at once, or after a metadata header), checks sizes and checksums of the table, of the
// header's JSON where it is present, and of every section. Unknown sections are skipped. Checksums of large
// sections are computed on all cores: this is most of the time that opening an engine takes.
Result<std::vector<Section>> read_container(std::span<const std::byte> file);

// Where the magic stands: 0, or after a metadata header; nothing if this is no engine.
std::optional<size_t> engine_origin(std::span<const std::byte> file);

// Writes sections one after the other, then the table that names them.
class ContainerWriter {
 public:
  static Result<ContainerWriter> create(const std::filesystem::path& path, const std::string& metadata_json,
                                        size_t section_count);

  Result<> begin_section(SectionKind kind);
  Result<> append(std::span<const std::byte> bytes);
  // Zeros up to a multiple of alignment_bytes within the section; returns the offset reached in it.
  Result<size_t> align(size_t alignment_bytes);
  Result<> end_section();
  // Writes the table and renames the file into place; returns the file's size.
  Result<size_t> commit();

 private:
  struct Entry {
    SectionKind kind;
    uint64_t offset, size, checksum;
  };
  ContainerWriter(AtomicFile file, size_t origin) : file_(std::move(file)), origin_(origin) {}
  void hash_more(std::span<const std::byte> bytes);

  AtomicFile file_;
  size_t origin_;  // of the magic in the file
  uint64_t json_size_ = 0, json_checksum_ = 0;
  size_t declared_sections_ = 0;
  std::vector<Entry> entries_;
  std::vector<uint64_t> chunk_hashes_;  // of the open section
  std::vector<std::byte> chunk_;
};

}  // namespace hone
