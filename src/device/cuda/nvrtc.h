// NVRTC, NVIDIA's run-time compiler, opened at run time: needed to build engines for GPUs, not to run them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hone/status.h"

namespace hone::cuda {

struct Compiled {
  std::vector<char> cubin;  // machine code, or PTX text when the target is virtual (compute_80)
  std::string log;          // the compiler's warnings
};

class Nvrtc {
 public:
  // Looks for libnvrtc in $HONE_NVRTC (a file, or a folder that holds it; empty: there is none), PyPI's
  // nvidia-cuda-nvrtc wheels below `extra`, the active Python environment ($VIRTUAL_ENV, $CONDA_PREFIX) and
  // the user's packages (~/.local), then on the loader's path and in the CUDA toolkit's folders. `major` 12
  // or 13 asks for that one, 0 for the newest found. The error lists where it looked and how to get it.
  static Result<Nvrtc> open(int major = 0, const std::vector<std::filesystem::path>& extra = {});

  int version() const { return version_; }  // 12040 for 12.4
  const std::string& path() const { return path_; }
  // Targets it can compile for, e.g. 80, 86, 87, 89, 90.
  Result<std::vector<int>> architectures() const;
  // `target` is "sm_86", "sm_90a" or "compute_80". Errors hold the compiler's log. Thread safe.
  Result<Compiled> compile(const std::string& source, const std::string& name, const std::string& target,
                           const std::vector<std::string>& options = {}) const;

 private:
  struct Functions;
  std::shared_ptr<const Functions> functions_;
  std::string path_;
  int version_ = 0;
};

// The least driver (as Driver::version) that loads what NVRTC of this version makes for a target. Within a
// major version CUDA promises minor-version compatibility for machine code, so a cubin of 12.x needs 12.0;
// the driver's own compiler must know the PTX of 12.9, so that needs 12.9.
int least_driver(int nvrtc_version, std::string_view target);

// Where compile() keeps what it made (binary.h); empty where it keeps nothing.
std::filesystem::path binary_cache();

}  // namespace hone::cuda
