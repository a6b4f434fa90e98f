#include "device/cuda/nvrtc.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

namespace hone::cuda {
namespace {

namespace fs = std::filesystem;
using Program = struct ProgramHandle*;

// Where pip puts wheels: the active environment, and the user's own packages.
std::vector<fs::path> wheel_folders() {
  std::vector<fs::path> roots, found;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const char* set = std::getenv(name); set != nullptr && *set != '\0') roots.emplace_back(set);
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    roots.push_back(fs::path(home) / ".local");
  for (const fs::path& root : roots) {
    std::error_code failure;
    for (fs::directory_iterator entry(root / "lib", failure), end; !failure && entry != end;
         entry.increment(failure))
      if (entry->path().filename().string().starts_with("python3"))
        found.push_back(entry->path() / "site-packages");
  }
  return found;
}

// Candidates in the order they are tried.
std::vector<std::string> candidates(int major, const std::vector<fs::path>& extra) {
  std::vector<int> majors = major > 0 ? std::vector{major} : std::vector{13, 12};
  std::vector<std::string> found;
  const auto add_folder = [&](const fs::path& folder) {
    for (const int m : majors) {
      const fs::path file = folder / ("libnvrtc.so." + std::to_string(m));
      std::error_code ignored;
      if (fs::exists(file, ignored)) found.push_back(file.string());
    }
  };
  if (const char* set = std::getenv("HONE_NVRTC")) {
    if (*set == '\0') return {};
    std::error_code ignored;
    if (fs::is_directory(set, ignored))
      add_folder(set);
    else
      found.emplace_back(set);
  }
  const auto add_wheel = [&](const fs::path& folder) {  // of 12, and of 13
    for (const char* inside : {"nvidia/cuda_nvrtc/lib", "nvidia/cu13/lib", "lib"})
      add_folder(folder / inside);
  };
  for (const auto& folder : extra) add_folder(folder), add_wheel(folder);
  for (const auto& folder : wheel_folders()) add_wheel(folder);
  for (const int m : majors) found.push_back("libnvrtc.so." + std::to_string(m));
  for (const char* toolkit :
       {"/usr/local/cuda/lib64", "/usr/local/cuda/lib", "/usr/local/cuda-13/lib64",
        "/usr/local/cuda-12/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"})
    add_folder(toolkit);
  return found;
}

}  // namespace

struct Nvrtc::Functions {
  int (*version)(int*, int*);
  int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*);
  int (*destroy)(Program*);
  int (*compile)(Program, int, const char* const*);
  int (*log_size)(Program, size_t*);
  int (*log)(Program, char*);
  int (*cubin_size)(Program, size_t*);
  int (*cubin)(Program, char*);
  int (*ptx_size)(Program, size_t*);
  int (*ptx)(Program, char*);
  int (*arch_count)(int*);
  int (*archs)(int*);
  const char* (*error_text)(int);

  bool find(void* library) {
    const auto get = [&]<class F>(const char* symbol, F& function) {
      function = reinterpret_cast<F>(dlsym(library, symbol));
      return function != nullptr;
    };
    return get("nvrtcVersion", version) && get("nvrtcCreateProgram", create) &&
           get("nvrtcDestroyProgram", destroy) && get("nvrtcCompileProgram", compile) &&
           get("nvrtcGetProgramLogSize", log_size) && get("nvrtcGetProgramLog", log) &&
           get("nvrtcGetCUBINSize", cubin_size) && get("nvrtcGetCUBIN", cubin) &&
           get("nvrtcGetPTXSize", ptx_size) && get("nvrtcGetPTX", ptx) &&
           get("nvrtcGetNumSupportedArchs", arch_count) && get("nvrtcGetSupportedArchs", archs) &&
           get("nvrtcGetErrorString", error_text);
  }
};

Result<Nvrtc> Nvrtc::open(int major, const std::vector<fs::path>& extra) {
  std::string tried;
  for (const auto& path : candidates(major, extra)) {
    tried += (tried.empty() ? "" : ", ") + path;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    Functions functions{};
    int found_major = 0, found_minor = 0;
    if (!functions.find(library) || functions.version(&found_major, &found_minor) != 0 ||
        (major > 0 && found_major != major)) {
      dlclose(library);
      continue;
    }
    Nvrtc nvrtc;
    nvrtc.functions_ = std::make_shared<const Functions>(functions);
    nvrtc.path_ = path;
    nvrtc.version_ = found_major * 1000 + found_minor * 10;
    return nvrtc;
  }
  const std::string wanted = major > 0 ? std::to_string(major) : "12";
  if (tried.empty()) tried = "nothing, since HONE_NVRTC is empty";
  return error(
      StatusCode::not_found,
      "NVRTC" + (major > 0 ? " " + wanted : std::string()) + " was not found (looked for " + tried +
          "): `pip install nvidia-cuda-nvrtc" + (wanted == "12" ? "-cu12" : "") +
          "` and point HONE_NVRTC at its lib folder, or install your distribution's package (Debian: "
          "nvidia-cuda-toolkit; NVIDIA's repository: cuda-nvrtc-12-9)");
}

Result<std::vector<int>> Nvrtc::architectures() const {
  int count = 0;
  if (functions_->arch_count(&count) != 0 || count <= 0 || count > 1000)
    return error(StatusCode::device, "NVRTC does not list its targets");
  std::vector<int> list(static_cast<size_t>(count));
  if (functions_->archs(list.data()) != 0)
    return error(StatusCode::device, "NVRTC does not list its targets");
  return list;
}

Result<Compiled> Nvrtc::compile(const std::string& source, const std::string& name, const std::string& target,
                                const std::vector<std::string>& options) const {
  const Functions& f = *functions_;
  Program program = nullptr;
  if (const int code = f.create(&program, source.c_str(), name.c_str(), 0, nullptr, nullptr); code != 0)
    return error(StatusCode::device, "NVRTC: " + name + ": " + f.error_text(code));
  const std::string arch = "--gpu-architecture=" + target;
  std::vector<const char*> arguments = {arch.c_str(), "--std=c++17", "--device-as-default-execution-space"};
  for (const auto& option : options) arguments.push_back(option.c_str());
  const int code = f.compile(program, static_cast<int>(arguments.size()), arguments.data());
  Compiled out;
  size_t size = 0;
  if (f.log_size(program, &size) == 0 && size > 1) {
    out.log.resize(size);
    f.log(program, out.log.data());
    out.log.resize(size - 1);
  }
  const bool virtual_target = target.starts_with("compute_");
  const auto get_size = virtual_target ? f.ptx_size : f.cubin_size;
  const auto get = virtual_target ? f.ptx : f.cubin;
  Result<Compiled> result =
      error(StatusCode::device, "NVRTC " + std::to_string(version_ / 1000) + ": " + name + " for " + target +
                                    ": " + f.error_text(code) + "\n" + out.log);
  if (code == 0 && get_size(program, &size) == 0 && size > 0) {
    out.cubin.resize(size);
    if (get(program, out.cubin.data()) == 0) result = std::move(out);
  }
  f.destroy(&program);
  return result;
}

int least_driver(int nvrtc_version, std::string_view target) {
  return target.starts_with("compute_") ? nvrtc_version : nvrtc_version / 1000 * 1000;
}

}  // namespace hone::cuda
