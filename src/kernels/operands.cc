#include "kernels/operands.h"

#include <algorithm>

namespace hone {

double operand_bytes(const Problem& problem) {
  double bytes = 0;
  for (const auto operands : {problem.inputs, problem.outputs})
    for (const TensorDesc& desc : operands)
      if (desc.has_shape)
        bytes += static_cast<double>(layout_bytes(desc.type, desc.shape, desc.layout).value_or(0));
  return bytes;
}

bool all_plain(const Problem& problem) {
  const auto plain = [](const TensorDesc& desc) { return desc.layout == Layout::plain; };
  return std::ranges::all_of(problem.inputs, plain) && std::ranges::all_of(problem.outputs, plain);
}

std::vector<LayoutSignature> shared_layouts(std::span<const Layout> layouts,
                                            std::span<const TensorDesc> inputs,
                                            std::span<const TensorDesc> outputs, int free_axis) {
  const auto follows = [&](const TensorDesc& desc) {
    if (!desc.has_shape || desc.shape.size() != 4 || outputs[0].shape.size() != 4) return false;
    for (int i = 0; i < 4; ++i)
      if (i != free_axis && desc.shape[static_cast<size_t>(i)] != outputs[0].shape[static_cast<size_t>(i)])
        return false;
    return true;
  };
  std::vector<LayoutSignature> signatures;
  for (const Layout layout : layouts) {
    if (layout != Layout::plain && (outputs.empty() || outputs[0].shape.size() != 4)) continue;
    LayoutSignature s;
    for (const TensorDesc& desc : inputs) s.inputs.push_back(follows(desc) ? layout : Layout::plain);
    for (const TensorDesc& desc : outputs) s.outputs.push_back(follows(desc) ? layout : Layout::plain);
    signatures.push_back(std::move(s));
  }
  return signatures;
}

}  // namespace hone
