#include "device/cuda/binary.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "device/cuda/nvrtc.h"

namespace hone::cuda {
namespace {

namespace fs = std::filesystem;

const Result<Nvrtc>& compiler() {
  static const Result<Nvrtc> opened = [] {
    auto any = Nvrtc::open(0);
    // The one that was asked for, whichever it is.
    if (const char* set = std::getenv("HONE_NVRTC"); set != nullptr && (!any || any->path().starts_with(set)))
      return any;
    auto twelve = Nvrtc::open(12);
    return twelve ? std::move(twelve) : std::move(any);
  }();
  return opened;
}

fs::path cache_folder() {
  if (const char* set = std::getenv("HONE_CACHE_DIR"))
    return *set != '\0' ? fs::path(set) / "cuda" : fs::path();
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0')
    return fs::path(xdg) / "hone" / "cuda";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return fs::path(home) / ".cache" / "hone" / "cuda";
  return {};
}

}  // namespace

fs::path binary_cache() { return cache_folder(); }

namespace {

// A cached file is the code with the xxh3 of it in front: a damaged one is compiled anew.
constexpr size_t kChecksumBytes = 8;

std::shared_ptr<const std::vector<std::byte>> read_cached(const fs::path& path) {
  std::error_code failure;
  if (!fs::exists(path, failure)) return nullptr;
  const auto file = MappedFile::open(path);
  if (!file || (*file)->bytes().size() <= kChecksumBytes) return nullptr;
  const auto bytes = (*file)->bytes();
  uint64_t wanted = 0;
  std::memcpy(&wanted, bytes.data(), kChecksumBytes);
  const auto code = bytes.subspan(kChecksumBytes);
  if (hash_bytes(code) != wanted) return nullptr;
  return std::make_shared<const std::vector<std::byte>>(code.begin(), code.end());
}

void write_cached(const fs::path& path, std::span<const std::byte> code) {
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  const uint64_t checksum = hash_bytes(code);
  std::string text(kChecksumBytes + code.size(), '\0');
  std::memcpy(text.data(), &checksum, kChecksumBytes);
  std::memcpy(text.data() + kChecksumBytes, code.data(), code.size());
  if (const auto written = write_file(path, text); !written)
    log_verbose("compiled kernels are not cached: " + written.error().message);
}

Binary binary_of(std::shared_ptr<const std::vector<std::byte>> code, int nvrtc_version) {
  const std::span<const std::byte> view(*code);
  return {.owner = std::move(code), .code = view, .nvrtc_version = nvrtc_version};
}

}  // namespace

std::string target_name(int capability) {
  return fmt::format("sm_{}{}", capability, capability == 90 ? "a" : "");
}

bool can_compile() { return compiler().has_value(); }

Result<Binary> compile(const Program& program, const std::string& target) {
  const Result<Nvrtc>& nvrtc = compiler();
  if (!nvrtc) return error_in(fmt::format("kernel {} must be compiled", program.name), nvrtc);
  const fs::path folder = cache_folder();
  const fs::path path = folder.empty() ? fs::path()
                                       : folder / fmt::format("{}-{:016x}-{}-{}.bin", program.name,
                                                              program.key(), target, nvrtc->version());
  if (!path.empty())
    if (auto cached = read_cached(path)) return binary_of(std::move(cached), nvrtc->version());
  HONE_ASSIGN(const Compiled compiled, nvrtc->compile(program.source, program.name, target, program.options));
  const auto bytes = std::as_bytes(std::span(compiled.cubin));
  if (!path.empty()) write_cached(path, bytes);
  return binary_of(std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end()),
                   nvrtc->version());
}

}  // namespace hone::cuda
