// How long an engine takes on a GPU: inputs in its memory, times by its own clock.
#pragma once

#include <chrono>

#include "measure/measure.h"

namespace hone {

struct GpuMeasureOptions {
  int warm_up_runs = 20, rounds = 5;
  std::chrono::milliseconds idle{0}, burst{100}, single{200};
};

struct GpuMeasurement {
  std::vector<double> burst_ms;   // a run, each round's runs back to back
  std::vector<double> single_ms;  // a run alone: enqueued, then waited for
};

// Inputs are copied from `buffers` once. The context runs on a GPU.
Result<GpuMeasurement> measure_gpu(ExecutionContext& context, HostBuffers& buffers,
                                   const GpuMeasureOptions& options);

}  // namespace hone
