#include <algorithm>

#include "base/thread_pool.h"
#include "kernels/kernel.h"

namespace hone {

#define HONE_KERNEL(row) const Kernel& row();
#define HONE_KERNEL_FAMILY(rows) std::span<const Kernel* const> rows();
#include "kernels/kernels.inc"
#undef HONE_KERNEL
#undef HONE_KERNEL_FAMILY

namespace {

std::vector<const Kernel*> rows() {
  std::vector<const Kernel*> all;
  [[maybe_unused]] const auto add = [&all](std::span<const Kernel* const> family) {
    all.insert(all.end(), family.begin(), family.end());
  };
#define HONE_KERNEL(row) all.push_back(&row());
#define HONE_KERNEL_FAMILY(rows) add(rows());
#include "kernels/kernels.inc"
#undef HONE_KERNEL
#undef HONE_KERNEL_FAMILY
  std::stable_partition(all.begin(), all.end(), [](const Kernel* k) { return k->is_reference(); });
  return all;
}

// Folding many small shape tensors must not pay for starting threads; a folded convolution may.
constexpr int64_t kThreadedElements = int64_t{1} << 20;

TensorArg argument(const void* data, const TensorDesc& desc) {
  return {.data = const_cast<void*>(data), .desc = &desc, .image_stride = dense_image_stride(desc)};
}

}  // namespace

std::span<const Kernel* const> all_kernels() {
  static const std::vector<const Kernel*> all = rows();
  return all;
}

std::vector<const Kernel*> kernels_for(std::string_view op, DeviceKind device) {
  std::vector<const Kernel*> found;
  for (const Kernel* kernel : all_kernels())
    if (kernel->op() == op && kernel->device() == device) found.push_back(kernel);
  std::stable_partition(found.begin(), found.end(), [](const Kernel* k) { return !k->is_reference(); });
  return found;
}

const Kernel* find_kernel(std::string_view name) {
  for (const Kernel* kernel : all_kernels())
    if (kernel->name() == name) return kernel;
  return nullptr;
}

std::vector<LayoutSignature> Kernel::signatures(const Op&, std::span<const TensorDesc> inputs,
                                                std::span<const TensorDesc> outputs) const {
  return {{.inputs = std::vector<Layout>(inputs.size(), Layout::plain),
           .outputs = std::vector<Layout>(outputs.size(), Layout::plain)}};
}

int64_t dense_image_stride(const TensorDesc& desc) {
  if (!desc.has_shape || desc.shape.empty()) return 1;
  if (desc.layout == Layout::nhwc && desc.shape.size() == 4) return desc.shape[1];
  const int64_t block = channel_block(desc.layout);
  int64_t stride = 1;
  for (size_t i = 1; i < desc.shape.size(); ++i)
    stride *= i == 1 ? (desc.shape[i] + block - 1) / block * block : desc.shape[i];
  return stride;
}

int64_t image_count(const TensorDesc& desc) {
  if (!desc.has_shape || desc.shape.empty()) return 1;
  const bool by_pixel = desc.layout == Layout::nhwc && desc.shape.size() == 4;
  return by_pixel ? desc.shape[0] * desc.shape[2] * desc.shape[3] : desc.shape[0];
}

int64_t image_distance(const TensorArg& arg) {
  const TensorDesc& desc = *arg.desc;
  const bool by_pixel = desc.layout == Layout::nhwc && desc.shape.size() == 4;
  return by_pixel ? desc.shape[2] * desc.shape[3] * arg.image_stride : arg.image_stride;
}

Result<std::vector<Bytes>> run_reference(const Op& op, std::span<const TensorDesc> inputs,
                                         std::span<const Bytes> data, std::span<const TensorDesc> outputs) {
  const Kernel* reference = nullptr;
  for (const Kernel* kernel : kernels_for(op_name(op), DeviceKind::cpu))
    if (kernel->is_reference()) reference = kernel;
  if (!reference)
    return error(StatusCode::unsupported, "no reference kernel computes " + std::string(op_name(op)));
  if (data.size() != inputs.size())
    return error(StatusCode::invalid_argument, "reference of " + std::string(op_name(op)) + " got data for " +
                                                   std::to_string(data.size()) + " of " +
                                                   std::to_string(inputs.size()) + " inputs");
  const std::vector<ConstantPtr> no_constants(inputs.size());
  const Problem problem{.op = op, .inputs = inputs, .outputs = outputs, .constants = no_constants};
  const Verdict verdict = reference->may_i(problem);
  if (!verdict.legal)
    return error(StatusCode::unsupported, std::string(reference->name()) + ": " + verdict.reason);

  std::vector<TensorArg> in, out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].has_shape) {
      in.push_back(argument(nullptr, inputs[i]));
      continue;
    }
    HONE_ASSIGN(const size_t wanted, byte_count(inputs[i].type, inputs[i].shape));
    if (data[i].view().size() < wanted)
      return error(StatusCode::invalid_argument, "input " + std::to_string(i) + " of " +
                                                     std::string(op_name(op)) + " has " +
                                                     std::to_string(data[i].view().size()) +
                                                     " bytes, its shape wants " + std::to_string(wanted));
    in.push_back(argument(data[i].view().data(), inputs[i]));
  }
  std::vector<std::vector<std::byte>> results;
  int64_t elements = 0;
  for (const TensorDesc& desc : outputs) {
    HONE_ASSIGN(const int64_t count, element_count(desc.shape));
    HONE_ASSIGN(const size_t size, byte_count(desc.type, desc.shape));
    elements = std::max(elements, count);
    results.emplace_back(size);
  }
  for (size_t i = 0; i < outputs.size(); ++i) out.push_back(argument(results[i].data(), outputs[i]));

  HONE_ASSIGN(const std::unique_ptr<Runner> runner, reference->prepare(problem, {}));
  ThreadPool threads(elements > kThreadedElements ? 0 : 1);
  std::vector<std::byte> workspace(verdict.workspace_bytes);
  runner->run({.inputs = in, .outputs = out, .workspace = workspace.data(), .threads = &threads});
  std::vector<Bytes> bytes;
  for (auto& result : results) bytes.push_back(Bytes::of(std::move(result)));
  return bytes;
}

}  // namespace hone
