#include "tactics/problem_timer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace hone {
namespace {

constexpr size_t kSlackBytes = 64;
// Short kernels are run until this much time has gone, so that a moment's disturbance does not decide.
constexpr double kBudgetMs = 6;
constexpr int kMaxRuns = 12;
// A candidate this much slower than the best so far is not measured more closely.
constexpr double kHopeless = 1.3;

size_t rounded(size_t bytes) { return (bytes + kSlackBytes + 63) / 64 * 64; }

size_t desc_bytes(const TensorDesc& desc) {
  return desc.has_shape ? layout_bytes(desc.type, desc.shape, desc.layout).value_or(0) : 0;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

void fill_random(DType type, std::byte* data, size_t bytes) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  const auto next = [&] {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
  };
  const auto each = [&]<class T>(T, auto make) {
    for (size_t at = 0; at + sizeof(T) <= bytes; at += sizeof(T)) {
      const T value = make(next());
      std::memcpy(data + at, &value, sizeof(T));
    }
  };
  switch (type) {
    case DType::f32:
      each(float{}, [](uint64_t r) { return static_cast<float>(r >> 40) * 0x1p-23f - 1.0f; });
      break;
    case DType::f64:
      each(double{}, [](uint64_t r) { return static_cast<double>(r >> 11) * 0x1p-52 - 1.0; });
      break;
    // Sign and mantissa at random, the exponent that of a half: ±0.5 to ±1.
    case DType::f16:
      each(uint16_t{}, [](uint64_t r) { return static_cast<uint16_t>(0x3800u | (r & 0x83ffu)); });
      break;
    case DType::bf16:
      each(uint16_t{}, [](uint64_t r) { return static_cast<uint16_t>(0x3f00u | (r & 0x807fu)); });
      break;
    default:
      std::memset(data, 0, bytes);
  }
}

size_t ProblemTimer::bytes_needed(const Problem& problem, size_t workspace_bytes) {
  size_t bytes = workspace_bytes;
  for (size_t i = 0; i < problem.inputs.size(); ++i)  // weights count twice: as read, and packed
    bytes += desc_bytes(problem.inputs[i]) * (problem.constants[i] != nullptr ? 2 : 1);
  for (const TensorDesc& desc : problem.outputs) bytes += desc_bytes(desc);
  return bytes;
}

Result<std::byte*> ProblemTimer::scratch(Scratch& scratch, size_t bytes) {
  if (scratch.buffer == nullptr || scratch.buffer->size_bytes() < bytes) {
    scratch.buffer.reset();
    scratch.filled_bytes = 0;
    HONE_ASSIGN(scratch.buffer, device_.allocate(bytes));
  }
  return static_cast<std::byte*>(scratch.buffer->address());
}

Result<std::byte*> ProblemTimer::random_input(DType type, size_t bytes) {
  Scratch& input = inputs_[type];
  HONE_ASSIGN(std::byte * data, scratch(input, bytes));
  if (input.filled_bytes < bytes) fill_random(type, data, bytes), input.filled_bytes = bytes;
  return data;
}

Result<std::span<const std::byte>> ProblemTimer::packed(const Kernel& kernel, const Problem& problem) {
  const std::string packing = kernel.packing(problem);
  if (packing.empty()) return std::span<const std::byte>{};
  auto& buffer = packs_[fmt::format("{}/{}", packing, kernel.version())];
  if (buffer == nullptr) {
    HONE_ASSIGN(const std::vector<std::byte> bytes, kernel.pack(problem));
    HONE_ASSIGN(buffer, device_.allocate(bytes.size()));
    HONE_TRY(device_.copy_in(*buffer, 0, bytes));
  }
  return std::span(static_cast<const std::byte*>(buffer->address()), buffer->size_bytes());
}

Result<float> ProblemTimer::time(const Kernel& kernel, const Problem& problem, const Slices&,
                                 size_t workspace_bytes, double best_ms, double /*estimated_ms*/) {
  HONE_ASSIGN(const std::span<const std::byte> pack, packed(kernel, problem));
  const std::vector<size_t> covered =
      kernel.packing(problem).empty() ? std::vector<size_t>{} : kernel.packed_inputs(problem);
  std::vector<TensorArg> inputs, outputs;
  std::vector<std::shared_ptr<DeviceBuffer>> constants;

  std::map<DType, size_t> input_bytes;
  for (const TensorDesc& desc : problem.inputs) input_bytes[desc.type] += rounded(desc_bytes(desc));
  std::map<DType, std::byte*> next_input;
  for (const auto& [type, bytes] : input_bytes) {
    HONE_ASSIGN(next_input[type], random_input(type, bytes));
  }
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    TensorArg arg{
        .data = nullptr, .desc = &desc, .image_stride = desc.has_shape ? dense_image_stride(desc) : 0};
    if (problem.constants[i] != nullptr) {
      if (std::ranges::find(covered, i) == covered.end()) {
        HONE_ASSIGN(const Bytes bytes, problem.constants[i]->bytes());
        HONE_ASSIGN(auto buffer, device_.allocate(bytes.view().size() + kSlackBytes));
        HONE_TRY(device_.copy_in(*buffer, 0, bytes.view()));
        arg.data = buffer->address();
        constants.push_back(std::move(buffer));
      }
    } else if (desc.has_shape) {
      arg.data = next_input[desc.type];
      next_input[desc.type] += rounded(desc_bytes(desc));
    }
    inputs.push_back(arg);
  }
  size_t output_bytes = 0;
  for (const TensorDesc& desc : problem.outputs) output_bytes += rounded(desc_bytes(desc));
  HONE_ASSIGN(std::byte * next_output, scratch(outputs_, output_bytes));
  for (const TensorDesc& desc : problem.outputs) {
    outputs.push_back({.data = next_output, .desc = &desc, .image_stride = dense_image_stride(desc)});
    next_output += rounded(desc_bytes(desc));
  }
  HONE_ASSIGN(std::byte * workspace, scratch(workspace_, rounded(workspace_bytes)));

  HONE_ASSIGN(const std::unique_ptr<Runner> runner, kernel.prepare(problem, pack));
  const RunArgs args{.inputs = inputs, .outputs = outputs, .workspace = workspace, .threads = &threads_};
  const auto run_once = [&] {
    const auto start = std::chrono::steady_clock::now();
    runner->run(args);
    return ms_since(start);
  };
  ++timed_;
  double least =
      run_once();  // the first run warms caches and touches pages; it decides only when it is far off
  if (best_ms > 0 && least > 2 * kHopeless * best_ms + 0.1) return static_cast<float>(least);
  double spent = 0;
  for (int run = 0; run < kMaxRuns && (run == 0 || spent < kBudgetMs); ++run) {
    const double ms = run_once();
    least = run == 0 ? ms : std::min(least, ms);
    spent += ms;
    if (best_ms > 0 && least > kHopeless * best_ms && run >= 1) break;
  }
  return static_cast<float>(std::max(least, 1e-6));
}

}  // namespace hone
