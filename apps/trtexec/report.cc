#include "trtexec/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/cpu_features.h"
#include "trtexec/log.h"

namespace hone::trtexec {
namespace {

std::string shapes_line(const Options& o, const std::string& name) {
  const auto text = [&](const std::map<std::string, Shape>& shapes) {
    const auto found = shapes.find(name);
    return found == shapes.end() ? std::string("?") : shape_text(found->second);
  };
  return name + "=" + text(o.min_shapes) + "+" + text(o.opt_shapes) + "+" + text(o.max_shapes);
}

const char* enabled(bool on) { return on ? "Enabled" : "Disabled"; }

// "min = A ms, max = B ms, mean = C ms, median = D ms, percentile(90%) = E ms"
std::string fields(std::vector<double> values, const std::vector<double>& percentiles) {
  std::sort(values.begin(), values.end());
  const Statistics s = statistics(values);
  std::string text = fmt::format("min = {} ms, max = {} ms, mean = {} ms, median = {} ms", float_text(s.min),
                                 float_text(s.max), float_text(s.mean), float_text(s.median));
  for (const double p : percentiles)
    text += fmt::format(", percentile({}%) = {} ms", float_text(p), float_text(percentile(values, p)));
  return text;
}

}  // namespace

std::string float_text(double value) { return fmt::format("{:.6g}", value); }

void print_options(const Options& o) {
  info("=== Model Options ===");
  info(o.load_engine.empty() ? "Format: ONNX" : "Format: *");
  info("Model: " + o.onnx);
  info("Output:");
  info("=== Build Options ===");
  std::string precision = "FP32";
  if (o.fp16 || o.best) precision += "+FP16";
  if (o.bf16 || o.best) precision += "+BF16";
  if (o.int8 || o.best) precision += "+INT8";
  info("Precision: " + precision);
  info("Save engine: " + o.save_engine);
  info("Load engine: " + o.load_engine);
  info(std::string("Skip inference: ") + enabled(o.skip_inference));
  info(fmt::format("BuilderOptimizationLevel: {}", o.level));
  info(std::string("timingCacheMode: ") + (o.timing_cache.empty() ? "local" : "global"));
  info("timingCacheFile: " + o.timing_cache);
  if (o.opt_shapes.empty()) info("Input build shapes: model");
  for (const auto& [name, shape] : o.opt_shapes)
    info("Input build shape (profile 0): " + shapes_line(o, name));
  info("=== Inference Options ===");
  info("Batch: Explicit");
  if (o.shapes.empty()) info("Input inference shapes: model");
  for (const auto& [name, shape] : o.shapes)
    info("Input inference shape : " + name + "=" + shape_text(shape));
  info(fmt::format("Iterations: {}", o.iterations));
  info(fmt::format("Duration: {}s (+ {}ms warm up)", float_text(o.duration_s), float_text(o.warm_up_ms)));
  info("Inference Streams: 1");
  info("=== Reporting Options ===");
  info(std::string("Verbose: ") + enabled(o.verbose));
  info(fmt::format("Averages: {} inferences", o.average_runs));
  std::string percentiles;
  for (const double p : o.percentiles) percentiles += (percentiles.empty() ? "" : ",") + float_text(p);
  info("Percentiles: " + percentiles);
  info("");
}

void print_device() {
  const CpuFeatures& cpu = cpu_features();
  info("=== Device Information ===");
  info("Selected Device: " + cpu.model);
  info("Instruction set: " + isa_name(cpu));
  info(fmt::format("Cores: {}", usable_cores()));
  info("");
}

void print_trace(const Measurement& m, size_t average_runs) {
  info("");
  info("=== Trace details ===");
  info(fmt::format("Trace averages of {} runs:", average_runs));
  const size_t lines = m.run_ms.size() / average_runs;
  for (size_t i = 0; i < lines; ++i) {
    if (lines > 400 && i == 200) info(fmt::format("... Omitting {} lines", lines - 400));
    if (lines > 400 && i >= 200 && i + 200 < lines) continue;
    const auto first = m.run_ms.begin() + static_cast<ptrdiff_t>(i * average_runs);
    const double mean = std::accumulate(first, first + static_cast<ptrdiff_t>(average_runs), 0.0) /
                        static_cast<double>(average_runs);
    info(fmt::format("Average on {} runs - GPU latency: {} ms - Host latency: {} ms (enqueue {} ms)",
                     average_runs, float_text(mean), float_text(mean), float_text(mean)));
  }
  info("");
}

void print_summary(const Measurement& m, const Options& o, const std::string& device) {
  const Statistics s = statistics(m.run_ms);
  const std::vector<double> none(m.run_ms.size(), 0.0);
  const std::string times = fields(m.run_ms, o.percentiles), nothing = fields(none, o.percentiles);
  info("=== Performance summary ===");
  info("Throughput: " + float_text(static_cast<double>(s.runs) / m.walltime_ms * 1000) + " qps");
  info("Latency: " + times);
  info("Enqueue Time: " + times);
  info("H2D Latency: " + nothing);
  info("GPU Compute Time: " + times);
  info("D2H Latency: " + nothing);
  info("Total Host Walltime: " + float_text(m.walltime_ms / 1000) + " s");
  info("Total GPU Compute Time: " + float_text(s.mean * static_cast<double>(s.runs) / 1000) + " s");
  if (s.mean > 0 && s.stddev / s.mean > 0.025)
    warning("* GPU compute time is unstable, with coefficient of variance = " +
            float_text(100 * s.stddev / s.mean) + "%.");
  info("Explanations of the performance metrics are printed in the verbose logs.");
  verbose(device == "cpu"
              ? "This engine ran on the CPU: \"GPU\" times are those of the CPU, inputs and outputs "
                "are used where they lie, so H2D and D2H are 0 and the enqueue time is the whole run."
              : "This engine ran on " + device +
                    ": every time is that of a whole run, copies from and to host memory included.");
  info("");
}

}  // namespace hone::trtexec
