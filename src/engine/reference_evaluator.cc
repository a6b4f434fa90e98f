// Constant folding, done by the reference kernels.
#include "engine/engine_data.h"
#include "kernels/kernel.h"

namespace hone {

Evaluator reference_evaluator() {
  return [](const Node& node, std::span<const ConstantPtr> inputs,
            std::span<const TensorDesc> outputs) -> Result<std::vector<ConstantPtr>> {
    std::vector<TensorDesc> descs;
    std::vector<Bytes> data;
    for (const ConstantPtr& input : inputs) {
      descs.push_back(input != nullptr ? input->desc() : TensorDesc{});
      data.emplace_back();
      if (input != nullptr) {
        HONE_ASSIGN(data.back(), input->bytes());
      }
    }
    HONE_ASSIGN(std::vector<Bytes> computed, run_reference(node.op, descs, data, outputs));
    std::vector<ConstantPtr> constants;
    for (size_t i = 0; i < computed.size(); ++i)
      constants.push_back(Constant::of(outputs[i], std::move(computed[i])));
    return constants;
  };
}

}  // namespace hone
