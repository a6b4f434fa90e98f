#include "device/cuda/driver.h"

#include <dlfcn.h>

namespace hone::cuda {
namespace {

// The loader's path first; then where WSL and containers keep it.
constexpr const char* kLibraries[] = {"libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1",
                                      "/usr/local/nvidia/lib64/libcuda.so.1",
                                      "/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1"};

// No code for this GPU, no compiler for PTX in the driver, or PTX that is newer than it.
bool cannot_load(Code code) { return code == 209 || code == 221 || code == 222; }

// CUresult of faults inside a kernel, and of a GPU that is gone: every later call fails alike.
bool is_lost(Code code) {
  return code == 46 || code == 700 || code == 702 || code == 709 || code == 710 ||
         (code >= 714 && code <= 719);
}
constexpr const char* kLost =
    ": the GPU is lost to this process, and a new one must be started (HONE_CUDA_SYNC=1 names the kernel)";

template <class F>
bool find_symbol(void* library, const char* symbol, F& function) {
  function = reinterpret_cast<F>(dlsym(library, symbol));
  return function != nullptr;
}

Result<Driver> open_driver() {
  Driver d;
  void* library = nullptr;
  for (const char* name : kLibraries) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    d.path = name;
    break;
  }
  if (!library)
    return error(
        StatusCode::not_found,
        "there is no NVIDIA driver on this machine (libcuda.so.1 was not found): install the driver "
        "package of your distribution (Debian: nvidia-driver, Ubuntu: nvidia-driver-NNN), or use device "
        "cpu");
  const char* missing = nullptr;
#define HONE_CUDA_FIND(result, name, symbol, arguments) \
  if (!missing && !find_symbol(library, #symbol, d.name)) missing = #symbol;
  HONE_CUDA_DRIVER_FUNCTIONS(HONE_CUDA_FIND)
#undef HONE_CUDA_FIND
  if (missing)
    return error(StatusCode::unsupported, "the NVIDIA driver (" + d.path + ") is too old: it has no " +
                                              missing + "; update it, or use device cpu");
  HONE_TRY(d.check(d.init(0), "cuInit"));
  HONE_TRY(d.check(d.driver_version(&d.version), "cuDriverGetVersion"));
  return d;  // never closed: the driver keeps threads of its own
}

}  // namespace

Result<> Driver::check(Code code, const std::string& what) const {
  if (code == kSuccess) return {};
  const char *name = nullptr, *text = nullptr;
  if (error_name(code, &name) != kSuccess || !name) name = "unknown error";
  if (error_text(code, &text) != kSuccess || !text) text = "no description";
  return error(code == kOutOfMemory ? StatusCode::resource
               : code == kNoDevice  ? StatusCode::not_found
               : cannot_load(code)  ? StatusCode::unsupported
                                    : StatusCode::device,
               what + ": " + name + " (" + text + ")" + (is_lost(code) ? kLost : ""));
}

Result<const Driver*> driver() {
  static const Result<Driver> opened = open_driver();
  if (!opened) return std::unexpected(opened.error());
  return &*opened;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace hone::cuda
