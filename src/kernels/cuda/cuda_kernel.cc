#include "kernels/cuda/cuda_kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/operands.h"

namespace hone {
namespace {

// A launch inside a graph, without and with programmatic dependence.
constexpr double kLaunchMs = 0.0015;
// What a kernel of plain loads and stores reaches of a memory's rate.
constexpr double kReachable = 0.8;
constexpr int64_t kMaxIndex = (int64_t{1} << 31) - 1;

// A constant of more bytes is data, not a setting.
constexpr size_t kMaxHostBytes = 64 << 10;

// Copies of a problem's small constants.
struct HostConstants {
  std::vector<TensorDesc> descs;
  std::vector<Bytes> bytes;
};
Result<HostConstants> host_constants(const Problem& problem) {
  HostConstants host{.descs = {problem.inputs.begin(), problem.inputs.end()}, .bytes = {}};
  host.bytes.resize(host.descs.size());
  for (size_t i = 0; i < std::min(host.descs.size(), problem.constants.size()); ++i)
    if (problem.constants[i] && problem.constants[i]->size_bytes() <= kMaxHostBytes) {
      HONE_ASSIGN(host.bytes[i], problem.constants[i]->bytes());
    }
  return host;
}

class CudaRunner final : public Runner {
 public:
  CudaRunner(Op op, CudaDevice& device, std::vector<cuda::Function> functions,
             std::span<const std::byte> packed, HostConstants host, CudaKernel::Enqueue enqueue)
      : op_(std::move(op)),
        device_(device),
        functions_(std::move(functions)),
        packed_(packed),
        constants_(std::move(host)),
        enqueue_(enqueue) {
    for (size_t i = 0; i < constants_.descs.size(); ++i) {
      auto* data = const_cast<std::byte*>(constants_.bytes[i].view().data());
      const TensorDesc& desc = constants_.descs[i];
      host_.push_back({.data = data, .desc = &desc, .image_stride = dense_image_stride(desc)});
    }
  }
  void run(const RunArgs& args) noexcept override {
    enqueue_({.op = op_,
              .args = args,
              .packed = packed_,
              .functions = functions_,
              .device = device_,
              .host = host_});
  }

 private:
  Op op_;
  CudaDevice& device_;
  std::vector<cuda::Function> functions_;
  std::span<const std::byte> packed_;
  HostConstants constants_;
  std::vector<TensorArg> host_;
  CudaKernel::Enqueue enqueue_;
};

std::string obstacle(const TensorDesc& desc, const char* what, size_t index) {
  if (!is_concrete(desc.shape)) return fmt::format("{} {} has no concrete shape", what, index);
  if (dtype_bits(desc.type) % 8 != 0 || dtype_bits(desc.type) == 0)
    return fmt::format("{} {} has elements of {}", what, index, dtype_name(desc.type));
  if (desc.layout != Layout::plain && (desc.layout != Layout::nhwc || desc.shape.size() != 4))
    return fmt::format("{} {} is {}", what, index, layout_name(desc.layout));
  const auto count = element_count(desc.shape);
  if (!count || *count > kMaxIndex) return fmt::format("{} {} has 2^31 elements or more", what, index);
  return {};
}

}  // namespace

std::vector<LayoutSignature> CudaKernel::signatures(const Op& op, std::span<const TensorDesc> inputs,
                                                    std::span<const TensorDesc> outputs) const {
  return signatures_ != nullptr ? signatures_(op, inputs, outputs) : Kernel::signatures(op, inputs, outputs);
}

Verdict CudaKernel::may_i(const Problem& problem) const {
  if (problem.device == nullptr || problem.device->gpu() == nullptr) return Verdict::no("needs a GPU");
  for (size_t i = 0; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].has_shape)
      if (std::string why = obstacle(problem.inputs[i], "input", i); !why.empty())
        return Verdict::no(std::move(why));
  for (size_t i = 0; i < problem.outputs.size(); ++i)
    if (std::string why = obstacle(problem.outputs[i], "output", i); !why.empty())
      return Verdict::no(std::move(why));
  Verdict verdict = check_(problem);
  if (verdict.legal && !is_carried(problem)) return Verdict::no(cuda::kNotCarried);
  return verdict;
}

bool CudaKernel::is_carried(const Problem& problem) const {
  const auto& gpu = static_cast<const CudaDevice&>(*problem.device);
  if (gpu.carried() == nullptr) return true;
  const auto wanted = programs(problem);
  return wanted &&
         std::ranges::all_of(*wanted, [&](const cuda::Program& p) { return gpu.may_load(p.key()); });
}

Result<std::vector<cuda::Program>> CudaKernel::programs(const Problem& problem) const {
  return programs_(problem);
}

