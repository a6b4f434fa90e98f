#include "hone/bench_pictures.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

#include "device/device.h"
#include "measure/gpu_measure.h"
#include "measure/measure.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kWarmUpRuns = 20;

// Milliseconds of detect() on these pictures, one call after the other; `boxes` are those of the last.
Result<Statistics> time_detect(Detector& detector, std::span<const ImageView> pictures, size_t runs,
                               size_t& boxes) {
  std::vector<double> ms;
  for (size_t i = 0; i < kWarmUpRuns + runs; ++i) {
    const auto start = Clock::now();
    HONE_ASSIGN(const auto found, detector.detect(pictures));
    if (i >= kWarmUpRuns)
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    boxes = 0;
    for (const Detections& d : found) boxes += d.boxes.size();
  }
  return statistics(std::move(ms));
}

// The network at the detector's shape, inputs on the device: milliseconds back to back.
Result<double> time_network(const std::shared_ptr<const Engine>& engine, const PictureBench& bench,
                            const Shape& shape, std::string& device) {
  HONE_ASSIGN(const auto context,
              ExecutionContext::create(
                  engine, {.device = bench.options.device, .thread_count = bench.options.thread_count}));
  device = fmt::format("{} ({}), {}", context->device(), context->device_description(), context->precision());
  if (!is_concrete(engine->inputs()[0].shape))
    HONE_TRY(context->set_input_shape(engine->inputs()[0].name, shape));
  HONE_ASSIGN(HostBuffers buffers, HostBuffers::create(*engine, *context));
  if (context->device() == "cpu") {
    HONE_ASSIGN(const Measurement m, measure(*context, buffers, {.duration = std::chrono::seconds(1)}));
    return statistics(m.run_ms).median;
  }
  HONE_ASSIGN(const GpuMeasurement gpu, measure_gpu(*context, buffers, {}));
  return statistics(gpu.burst_ms).median;
}

}  // namespace

Result<> bench_pictures(const std::shared_ptr<const Engine>& engine, const PictureBench& bench) {
  HONE_ASSIGN(const Picture picture, read_picture(bench.picture));
  HONE_ASSIGN(const auto detector, Detector::create(engine, bench.options));
  // Each picture of a batch has memory of its own, as a camera's frames have.
  const std::vector<Picture> copies(bench.batch, picture);
  std::vector<std::shared_ptr<std::byte>> pinned;
  std::vector<ImageView> fast, any;
  for (const Picture& copy : copies) {
    HONE_ASSIGN(pinned.emplace_back(), detector->host_memory(copy.bgr.size()));
    std::memcpy(pinned.back().get(), copy.bgr.data(), copy.bgr.size());
    any.push_back(copy.view());
    fast.push_back(copy.view());
    fast.back().data = reinterpret_cast<const uint8_t*>(pinned.back().get());
  }
  size_t boxes = 0;
  // A decoder on the GPU leaves its pictures there.
  std::vector<std::shared_ptr<DeviceBuffer>> resident;
  std::vector<ImageView> there;
  if (detector->device() != "cpu") {
    HONE_ASSIGN(const auto gpu, open_device(detector->device()));
    for (const Picture& copy : copies) {
      HONE_ASSIGN(resident.emplace_back(), gpu->allocate(copy.bgr.size()));
      HONE_TRY(gpu->copy_in(*resident.back(), 0, std::as_bytes(std::span(copy.bgr))));
      there.push_back(copy.view());
      there.back().data = static_cast<const uint8_t*>(resident.back()->address());
    }
  }
  HONE_ASSIGN(const Statistics from_any, time_detect(*detector, any, bench.runs, boxes));
  HONE_ASSIGN(const Statistics from_fast, time_detect(*detector, fast, bench.runs, boxes));
  std::string device;
  HONE_ASSIGN(const double network, time_network(engine, bench, detector->times().input_shape, device));
  fmt::print("{} x {} ({} x {} pixels) at {} on {}, {} boxes\n", bench.batch, bench.picture, picture.width,
             picture.height, shape_text(detector->times().input_shape), device, boxes);
  fmt::print("  network alone, back to back            {:.4f} ms\n", network);
  const auto line = [&](const char* what, const Statistics& s) {
    fmt::print("  {} {:.4f} ms (p90 {:.4f}, min {:.4f}, {} runs): network + {:.4f}\n", what, s.median, s.p90,
               s.min, s.runs, s.median - network);
  };
  line("to boxes, from host_memory()          ", from_fast);
  line("to boxes, from other (pageable) memory", from_any);
  if (there.empty()) return {};
  HONE_ASSIGN(const Statistics from_gpu, time_detect(*detector, there, bench.runs, boxes));
  line("to boxes, from the GPU's own memory   ", from_gpu);
  return {};
}

}  // namespace hone
