// Files: read-only mappings, and writes that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "hone/status.h"

namespace hone {

// A read-only, private mapping of a whole file. Shared ownership keeps it mapped: views into bytes() stay
// valid as long as somebody holds the pointer. Thread safe. An empty file gives an empty span.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile() = default;
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Writes to a temporary file beside the target and renames it on commit(); a writer destroyed before that
// leaves the target as it was. A symbolic link keeps pointing where it does; a terminal, a pipe or /dev/null
// is written directly. Errors (a full disk, a missing folder) name the path and the system's reason.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::filesystem::path& target);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Result<> write(std::span<const std::byte> bytes);
  // Zero bytes up to the next multiple of alignment_bytes.
  Result<> pad_to(size_t alignment_bytes);
  // Overwrites what was written before at offset.
  Result<> write_at(size_t offset, std::span<const std::byte> bytes);
  size_t size() const { return size_; }
  Result<> commit();

 private:
  AtomicFile() = default;
  std::filesystem::path target_, temporary_;  // temporary_ empty: the target is written directly
  int descriptor_ = -1;
  size_t size_ = 0;
};

Result<std::string> read_text_file(const std::filesystem::path& path);
Result<> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
Result<> write_file(const std::filesystem::path& path, const std::string& text);

}  // namespace hone
