#include "measure/measure.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/float16.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

void fill_random(DType type, std::span<std::byte> bytes) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  const auto next = [&] {  // xorshift64*
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du >> 32;
  };
  const auto fill = [&]<class T>(T, auto value) {
    for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
      const T v = static_cast<T>(value(next()));
      std::memcpy(&bytes[i], &v, sizeof v);
    }
  };
  const auto unit = [](uint64_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; };
  const auto small = [](uint64_t bits) { return static_cast<int>(bits & 255) - 128; };
  switch (type) {
    case DType::f32:
      return fill(float{}, unit);
    case DType::f64:
      return fill(double{}, unit);
    case DType::f16:
      return fill(uint16_t{}, [&](uint64_t bits) { return f32_to_f16(unit(bits)); });
    case DType::bf16:
      return fill(uint16_t{}, [&](uint64_t bits) { return f32_to_bf16(unit(bits)); });
    case DType::boolean:
      return fill(uint8_t{}, [](uint64_t bits) { return bits & 1; });
    case DType::i64:
      return fill(int64_t{}, small);
    case DType::i32:
      return fill(int32_t{}, small);
    case DType::i16:
      return fill(int16_t{}, small);
    default:
      return fill(uint8_t{}, [](uint64_t bits) { return bits & 255; });
  }
}

}  // namespace

double percentile(std::span<const double> ascending, double p) {
  if (ascending.empty()) return 0;
  const auto n = static_cast<int64_t>(ascending.size());
  // In float, as trtexec computes it.
  const auto exclude = static_cast<int64_t>((1 - static_cast<float>(p) / 100) * static_cast<float>(n));
  return ascending[static_cast<size_t>(std::max<int64_t>(n - 1 - exclude, 0))];
}

Statistics statistics(std::vector<double> values) {
  Statistics s;
  s.runs = values.size();
  if (values.empty()) return s;
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  s.min = values.front();
  s.max = values.back();
  s.median = n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  s.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n);
  s.p90 = percentile(values, 90);
  s.p99 = percentile(values, 99);
  double squares = 0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.stddev = std::sqrt(squares / static_cast<double>(n));
  return s;
}

Result<HostBuffers> HostBuffers::create(const Engine& engine, const ExecutionContext& context) {
  HostBuffers buffers;
  for (const auto& info : engine.inputs()) {
    HONE_ASSIGN(Shape shape, context.tensor_shape(info.name));
    HONE_ASSIGN(const size_t size, byte_count(info.type, shape));
    buffers.inputs_.emplace_back(size);
    fill_random(info.type, buffers.inputs_.back());
    buffers.input_shapes_.push_back(std::move(shape));
  }
  for (const auto& info : engine.outputs()) {
    HONE_ASSIGN(Shape shape, context.tensor_shape(info.name));
    HONE_ASSIGN(const size_t size, byte_count(info.type, shape));
    buffers.outputs_.emplace_back(size);
    buffers.output_shapes_.push_back(std::move(shape));
  }
  for (auto& b : buffers.inputs_) buffers.input_pointers_.push_back(b.data());
  for (auto& b : buffers.outputs_) buffers.output_pointers_.push_back(b.data());
  return buffers;
}

Result<Measurement> measure(ExecutionContext& context, HostBuffers& buffers, const MeasureOptions& options) {
  Measurement m;
  const auto begin = Clock::now();
  do {
    HONE_TRY(context.run(buffers.inputs(), buffers.outputs()));
    ++m.warm_up_runs;
  } while (Clock::now() - begin < options.warm_up);
  const auto first = Clock::now();
  m.warm_up_ms = ms_between(begin, first);
  auto now = first;
  while (m.run_ms.size() < options.iterations || now - first < options.duration) {
    const auto start = Clock::now();
    HONE_TRY(context.run(buffers.inputs(), buffers.outputs()));
    now = Clock::now();
    m.start_ms.push_back(ms_between(first, start));
    m.run_ms.push_back(ms_between(start, now));
  }
  m.walltime_ms = ms_between(first, now);
  return m;
}

}  // namespace hone
