#include "tactics/gpu_timer.h"

#include <fmt/format.h>

#include <algorithm>

#include "device/cuda/driver.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 256;
constexpr int kMostLaunches = 16, kReplays = 4;
// A candidate is launched often enough for this time, so that the graph's own start does not count.
constexpr double kGraphMs = 0.15;

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A tensor inside the buffer whose slice it is.
struct Operand {
  int64_t image_stride = 0;
  size_t bytes = 0;
};
Operand operand_of(const TensorDesc& desc, int64_t stride) {
  if (!desc.has_shape) return {};
  const int64_t dense = dense_image_stride(desc);
  size_t bytes = layout_bytes(desc.type, desc.shape, desc.layout).value_or(0);
  if (stride <= dense || desc.layout != Layout::nhwc) return {dense, rounded(bytes)};
  bytes = bytes / static_cast<size_t>(dense) * static_cast<size_t>(stride);
  return {stride, rounded(bytes)};
}

}  // namespace

Result<std::unique_ptr<GpuTimer>> GpuTimer::create(CudaDevice& device) {
  std::unique_ptr<GpuTimer> timer(new GpuTimer(device));
  HONE_ASSIGN(timer->stream_, cuda::OwnedStream::create(device));
  HONE_ASSIGN(timer->begin_, cuda::OwnedEvent::create(device));
  HONE_ASSIGN(timer->end_, cuda::OwnedEvent::create(device));
  HONE_TRY(timer->scratch(timer->flush_, std::max<size_t>(device.gpu()->l2_bytes, size_t{8} << 20)));
  return timer;
}

Result<std::byte*> GpuTimer::scratch(std::shared_ptr<DeviceBuffer>& buffer, size_t bytes) {
  if (buffer == nullptr || buffer->size_bytes() < bytes) {
    buffer.reset();
    HONE_ASSIGN(buffer, device_.allocate(bytes));
  }
  return static_cast<std::byte*>(buffer->address());
}

Result<std::byte*> GpuTimer::random_input(DType type, size_t bytes) {
  Input& input = inputs_[type];
  HONE_ASSIGN(std::byte * data, scratch(input.buffer, bytes));
  if (input.buffer->size_bytes() > input.filled_bytes) {
    // The same few megabytes again and again: random enough, and quick to make.
    std::vector<std::byte> some(std::min(input.buffer->size_bytes(), size_t{8} << 20));
    fill_random(type, some.data(), some.size());
    for (size_t at = 0; at < input.buffer->size_bytes(); at += some.size())
      HONE_TRY(device_.copy_in(
          *input.buffer, at, std::span(some).first(std::min(some.size(), input.buffer->size_bytes() - at))));
    input.filled_bytes = input.buffer->size_bytes();
  }
  return data;
}

Result<std::shared_ptr<DeviceBuffer>> GpuTimer::packed(const Kernel& kernel, const Problem& problem,
                                                       size_t copies, size_t* pack_bytes) {
  const std::string packing = kernel.packing(problem);
  if (packing.empty()) return std::shared_ptr<DeviceBuffer>();
  Pack& pack = packs_[fmt::format("{}/{}", packing, kernel.version())];
  if (pack.buffer == nullptr || pack.copies < copies) {
    HONE_ASSIGN(const std::vector<std::byte> bytes, kernel.pack(problem));
    HONE_ASSIGN(pack.buffer, device_.allocate(rounded(bytes.size()) * copies));
    HONE_TRY(device_.copy_in(*pack.buffer, 0, bytes));
    const cuda::Current current(device_.driver(), device_.context());
    const auto first = reinterpret_cast<cuda::Address>(pack.buffer->address());
    for (size_t i = 1; i < copies; ++i)
      HONE_TRY(
          device_.driver().check(device_.driver().copy_on_device_async(first + i * rounded(bytes.size()),
                                                                       first, bytes.size(), stream_.get()),
                                 "cuMemcpyDtoDAsync"));
    pack.bytes = bytes.size();
    pack.copies = copies;
  }
  *pack_bytes = pack.bytes;
  return pack.buffer;
}

