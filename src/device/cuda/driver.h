// libcuda, opened at run time.
#pragma once

#include <string>
#include <vector>

#include "device/cuda/driver_api.h"
#include "hone/status.h"

namespace hone::cuda {

struct Driver {
#define HONE_CUDA_MEMBER(result, name, symbol, arguments) result(*name) arguments = nullptr;
  HONE_CUDA_DRIVER_FUNCTIONS(HONE_CUDA_MEMBER)
#undef HONE_CUDA_MEMBER

  std::string path;  // of the library that was opened
  int version = 0;   // 12040 is CUDA 12.4: the newest that this driver supports

  // Success, or an error with the driver's own name and text for the code: "cuMemAlloc of 5 bytes:
  // CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
  Result<> check(Code code, const std::string& what) const;
};

// Opens and initialises the driver once a process; the error says which library was looked for and what to
// install, or what the driver answered. Thread safe.
Result<const Driver*> driver();

// "12.4" for 12040.
std::string version_text(int version);

}  // namespace hone::cuda
