// Times between builds: one line `{"key":"<16 hex digits>","ms":<number>}` a candidate.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "tactics/tactics.h"

namespace hone {
namespace {

// A line is about 45 bytes: room for over a million candidates.
constexpr uintmax_t kMaxFileBytes = uintmax_t{64} << 20;
constexpr std::string_view kBeforeKey = "{\"key\":\"", kBeforeMs = "\",\"ms\":";
constexpr size_t kKeyDigits = 16;

struct Entry {
  uint64_t key = 0;
  float ms = 0;
};

std::optional<Entry> parse_line(std::string_view line) {
  Entry entry;
  if (!line.starts_with(kBeforeKey) || !line.ends_with('}')) return std::nullopt;
  line.remove_prefix(kBeforeKey.size());
  line.remove_suffix(1);
  if (line.size() <= kKeyDigits + kBeforeMs.size()) return std::nullopt;
  const char* key_end = line.data() + kKeyDigits;
  const auto key = std::from_chars(line.data(), key_end, entry.key, 16);
  if (key.ec != std::errc() || key.ptr != key_end) return std::nullopt;
  line.remove_prefix(kKeyDigits);
  if (!line.starts_with(kBeforeMs)) return std::nullopt;
  line.remove_prefix(kBeforeMs.size());
  const auto ms = std::from_chars(line.data(), line.data() + line.size(), entry.ms);
  if (ms.ec != std::errc() || ms.ptr != line.data() + line.size()) return std::nullopt;
  if (!std::isfinite(entry.ms) || entry.ms <= 0) return std::nullopt;
  return entry;
}

// Adds the file's lines that are not there yet; returns how many were damaged.
size_t merge(std::string_view text, std::map<uint64_t, float>& times) {
  size_t damaged = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    if (const auto entry = parse_line(line))
      times.emplace(entry->key, entry->ms);
    else
      ++damaged;
  }
  return damaged;
}

// Several builds may share one cache file: whoever holds this lock reads, merges and renames. The lock is on
// the file itself, which a rename replaces, so it is taken again until the locked file is the one that the
// name stands for.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
      if (descriptor_ < 0) return;
      struct stat locked = {}, named = {};
      if (flock(descriptor_, LOCK_EX) == 0 && fstat(descriptor_, &locked) == 0 &&
          ::stat(path.c_str(), &named) == 0 && locked.st_ino == named.st_ino && locked.st_dev == named.st_dev)
        return;
      ::close(descriptor_);
      descriptor_ = -1;
    }
  }
  ~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

}  // namespace

TimingCache TimingCache::load(const std::filesystem::path& path) {
  TimingCache cache;
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure) {
    if (failure != std::errc::no_such_file_or_directory)
      log_warning(fmt::format("timing cache {}: {}; starting without it", path.string(), failure.message()));
    return cache;
  }
  if (size > kMaxFileBytes) {
    log_warning(fmt::format("timing cache {}: {} bytes is too large for a timing cache; starting without it",
                            path.string(), size));
    return cache;
  }
  const auto text = read_text_file(path);
  if (!text) {
    log_warning(fmt::format("timing cache {}: {}; starting without it", path.string(), text.error().message));
    return cache;
  }
  if (const size_t damaged = merge(*text, cache.times_); damaged > 0)
    log_warning(fmt::format("timing cache {}: {} damaged lines are ignored, {} are used", path.string(),
                            damaged, cache.size()));
  return cache;
}

std::optional<float> TimingCache::find(uint64_t key) const {
  const auto found = times_.find(key);
  if (found == times_.end()) return std::nullopt;
  ++hits_;
  return found->second;
}

void TimingCache::store(uint64_t key, float ms) {
  if (std::isfinite(ms) && ms > 0) times_[key] = ms;
}

Result<> TimingCache::save(const std::filesystem::path& path) const {
  const FileLock lock(path);
  if (!lock.held())
    return error(StatusCode::resource,
                 fmt::format("timing cache {}: cannot be locked: {}", path.string(), std::strerror(errno)));
  std::map<uint64_t, float> all = times_;
  std::error_code failure;
  if (std::filesystem::file_size(path, failure) <= kMaxFileBytes && !failure)
    if (const auto text = read_text_file(path)) merge(*text, all);
  std::string text;
  text.reserve(all.size() * 48);
  for (const auto& [key, ms] : all)
    fmt::format_to(std::back_inserter(text), "{}{:016x}{}{}}}\n", kBeforeKey, key, kBeforeMs, ms);
  const auto written = write_file(path, text);
  if (!written && std::filesystem::is_empty(path, failure) && !failure)
    std::filesystem::remove(path, failure);  // made by the lock alone
  return written;
}

}  // namespace hone
