#include "ir/arity.h"

namespace hone {
namespace {

struct Ask {
  template <class T>
  Arity operator()(const T&) const {
    return {};
  }

  Arity operator()(const Conv& c) const { return exactly(2u + c.has_bias + c.has_residual); }
  Arity operator()(const ConvTranspose& c) const { return exactly(2u + c.has_bias); }
  Arity operator()(const MatMul&) const { return exactly(2); }
  Arity operator()(const Gemm&) const { return between(2, 3); }
  Arity operator()(const Binary&) const { return exactly(2); }
  Arity operator()(const Where&) const { return exactly(3); }
  Arity operator()(const LayerNorm&) const { return between(2, 3); }
  Arity operator()(const BatchNorm&) const { return exactly(5); }
  Arity operator()(const InstanceNorm&) const { return exactly(3); }
  Arity operator()(const Reduce&) const { return between(1, 2); }
  Arity operator()(const TopK&) const { return {2, 2, 1, 2}; }
  Arity operator()(const Concat&) const { return between(1, kAnyCount); }
  Arity operator()(const Split&) const { return {1, 2, 1, kAnyCount}; }
  Arity operator()(const Slice&) const { return between(3, 5); }
  Arity operator()(const Reshape&) const { return exactly(2); }
  Arity operator()(const Squeeze&) const { return between(1, 2); }
  Arity operator()(const Unsqueeze&) const { return exactly(2); }
  Arity operator()(const Expand&) const { return exactly(2); }
  Arity operator()(const Tile&) const { return exactly(2); }
  Arity operator()(const Pad&) const { return between(2, 4); }
  Arity operator()(const Gather&) const { return exactly(2); }
  Arity operator()(const GatherElements&) const { return exactly(2); }
  Arity operator()(const GatherNd&) const { return exactly(2); }
  Arity operator()(const ScatterNd&) const { return exactly(3); }
  Arity operator()(const Range&) const { return exactly(3); }
  Arity operator()(const Resize&) const { return between(1, 4); }
  Arity operator()(const QuantizeLinear&) const { return between(2, 3); }
  Arity operator()(const DequantizeLinear&) const { return between(2, 3); }
  Arity operator()(const NonMaxSuppression&) const { return between(2, 5); }
  Arity operator()(const If&) const { return {1, 1, 1, kAnyCount}; }
  Arity operator()(const Loop&) const { return {0, kAnyCount, 1, kAnyCount}; }
  Arity operator()(const DecodeBoxes& d) const {
    // A hostile count becomes one that no node has.
    return d.levels < 1 || d.levels > 16 ? exactly(kAnyCount - 1)
                                         : exactly(2 * static_cast<size_t>(d.levels));
  }
  Arity operator()(const DetectionNms&) const { return {1, 1, 2, 2}; }

  static Arity exactly(size_t inputs) { return {inputs, inputs, 1, 1}; }
  static Arity between(size_t required, size_t most) { return {required, most, 1, 1}; }
};

std::string range_text(size_t least, size_t most) {
  if (least == most) return std::to_string(least);
  if (most == kAnyCount) return "at least " + std::to_string(least);
  return std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

Arity arity_of(const Op& op) { return std::visit(Ask{}, op); }

Result<> check_arity(const Op& op, std::span<const ValueId> inputs, size_t output_count) {
  const Arity arity = arity_of(op);
  const std::string name(op_name(op));
  if (inputs.size() < arity.required_inputs || inputs.size() > arity.max_inputs)
    return error(StatusCode::invalid_argument, name + " has " + std::to_string(inputs.size()) +
                                                   " inputs instead of " +
                                                   range_text(arity.required_inputs, arity.max_inputs));
  // Concat takes any number, and all of them must be there.
  const size_t required = std::holds_alternative<Concat>(op) ? inputs.size() : arity.required_inputs;
  for (size_t i = 0; i < required; ++i)
    if (inputs[i] == kNoValue)
      return error(StatusCode::invalid_argument, name + " lacks its input " + std::to_string(i));
  if (output_count < arity.min_outputs || output_count > arity.max_outputs)
    return error(StatusCode::invalid_argument, name + " has " + std::to_string(output_count) +
                                                   " outputs instead of " +
                                                   range_text(arity.min_outputs, arity.max_outputs));
  return {};
}

}  // namespace hone
