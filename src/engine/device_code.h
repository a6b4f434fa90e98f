// Which of the machine code that an engine carries a GPU runs.
#pragma once

#include <span>
#include <string>

#include "device/cuda/program.h"
#include "engine/engine_data.h"

namespace hone {

struct DeviceCode {
  std::string target;  // of ProgramBinary; empty: none that the GPU and its driver can take
  std::string lack;    // then, where a newer driver would do: the sentence that says which
};
// Code for the chip itself; else for a lesser one of its generation, which it runs as it is; else PTX, which
// the driver compiles. `driver_version` as in cuda::Driver.
DeviceCode code_for(std::span<const ProgramBinary> binaries, int capability, int driver_version);

cuda::ProgramKeys program_keys(std::span<const ProgramBinary> binaries, const std::string& target);

// The tuning that chose what `target` was compiled for; null where there is none.
const DeviceTuning* tuning_of_target(const EngineData& engine, const std::string& target);

}  // namespace hone
