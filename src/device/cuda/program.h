// CUDA source to be compiled, and the shape of a launch: what kernels hand to the device.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace hone::cuda {

// One compilation unit for NVRTC, specialised by its options: on what the weights fix and on its tile, never
// on batch, height or width.
struct Program {
  std::string name;                  // for messages: "conv_sm90"
  std::string source;                // CUDA C++ text that includes no header
  std::vector<std::string> options;  // "-DBN=96", …
  std::string entry;                 // an extern "C" __global__ function

  // Equal programs have equal keys on every machine.
  uint64_t key() const;
};

// Program::key() of several.
using ProgramKeys = std::unordered_set<uint64_t>;

struct LaunchShape {
  unsigned grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;  // dynamic
  unsigned cluster = 1;       // blocks along x
  // The kernel executes griddepcontrol.wait before its first access to anything that a predecessor touches,
  // so that it may be launched while the predecessor ends (where the device can).
  bool dependent = true;
};

// A launch that was noted instead of made.
struct RecordedLaunch {
  uint64_t program = 0;  // Program::key()
  std::string entry;
  LaunchShape shape;
};

}  // namespace hone::cuda
