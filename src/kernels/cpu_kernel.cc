#include "kernels/cpu_kernel.h"

#include <cstring>

#include "base/cpu_features.h"

namespace hone {
namespace {

class CpuRunner final : public Runner {
 public:
  CpuRunner(const Op& op, CpuKernel::Compute compute) : op_(op), compute_(compute) {}
  void run(const RunArgs& args) noexcept override { compute_(op_, args); }

 private:
  Op op_;
  CpuKernel::Compute compute_;
};

std::string check_desc(const TensorDesc& desc) {
  if (!is_concrete(desc.shape)) return "has an operand of the shape " + shape_text(desc.shape);
  if (desc.shape.size() > kMaxRank) return "has an operand of more than 16 axes";
  if (dtype_bits(desc.type) < 8) return "does not take " + std::string(dtype_name(desc.type));
  if (desc.layout != Layout::plain && desc.shape.size() != 4) return "wants rank 4 for any layout but plain";
  if (!layout_bytes(desc.type, desc.shape, desc.layout)) return "has an operand that is too large";
  return {};
}

// Bytes a core moves in a millisecond, order of magnitude.
constexpr double kBytesPerMs = 8e6;

}  // namespace

std::vector<LayoutSignature> CpuKernel::signatures(const Op& op, std::span<const TensorDesc> inputs,
                                                   std::span<const TensorDesc> outputs) const {
  return signatures_ ? signatures_(op, inputs, outputs) : Kernel::signatures(op, inputs, outputs);
}

Verdict CpuKernel::may_i(const Problem& problem) const {
  for (const auto operands : {problem.inputs, problem.outputs})
    for (const TensorDesc& desc : operands)
      if (desc.has_shape)
        if (std::string why = check_desc(desc); !why.empty()) return Verdict::no(why);
  for (const TensorDesc& desc : problem.outputs)
    if (!desc.has_shape) return Verdict::no("has an output without shape");
  return check_(problem);
}

Result<std::unique_ptr<Runner>> CpuKernel::prepare(const Problem& problem, std::span<const std::byte>) const {
  return std::make_unique<CpuRunner>(problem.op, compute_);
}

Verdict yes_to(const Problem& problem, const VerdictTraits& traits) {
  Verdict verdict;
  verdict.legal = true;
  verdict.in_place = traits.in_place;
  verdict.image_stride = traits.image_stride;
  verdict.workspace_bytes = traits.workspace_bytes;
  verdict.estimated_ms = 1e-4 + operand_bytes(problem) / kBytesPerMs;
  return verdict;
}

std::span<const Layout> preferred_layouts() {
  static constexpr Layout kWide[] = {Layout::nchw16c, Layout::plain, Layout::nhwc, Layout::nchw8c};
  static constexpr Layout kNarrow[] = {Layout::nchw8c, Layout::plain, Layout::nhwc, Layout::nchw16c};
  return cpu_features().avx512 ? std::span<const Layout>(kWide) : std::span<const Layout>(kNarrow);
}

std::vector<LayoutSignature> shared_layouts(std::span<const TensorDesc> inputs,
                                            std::span<const TensorDesc> outputs, int free_axis) {
  return shared_layouts(preferred_layouts(), inputs, outputs, free_axis);
}

bool is_f32(const Problem& problem) {
  for (const auto operands : {problem.inputs, problem.outputs})
    for (const TensorDesc& desc : operands)
      if (desc.has_shape && desc.type != DType::f32) return false;
  return true;
}

LayoutView view_of(const TensorDesc& desc, int64_t image_stride) {
  LayoutView view;
  for (const int64_t extent : desc.shape) view.shape.push_back(extent);
  const int64_t block = channel_block(desc.layout);
  if (desc.layout == Layout::plain) {
    view.stride = dense_strides(desc.shape);
  } else {
    const int64_t height = desc.shape[2], width = desc.shape[3];
    const int64_t pixel = block > 1 ? block : image_stride;
    view.stride[1] = block > 1 ? height * width * block : 1;
    view.stride[2] = width * pixel;
    view.stride[3] = pixel;
    if (block > 1) {
      view.shape[1] = (desc.shape[1] + block - 1) / block;
      view.shape.push_back(block);
      view.stride[4] = 1;
    }
  }
  if (!desc.shape.empty())
    view.stride[0] =
        desc.layout == Layout::nhwc ? desc.shape[2] * desc.shape[3] * image_stride : image_stride;
  return view;
}

void zero_channel_padding(const TensorArg& arg) {
  const TensorDesc& desc = *arg.desc;
  const int64_t block = channel_block(desc.layout);
  if (block == 1 || desc.shape[1] % block == 0) return;
  const size_t size = dtype_bits(desc.type) / 8;
  const int64_t used = desc.shape[1] % block, pixels = desc.shape[2] * desc.shape[3];
  for (int64_t n = 0; n < desc.shape[0]; ++n) {
    auto* last = static_cast<std::byte*>(arg.data) +
                 static_cast<size_t>(n * arg.image_stride + desc.shape[1] / block * block * pixels) * size;
    for (int64_t i = 0; i < pixels; ++i)
      std::memset(last + static_cast<size_t>(i * block + used) * size, 0,
                  static_cast<size_t>(block - used) * size);
  }
}

}  // namespace hone
