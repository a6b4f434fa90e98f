// Compiled programs: from NVRTC, by way of a cache on disk.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "device/cuda/program.h"
#include "hone/status.h"

namespace hone::cuda {

// Machine code for one target (or PTX text for a virtual one).
struct Binary {
  std::shared_ptr<const void> owner;  // keeps `code` alive
  std::span<const std::byte> code;
  int nvrtc_version = 0;  // 12090 for 12.9
};

// "sm_86", "sm_90a": the target that hone compiles for on a chip of this capability.
std::string target_name(int capability);
// PTX that the drivers of all chips since can compile, also of those that are newer than hone.
inline constexpr const char* kPortableTarget = "compute_80";
// NVRTC is at hand.
bool can_compile();

// From the disk cache ($HONE_CACHE_DIR, else $XDG_CACHE_HOME/hone, else ~/.cache/hone; an empty
// HONE_CACHE_DIR turns it off), or compiled by NVRTC: the one in $HONE_NVRTC, else 12 where it is there,
// since what 13 makes needs a newer driver. Thread safe; several programs compile at once. Errors hold the
// compiler's log.
Result<Binary> compile(const Program& program, const std::string& target);

}  // namespace hone::cuda