Result<std::unique_ptr<Runner>> CudaKernel::prepare(const Problem& problem,
                                                    std::span<const std::byte> packed) const {
  if (problem.device == nullptr || problem.device->kind() != DeviceKind::cuda)
    return error(StatusCode::internal, fmt::format("{} was prepared for a device that is no GPU", name_));
  auto& gpu = static_cast<CudaDevice&>(*problem.device);
  std::vector<cuda::Function> functions;
  HONE_ASSIGN(const std::vector<cuda::Program> wanted, programs(problem));
  for (const cuda::Program& program : wanted) {
    HONE_ASSIGN(const cuda::Function function, gpu.load(program));
    functions.push_back(function);
  }
  HONE_ASSIGN(HostConstants host, host_constants(problem));
  return std::make_unique<CudaRunner>(problem.op, gpu, std::move(functions), packed, std::move(host),
                                      enqueue_);
}

std::string cuda_source(std::initializer_list<std::string_view> parts) {
  std::string source;
  for (const std::string_view part : parts) source.append(source.empty() ? "" : "\n#line 1\n").append(part);
  return source;
}

std::string_view cuda_type(DType type) {
  switch (type) {
    case DType::f32:
      return "float";
    case DType::f16:
      return "half_t";
    case DType::bf16:
      return "bfloat_t";
    case DType::f64:
      return "double";
    case DType::i8:
      return "signed char";
    case DType::u8:
    case DType::boolean:
      return "u8";
    case DType::i16:
      return "short";
    case DType::u16:
      return "u16";
    case DType::i32:
      return "int";
    case DType::u32:
      return "u32";
    case DType::i64:
      return "i64";
    case DType::u64:
      return "u64";
    default:
      return {};
  }
}

std::string define(std::string_view name, int64_t value) { return fmt::format("-D{}={}", name, value); }
std::string define(std::string_view name, std::string_view value) {
  return fmt::format("-D{}={}", name, value);
}

std::vector<std::string> activation_options(const Activation& activation, DType result) {
  return {define("ACTIVATION", static_cast<int64_t>(activation.kind)),
          define("FAST_ACTIVATION", dtype_bits(result) == 16 ? 1 : 0)};
}

double moving_ms(const Problem& problem, double bytes) {
  const GpuTraits* gpu = problem.device != nullptr ? problem.device->gpu() : nullptr;
  if (gpu == nullptr || gpu->bytes_per_ns <= 0) return 0;
  return kLaunchMs + bytes / (kReachable * gpu->bytes_per_ns * 1e6);
}

double moving_ms(const Problem& problem) { return moving_ms(problem, operand_bytes(problem)); }

std::vector<LayoutSignature> gpu_layouts(std::span<const TensorDesc> inputs,
                                         std::span<const TensorDesc> outputs) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : {Layout::nhwc, Layout::plain}) {
    const auto of = [&](const TensorDesc& desc) {
      return desc.has_shape && desc.shape.size() == 4 ? layout : Layout::plain;
    };
    LayoutSignature s;
    for (const TensorDesc& desc : inputs) s.inputs.push_back(of(desc));
    for (const TensorDesc& desc : outputs) s.outputs.push_back(of(desc));
    const bool any = std::ranges::count(s.inputs, Layout::nhwc) + std::ranges::count(s.outputs, Layout::nhwc);
    if (layout == Layout::plain || any) all.push_back(std::move(s));
  }
  return all;
}

GpuExtents gpu_extents(const TensorDesc& desc) {
  const Shape& shape = desc.shape;
  if (shape.size() == 4)
    return {static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2] * shape[3])};
  int64_t rest = 1;
  for (size_t i = 1; i < shape.size(); ++i) rest *= shape[i];
  return {shape.empty() ? 1 : static_cast<int>(shape[0]), 1, static_cast<int>(rest)};
}

GpuTensor gpu_tensor(const TensorArg& arg) {
  const TensorDesc& desc = *arg.desc;
  if (desc.layout == Layout::nhwc)
    return {.data = arg.data, .image = image_distance(arg), .channel = 1, .pixel = arg.image_stride};
  return {.data = arg.data, .image = arg.image_stride, .channel = gpu_extents(desc).pixels, .pixel = 1};
}

cuda::LaunchShape linear_launch(int64_t items, unsigned threads, unsigned most_blocks) {
  const int64_t blocks = (items + threads - 1) / threads;
  cuda::LaunchShape shape;
  shape.grid[0] = static_cast<unsigned>(std::clamp<int64_t>(blocks, 1, most_blocks));
  shape.block[0] = threads;
  return shape;
}

}  // namespace hone
