#include "engine/container.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/hash.h"
#include "base/thread_pool.h"
#include "engine/engine_file.h"

namespace hone {
namespace {

static_assert(std::endian::native == std::endian::little, "engine files are little-endian");

constexpr std::array<char, 8> kMagic = {'h', 'o', 'n', 'e', '.', 'e', 'n', 'g'};
constexpr size_t kPage = 4096;
constexpr size_t kChunk = size_t{1} << 20;  // a section's checksum is the hash of its chunks' hashes
constexpr uint32_t kMaxSections = 64;

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t section_count;
  uint64_t total_size;  // from the magic to the end of the file
  uint64_t json_size;   // of the metadata header that stood before the magic; 0: none
  uint64_t json_checksum;
  uint64_t table_checksum;  // of this header, with this field 0, and the table after it
};
struct TableEntry {
  uint32_t kind;
  uint32_t reserved;
  uint64_t offset;  // from the magic
  uint64_t size;
  uint64_t checksum;
};
static_assert(sizeof(Header) == 48 && sizeof(TableEntry) == 32);

std::unexpected<Status> damaged(const std::string& why) {
  return error(StatusCode::invalid_file, "the engine is damaged: " + why);
}

uint64_t table_checksum(Header header, std::span<const std::byte> table) {
  header.table_checksum = 0;
  return hash_bytes(table, hash_bytes(std::as_bytes(std::span(&header, 1))));
}

}  // namespace

std::optional<size_t> engine_origin(std::span<const std::byte> file) {
  const auto magic_at = [&](size_t at) {
    return at + sizeof(Header) <= file.size() &&
           std::memcmp(file.data() + at, kMagic.data(), kMagic.size()) == 0;
  };
  if (magic_at(0)) return 0;
  uint32_t length = 0;  // of Ultralytics' header
  if (file.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, file.data(), sizeof length);
  const size_t after = sizeof length + size_t{length};
  return magic_at(after) ? std::optional(after) : std::nullopt;
}

Result<std::vector<Section>> read_container(std::span<const std::byte> file) {
  const auto found = engine_origin(file);
  if (!found) return error(StatusCode::invalid_file, "this is no hone engine: its magic bytes are missing");
  const size_t origin = *found;
  const auto body = file.subspan(origin);
  Header header;
  std::memcpy(&header, body.data(), sizeof header);
  if (header.version == 0 || header.version > kEngineFormatVersion)
    return error(StatusCode::unsupported, "the engine has format version " + std::to_string(header.version) +
                                              ", this hone reads up to " +
                                              std::to_string(kEngineFormatVersion) +
                                              ": build it again, or update hone");
  if (header.total_size != body.size())
    return damaged("it should have " + std::to_string(header.total_size) + " bytes and has " +
                   std::to_string(body.size()));
  const size_t table_bytes = size_t{header.section_count} * sizeof(TableEntry);
  if (header.section_count > kMaxSections || sizeof header + table_bytes > body.size())
    return damaged("its table of sections is out of bounds");
  const auto table = body.subspan(sizeof header, table_bytes);
  if (table_checksum(header, table) != header.table_checksum)
    return damaged("the checksum of its table of sections is wrong");
  if (origin > 0 && (header.json_size != origin - sizeof(uint32_t) ||
                     hash_bytes(file.subspan(sizeof(uint32_t), header.json_size)) != header.json_checksum))
    return damaged("the checksum of its metadata header is wrong");

  std::vector<TableEntry> entries(header.section_count);
  if (!entries.empty()) std::memcpy(entries.data(), table.data(), table_bytes);
  struct Chunk {
    std::span<const std::byte> bytes;
    uint64_t hash;
  };
  std::vector<Chunk> chunks;
  std::vector<size_t> first_chunk;
  for (const auto& entry : entries) {
    if (entry.offset > body.size() || entry.size > body.size() - entry.offset || entry.offset % kPage != 0)
      return damaged("a section lies out of bounds");
    first_chunk.push_back(chunks.size());
    for (size_t at = 0; at < entry.size; at += kChunk)
      chunks.push_back({body.subspan(entry.offset + at, std::min<size_t>(kChunk, entry.size - at)), 0});
  }
  first_chunk.push_back(chunks.size());

  ThreadPool threads(chunks.size() > 4 ? 0 : 1);
  threads.run(chunks.size(), [&](size_t i) { chunks[i].hash = hash_bytes(chunks[i].bytes); });
  std::vector<Section> sections;
  for (size_t s = 0; s < entries.size(); ++s) {
    std::vector<uint64_t> hashes;
    for (size_t c = first_chunk[s]; c < first_chunk[s + 1]; ++c) hashes.push_back(chunks[c].hash);
    if (hash_bytes(std::as_bytes(std::span(hashes))) != entries[s].checksum)
      return damaged("the checksum of section " + std::to_string(s + 1) + " is wrong");
    const auto kind = static_cast<SectionKind>(entries[s].kind);
    if (kind >= SectionKind::model && kind <= SectionKind::binaries)
      sections.push_back({kind, body.subspan(entries[s].offset, entries[s].size)});
  }
  return sections;
}