Result<float> GpuTimer::time(const Kernel& kernel, const Problem& problem, const Slices& slices,
                             size_t workspace_bytes, double /*best_ms*/, double estimated_ms) {
  const int launches =
      std::clamp(static_cast<int>(kGraphMs / std::max(estimated_ms, 1e-4)) + 1, 4, kMostLaunches);
  size_t pack_bytes = 0;
  HONE_ASSIGN(const auto pack, packed(kernel, problem, static_cast<size_t>(launches), &pack_bytes));
  const std::vector<size_t> covered = pack == nullptr ? std::vector<size_t>{} : kernel.packed_inputs(problem);

  const bool strided = kernel.may_i(problem).image_stride;
  std::vector<Operand> sources, targets;
  for (size_t i = 0; i < problem.inputs.size(); ++i)
    sources.push_back(
        operand_of(problem.inputs[i], strided && i < slices.inputs.size() ? slices.inputs[i] : 0));
  for (size_t i = 0; i < problem.outputs.size(); ++i)
    targets.push_back(
        operand_of(problem.outputs[i], strided && i < slices.outputs.size() ? slices.outputs[i] : 0));

  std::vector<TensorArg> inputs, outputs;
  std::vector<std::shared_ptr<DeviceBuffer>> constants;
  std::map<DType, size_t> input_bytes;
  for (size_t i = 0; i < problem.inputs.size(); ++i) input_bytes[problem.inputs[i].type] += sources[i].bytes;
  std::map<DType, std::byte*> next_input;
  for (const auto& [type, bytes] : input_bytes) {
    HONE_ASSIGN(next_input[type], random_input(type, std::max(bytes, kAlignment)));
  }
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    TensorArg arg{.data = nullptr, .desc = &desc, .image_stride = sources[i].image_stride};
    if (problem.constants[i] != nullptr) {
      if (std::ranges::find(covered, i) == covered.end()) {
        HONE_ASSIGN(const Bytes bytes, problem.constants[i]->bytes());
        HONE_ASSIGN(auto buffer, device_.allocate(bytes.view().size()));
        HONE_TRY(device_.copy_in(*buffer, 0, bytes.view()));
        arg.data = buffer->address();
        constants.push_back(std::move(buffer));
      }
    } else if (desc.has_shape) {
      arg.data = next_input[desc.type];
      next_input[desc.type] += sources[i].bytes;
    }
    inputs.push_back(arg);
  }
  size_t output_bytes = kAlignment;
  for (const Operand& target : targets) output_bytes += target.bytes;
  HONE_ASSIGN(std::byte * next_output, scratch(outputs_, output_bytes));
  for (size_t i = 0; i < problem.outputs.size(); ++i) {
    outputs.push_back(
        {.data = next_output, .desc = &problem.outputs[i], .image_stride = targets[i].image_stride});
    next_output += targets[i].bytes;
  }
  HONE_ASSIGN(std::byte * workspace, scratch(workspace_, rounded(workspace_bytes) + kAlignment));

  std::vector<std::unique_ptr<Runner>> runners;
  for (int i = 0; i < launches && (i == 0 || pack != nullptr); ++i) {
    std::span<const std::byte> own;
    if (pack != nullptr)
      own = {static_cast<const std::byte*>(pack->address()) + static_cast<size_t>(i) * rounded(pack_bytes),
             pack_bytes};
    HONE_ASSIGN(runners.emplace_back(), kernel.prepare(problem, own));
  }
  const RunArgs args{.inputs = inputs, .outputs = outputs, .workspace = workspace, .stream = stream_.get()};
  HONE_ASSIGN(const cuda::OwnedGraph graph,
              cuda::OwnedGraph::capture(device_, stream_.get(), [&]() -> Result<> {
                for (int i = 0; i < launches; ++i)
                  runners[static_cast<size_t>(i) % runners.size()]->run(args);
                return {};
              }));
  ++timed_;
  float least = 0;
  const cuda::Current current(device_.driver(), device_.context());
  for (int replay = 0; replay < kReplays; ++replay) {
    HONE_TRY(device_.driver().check(
        device_.driver().fill_bytes_async(reinterpret_cast<cuda::Address>(flush_->address()), 0,
                                          flush_->size_bytes(), stream_.get()),
        "cuMemsetD8Async"));
    HONE_TRY(begin_.record(stream_.get()));
    HONE_TRY(graph.launch(stream_.get()));
    HONE_TRY(end_.record(stream_.get()));
    if (auto done = end_.synchronize(); !done)
      return error_in(fmt::format("running {}", kernel.name()), done);
    HONE_ASSIGN(const float ms, end_.ms_since(begin_));
    if (replay == 0 || ms < least) least = ms;
  }
  return std::max(least / static_cast<float>(launches), 1e-6f);
}

}  // namespace hone
