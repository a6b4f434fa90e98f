#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace hone {
namespace {

std::unexpected<Status> system_error(const std::string& what, const std::filesystem::path& path) {
  const int code = errno;
  return error(code == ENOENT ? StatusCode::not_found : StatusCode::resource,
               "cannot " + what + " " + path.string() + ": " + std::strerror(code));
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_error("open", path);
  struct stat info{};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (!S_ISREG(info.st_mode)) errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    auto failed = system_error("read", path);
    ::close(descriptor);
    return failed;
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = static_cast<size_t>(info.st_size);
  if (file->size_ > 0) {
    void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) {
      auto failed = system_error("map", path);
      file->size_ = 0;
      ::close(descriptor);
      return failed;
    }
    file->data_ = static_cast<const std::byte*>(data);
  }
  ::close(descriptor);
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  AtomicFile file;
  file.target_ = target;
  struct stat info{};
  if (::stat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    file.descriptor_ = ::open(target.c_str(), O_WRONLY | O_CLOEXEC);
    if (file.descriptor_ < 0) return system_error("write", target);
    return file;
  }
  std::error_code ignored;
  if (std::filesystem::is_symlink(target, ignored))
    if (auto real = std::filesystem::canonical(target, ignored); !ignored) file.target_ = std::move(real);
  file.temporary_ = file.target_;
  file.temporary_ += "." + std::to_string(::getpid()) + "." + std::to_string(counter++) + ".part";
  file.descriptor_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file.descriptor_ < 0) return system_error("create", target);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<> AtomicFile::write(std::span<const std::byte> bytes) {
  if (!temporary_.empty()) HONE_TRY(write_at(size_, bytes));
  size_ += bytes.size();
  while (temporary_.empty() && !bytes.empty()) {  // a pipe has no offsets
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("write", target_);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Result<> AtomicFile::write_at(size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("write", target_);
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += static_cast<size_t>(written);
  }
  return {};
}

Result<> AtomicFile::pad_to(size_t alignment_bytes) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  size_t missing = (alignment_bytes - size_ % alignment_bytes) % alignment_bytes;
  while (missing > 0) {
    const size_t now = std::min(missing, kZeros.size());
    HONE_TRY(write(std::span(kZeros).first(now)));
    missing -= now;
  }
  return {};
}

Result<> AtomicFile::commit() {
  const bool closed = ::close(descriptor_) == 0;
  descriptor_ = -1;
  if (!closed || (!temporary_.empty() && ::rename(temporary_.c_str(), target_.c_str()) != 0)) {
    auto failed = system_error("write", target_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    return failed;
  }
  return {};
}

Result<std::string> read_text_file(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  HONE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  HONE_TRY(file.write(bytes));
  return file.commit();
}

Result<> write_file(const std::filesystem::path& path, const std::string& text) {
  return write_file(path, std::as_bytes(std::span(text)));
}

}  // namespace hone
