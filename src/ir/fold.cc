#include "ir/fold.h"

#include <algorithm>

#include "base/hash.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

// Nobody's weights need more, and a hostile ConstantOfShape must not make us try.
constexpr size_t kMaxFoldBytes = size_t{8} << 30;

size_t bytes_of(const TensorDesc& desc) {
  return byte_count(desc.type, desc.shape).value_or(kMaxFoldBytes + 1);
}

Result<std::vector<ConstantPtr>> compute(const Evaluator& evaluate, const Node& node,
                                         std::span<const ConstantPtr> inputs,
                                         std::span<const TensorDesc> outputs) {
  if (!evaluate) return error(StatusCode::internal, "there is no evaluator to fold constants with");
  for (const ConstantPtr& input : inputs)
    if (input && input->size_bytes() > kMaxFoldBytes)
      return error(StatusCode::resource,
                   "a constant " + desc_text(input->desc()) + " is too large to compute with");
  for (const TensorDesc& output : outputs)
    if (bytes_of(output) > kMaxFoldBytes)
      return error(StatusCode::resource, "a constant " + desc_text(output) + " is too large to be computed");
  HONE_ASSIGN(std::vector<ConstantPtr> results, evaluate(node, inputs, outputs));
  if (results.size() != outputs.size())
    return error(StatusCode::internal, "the evaluator made " + std::to_string(results.size()) +
                                           " outputs instead of " + std::to_string(outputs.size()));
  return results;
}

std::vector<ConstantPtr> compute_later(const Evaluator& evaluate, const Node& node,
                                       std::span<const ConstantPtr> inputs,
                                       std::span<const TensorDesc> outputs) {
  struct Recipe {
    Evaluator evaluate;
    Node node;
    std::vector<ConstantPtr> inputs;
    std::vector<TensorDesc> outputs;
  };
  const auto recipe = std::make_shared<const Recipe>(
      Recipe{evaluate, node, {inputs.begin(), inputs.end()}, {outputs.begin(), outputs.end()}});
  std::vector<ConstantPtr> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    results.push_back(
        Constant::lazy(outputs[i], folded_key(node.op, inputs, i), [recipe, i]() -> Result<Bytes> {
          auto made = compute(recipe->evaluate, recipe->node, recipe->inputs, recipe->outputs);
          if (!made) return error_in("computing '" + recipe->node.name + "'", made);
          return (*made)[i]->bytes();
        }));
  }
  return results;
}

ConstantPtr shape_constant(const ShapeOf& op, const TensorDesc& input) {
  const auto rank = static_cast<int64_t>(input.shape.size());
  const auto place = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = place(op.start), end = std::max(place(op.end), start);
  return Constant::ints(
      std::span(input.shape).subspan(static_cast<size_t>(start), static_cast<size_t>(end - start)));
}

}  // namespace

uint64_t folded_key(const Op& op, std::span<const ConstantPtr> inputs, size_t index) {
  uint64_t key = hash_combine(op_hash(op), index);
  for (const ConstantPtr& input : inputs) key = hash_combine(key, input ? input->key() : 0);
  return key;
}

Result<std::vector<ConstantPtr>> Folder::fold(const Node& node, std::span<const TensorDesc> inputs,
                                              std::span<const ConstantPtr> constants,
                                              std::span<const TensorDesc> outputs) const {
  if (const auto* shape = std::get_if<ShapeOf>(&node.op))
    return std::vector<ConstantPtr>{shape_constant(*shape, inputs[0])};
  bool any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].has_shape) continue;
    if (!constants[i]) return std::vector<ConstantPtr>{};
    any = true;
  }
  // The extents that these are planned with are upper bounds only.
  if (!any || has_subgraphs(node.op) || std::holds_alternative<NonMaxSuppression>(node.op))
    return std::vector<ConstantPtr>{};

  size_t output_bytes = 0, input_bytes = 0;
  for (const TensorDesc& output : outputs) output_bytes += std::min(bytes_of(output), kMaxFoldBytes);
  for (const ConstantPtr& input : constants)
    input_bytes += input ? std::min(input->size_bytes(), kMaxFoldBytes) : 0;
  if (output_bytes > options.eager_fold_limit_bytes || input_bytes >= kMaxFoldBytes)
    return compute_later(evaluate, node, constants, outputs);
  return compute(evaluate, node, constants, outputs);
}

}  // namespace hone
