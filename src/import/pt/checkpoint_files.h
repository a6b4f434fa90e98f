// The committed checkpoints, taken apart and put together again: for tests alone.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "import/pt/checkpoint_writer.h"
#include "import/pt/pt_import.h"
#include "import/pt/zip_archive.h"

namespace hone::testing {

inline std::string asset_path(const std::string& name) {
  return std::string(HONE_SOURCE_DIR) + "/assets/test_checkpoints/" + name;
}

inline std::vector<WrittenEntry> entries_of(const std::string& zip) {
  const ZipArchive archive = ZipArchive::open(bytes_of(zip), nullptr).value();
  std::vector<WrittenEntry> entries;
  for (const ZipEntry& entry : archive.entries())
    entries.push_back(stored(std::string(entry.name), zip.substr(entry.offset, entry.packed_bytes)));
  return entries;
}

inline WrittenEntry& entry_named(std::vector<WrittenEntry>& entries, std::string_view end) {
  for (WrittenEntry& entry : entries)
    if (entry.name.ends_with(end)) return entry;
  return entries.at(entries.size());
}

inline void set_content(WrittenEntry& entry, std::string content) {
  entry = stored(entry.name, std::move(content));
}

// A good checkpoint whose dict has one more entry, "extra", made by `opcodes`.
inline std::string with_extra(const std::string& zip, const std::string& opcodes) {
  std::vector<WrittenEntry> entries = entries_of(zip);
  WrittenEntry& pickle = entry_named(entries, "data.pkl");
  const size_t mark = pickle.packed.find('(');  // PROTO 2, EMPTY_DICT, BINPUT 0, MARK
  std::string content = pickle.packed;
  content.insert(mark + 1, PickleText::fragment().text("extra").op(opcodes).bytes);
  set_content(pickle, std::move(content));
  return zip_of(entries);
}

inline Result<Graph> import_bytes(const std::string& zip) {
  return import_pt(bytes_of(zip), nullptr, "x.pt");
}

}  // namespace hone::testing