Result<ContainerWriter> ContainerWriter::create(const std::filesystem::path& path,
                                                const std::string& metadata_json, size_t section_count) {
  std::string json = metadata_json;
  json.append((kPage - (json.size() + sizeof(uint32_t)) % kPage) % kPage, ' ');
  if (json.size() > UINT32_MAX) return error(StatusCode::resource, "the metadata is too large");
  HONE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  const auto length = static_cast<uint32_t>(json.size());
  HONE_TRY(file.write(std::as_bytes(std::span(&length, 1))));
  HONE_TRY(file.write(std::as_bytes(std::span(json))));
  const size_t origin = file.size();
  const std::vector<std::byte> table(sizeof(Header) + section_count * sizeof(TableEntry));
  HONE_TRY(file.write(table));
  ContainerWriter writer(std::move(file), origin);
  writer.declared_sections_ = section_count;
  writer.json_size_ = json.size();
  writer.json_checksum_ = hash_text(json);
  return writer;
}

Result<> ContainerWriter::begin_section(SectionKind kind) {
  HONE_TRY(file_.pad_to(kPage));
  entries_.push_back({kind, file_.size() - origin_, 0, 0});
  chunk_hashes_.clear();
  chunk_.clear();
  return {};
}

void ContainerWriter::hash_more(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t now = std::min(kChunk - chunk_.size(), bytes.size());
    chunk_.insert(chunk_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(now));
    bytes = bytes.subspan(now);
    if (chunk_.size() == kChunk) {
      chunk_hashes_.push_back(hash_bytes(chunk_));
      chunk_.clear();
    }
  }
}

Result<> ContainerWriter::append(std::span<const std::byte> bytes) {
  HONE_TRY(file_.write(bytes));
  hash_more(bytes);
  return {};
}

Result<size_t> ContainerWriter::align(size_t alignment_bytes) {
  const size_t reached = file_.size() - origin_ - entries_.back().offset;
  const std::vector<std::byte> zeros((alignment_bytes - reached % alignment_bytes) % alignment_bytes);
  HONE_TRY(append(zeros));
  return reached + zeros.size();
}

Result<> ContainerWriter::end_section() {
  if (!chunk_.empty()) chunk_hashes_.push_back(hash_bytes(chunk_));
  chunk_.clear();
  entries_.back().size = file_.size() - origin_ - entries_.back().offset;
  entries_.back().checksum = hash_bytes(std::as_bytes(std::span(chunk_hashes_)));
  return {};
}

Result<size_t> ContainerWriter::commit() {
  if (entries_.size() != declared_sections_)
    return error(StatusCode::internal, "the engine's sections were miscounted");
  std::vector<TableEntry> table;
  for (const auto& e : entries_)
    table.push_back({static_cast<uint32_t>(e.kind), 0, e.offset, e.size, e.checksum});
  Header header{kMagic,
                kEngineFormatVersion,
                static_cast<uint32_t>(table.size()),
                file_.size() - origin_,
                json_size_,
                json_checksum_,
                0};
  header.table_checksum = table_checksum(header, std::as_bytes(std::span(table)));
  HONE_TRY(file_.write_at(origin_, std::as_bytes(std::span(&header, 1))));
  HONE_TRY(file_.write_at(origin_ + sizeof header, std::as_bytes(std::span(table))));
  const size_t size = file_.size();
  HONE_TRY(file_.commit());
  return size;
}

}  // namespace hone
