// Timing of an execution context.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hone/engine.h"

namespace hone {

struct Statistics {
  double min = 0, median = 0, mean = 0, p90 = 0, p99 = 0, max = 0, stddev = 0;
  size_t runs = 0;
};
// Median of an even count is the mean of the two middle ones; percentile p of n ascending values is element
// max(n-1 - int((1-p/100)*n), 0), as trtexec counts it.
Statistics statistics(std::vector<double> values);
double percentile(std::span<const double> ascending, double p);

// Host buffers for all inputs and outputs of a context's current shapes. Inputs hold pseudo-random values,
// the same every run: floats in [0, 1), integers in [-128, 127] (u8: [0, 255], bool: 0 or 1).
class HostBuffers {
 public:
  static Result<HostBuffers> create(const Engine& engine, const ExecutionContext& context);
  std::span<const void* const> inputs() const { return input_pointers_; }
  std::span<void* const> outputs() const { return output_pointers_; }
  std::span<std::byte> input(size_t i) { return inputs_[i]; }
  std::span<const std::byte> output(size_t i) const { return outputs_[i]; }
  std::span<const std::vector<std::byte>> input_bytes() const { return inputs_; }
  std::span<const std::vector<std::byte>> output_bytes() const { return outputs_; }
  const std::vector<Shape>& output_shapes() const { return output_shapes_; }
  const std::vector<Shape>& input_shapes() const { return input_shapes_; }

 private:
  std::vector<std::vector<std::byte>> inputs_, outputs_;
  std::vector<const void*> input_pointers_;
  std::vector<void*> output_pointers_;
  std::vector<Shape> input_shapes_, output_shapes_;
};

struct MeasureOptions {
  std::chrono::milliseconds warm_up{200};
  std::chrono::milliseconds duration{3000};
  size_t iterations = 10;  // at least; both this and the duration must be reached
};

struct Measurement {
  std::vector<double> start_ms;  // of each counted run, from the first
  std::vector<double> run_ms;
  size_t warm_up_runs = 0;
  double warm_up_ms = 0, walltime_ms = 0;
};

Result<Measurement> measure(ExecutionContext& context, HostBuffers& buffers, const MeasureOptions& options);

}  // namespace hone
