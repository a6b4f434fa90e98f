#include "ir/output_types.h"

namespace hone {
namespace {

struct Ask {
  std::span<const DType> inputs;
  size_t output;
  using Answer = std::optional<DType>;

  Answer in(size_t i) const { return i < inputs.size() ? Answer(inputs[i]) : std::nullopt; }

  Answer operator()(const Unary& op) const {
    const bool asks = op.function.kind == UnaryKind::is_nan || op.function.kind == UnaryKind::is_inf;
    return asks ? DType::boolean : in(0);
  }
  Answer operator()(const Binary& op) const { return op.kind >= BinaryKind::equal ? DType::boolean : in(0); }
  Answer operator()(const Where&) const { return in(1); }
  Answer operator()(const Cast& op) const { return op.to; }
  Answer operator()(const ArgReduce&) const { return DType::i64; }
  Answer operator()(const TopK&) const { return output == 0 ? in(0) : DType::i64; }
  Answer operator()(const ShapeOf&) const { return DType::i64; }
  Answer operator()(const ConstantOfShape& op) const { return op.type; }
  Answer operator()(const NonZero&) const { return DType::i64; }
  Answer operator()(const NonMaxSuppression&) const { return DType::i64; }
  Answer operator()(const QuantizeLinear& op) const { return inputs.size() > 2 ? in(2) : op.to; }
  Answer operator()(const DequantizeLinear&) const { return in(1); }
  Answer operator()(const Letterbox& op) const { return op.to; }
  Answer operator()(const DetectionNms&) const { return output == 0 ? DType::f32 : DType::i32; }
  Answer operator()(const If&) const { return std::nullopt; }
  Answer operator()(const Loop&) const { return std::nullopt; }
  template <class T>
  Answer operator()(const T&) const {
    return in(0);
  }
};

}  // namespace

std::optional<DType> output_type(const Op& op, std::span<const DType> inputs, size_t output) {
  return std::visit(Ask{inputs, output}, op);
}

}  // namespace hone
