#include "plan/draft.h"

#include <fmt/format.h>

namespace hone {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

TensorId Draft::add_tensor(std::string name, TensorDesc desc) {
  tensors.push_back({.name = std::move(name), .desc = std::move(desc)});
  return static_cast<TensorId>(tensors.size() - 1);
}

TensorId Draft::root(TensorId id) const {
  while (tensor(id).parent != kNoTensor) id = tensor(id).parent;
  return id;
}

size_t Draft::offset_in_root(TensorId id) const {
  size_t offset = 0;
  for (; tensor(id).parent != kNoTensor; id = tensor(id).parent) offset += tensor(id).offset_bytes;
  return offset;
}

int64_t Draft::images(TensorId id) const { return image_count(tensor(id).desc); }

int64_t Draft::image_stride(TensorId id) const {
  const DraftTensor& t = tensor(id);
  if (t.desc.shape.empty()) return 1;
  const int64_t dense = dense_image_stride(t.desc);
  return t.parent == kNoTensor || !t.inherits_stride || images(id) <= 1 ? dense : image_stride(t.parent);
}

size_t Draft::bytes(TensorId id) const {
  const TensorDesc& desc = tensor(id).desc;
  return layout_bytes(desc.type, desc.shape, desc.layout).value_or(0);
}

bool Draft::is_strided(TensorId id) const {
  return images(id) > 1 && image_stride(id) != dense_image_stride(tensor(id).desc);
}

bool Draft::fits(const DraftStep& step, TensorId id) const {
  if (step.kernel == nullptr) return true;
  if (step.verdict.image_stride) {
    const size_t alignment = step.verdict.slice_alignment;
    if (alignment <= 1 || tensor(root(id)).place == Operand::Place::constant) return true;
    const TensorDesc& desc = tensor(id).desc;
    const size_t stride = static_cast<size_t>(image_stride(id)) * (dtype_bits(desc.type) / 8);
    return offset_in_root(id) % alignment == 0 && (!is_strided(id) || stride % alignment == 0);
  }
  if (is_strided(id)) return false;
  // A kernel that knows nothing of slices may count on the alignment of dense tensors; plain C++ does not.
  return step.kernel->is_reference() || offset_in_root(id) % kAlignment == 0;
}

std::vector<TensorId> Draft::tree(TensorId wanted) const {
  std::vector<TensorId> ids;
  for (TensorId id = 0; id < static_cast<TensorId>(tensors.size()); ++id)
    if (root(id) == wanted) ids.push_back(id);
  return ids;
}

Result<DraftStep> Draft::copy_step(TensorId from, TensorId to) {
  const TensorDesc &source = tensor(from).desc, &target = tensor(to).desc;
  const bool reorders = source.layout != target.layout;
  DraftStep step;
  step.name = fmt::format("{}({})", reorders ? "reorder" : "copy", tensor(from).name);
  step.kernel = copy_kernel(source, target, options.thread_count, rows, &step.verdict);
  if (step.kernel == nullptr)
    return error(StatusCode::unsupported,
                 fmt::format("no kernel can copy {} to {}", desc_text(source), desc_text(target)));
  step.inputs = {from};
  step.outputs = {to};
  return step;
}

bool Draft::can_copy_strided(const TensorDesc& desc) {
  const auto [found, is_new] = strided_copies_.emplace(std::pair(desc.type, desc.layout), false);
  if (is_new) {
    Verdict verdict;
    found->second =
        copy_kernel(desc, desc, options.thread_count, rows, &verdict) != nullptr && verdict.image_stride;
  }
  return found->second;
}

}  // namespace hone
