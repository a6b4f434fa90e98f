// A few ops on small constants, for the tests of ir/ and passes/, which know no kernel. Everything is
// computed in double.
#pragma once

#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "ir/infer.h"

namespace hone {

inline std::vector<double> tiny_values(const Constant& constant) {
  std::vector<double> values;
  if (is_floating(constant.desc().type)) {
    const auto floats = constant.to_floats().value();
    values.assign(floats.begin(), floats.end());
  } else {
    const auto ints = constant.to_ints(1 << 20).value();
    values.assign(ints.begin(), ints.end());
  }
  return values;
}

inline ConstantPtr tiny_constant(const TensorDesc& desc, const std::vector<double>& values) {
  std::vector<std::byte> bytes(byte_count(desc.type, desc.shape).value());
  const auto put = [&](size_t i, auto value) {
    std::memcpy(bytes.data() + i * sizeof(value), &value, sizeof(value));
  };
  for (size_t i = 0; i < values.size(); ++i) {
    switch (desc.type) {
      case DType::f32:
        put(i, static_cast<float>(values[i]));
        break;
      case DType::f16:
        put(i, f32_to_f16(static_cast<float>(values[i])));
        break;
      case DType::i64:
        put(i, static_cast<int64_t>(values[i]));
        break;
      case DType::i32:
        put(i, static_cast<int32_t>(values[i]));
        break;
      default:
        put(i, static_cast<uint8_t>(values[i]));
    }
  }
  return Constant::of(desc, Bytes::of(std::move(bytes)));
}

struct TinyEvaluator {
  using Values = std::vector<double>;
  std::span<const ConstantPtr> inputs;
  std::span<const TensorDesc> outputs;

  Values in(size_t i) const { return tiny_values(*inputs[i]); }
  const Shape& shape(size_t i) const { return inputs[i]->desc().shape; }
  size_t count() const { return static_cast<size_t>(element_count(outputs[0].shape).value()); }
  // Index into input i of the output's element.
  size_t broadcast_index(size_t i, size_t element) const {
    const Shape &out = outputs[0].shape, &from = shape(i);
    size_t index = 0, stride = 1;
    for (size_t d = 0; d < out.size(); ++d) {
      const size_t axis = out.size() - 1 - d;
      const auto at = element % static_cast<size_t>(out[axis]);
      element /= static_cast<size_t>(out[axis]);
      if (d >= from.size()) continue;
      const auto extent = static_cast<size_t>(from[from.size() - 1 - d]);
      if (extent != 1) index += at * stride;
      stride *= extent;
    }
    return index;
  }

  Values operator()(const Binary& op) const {
    const Values a = in(0), b = in(1);
    Values y(count());
    for (size_t i = 0; i < y.size(); ++i) {
      const double l = a[broadcast_index(0, i)], r = b[broadcast_index(1, i)];
      switch (op.kind) {
        case BinaryKind::add:
          y[i] = l + r;
          break;
        case BinaryKind::sub:
          y[i] = l - r;
          break;
        case BinaryKind::mul:
          y[i] = l * r;
          break;
        case BinaryKind::div:
          y[i] = is_integer(outputs[0].type) ? std::trunc(l / r) : l / r;
          break;
        case BinaryKind::equal:
          y[i] = l == r;
          break;
        case BinaryKind::greater:
          y[i] = l > r;
          break;
        default:
          return {};
      }
    }
    return y;
  }
  Values operator()(const Unary& op) const {
    Values y = in(0);
    for (double& v : y) {
      switch (op.function.kind) {
        case UnaryKind::identity:
          break;
        case UnaryKind::neg:
          v = -v;
          break;
        case UnaryKind::logical_not:
          v = v == 0;
          break;
        default:
          return {};
      }
    }
    return y;
  }
  Values operator()(const Concat&) const {  // axis 0
    Values y;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Values part = in(i);
      y.insert(y.end(), part.begin(), part.end());
    }
    return y;
  }
  Values operator()(const Gather&) const {  // from a vector
    const Values x = in(0);
    Values y = in(1);
    for (double& v : y) v = x[static_cast<size_t>(v < 0 ? v + static_cast<double>(x.size()) : v)];
    return y;
  }
  Values operator()(const Expand&) const {
    const Values x = in(0);
    Values y(count());
    for (size_t i = 0; i < y.size(); ++i) y[i] = x[broadcast_index(0, i)];
    return y;
  }
  Values operator()(const Range&) const {
    Values y(count());
    for (size_t i = 0; i < y.size(); ++i) y[i] = in(0)[0] + static_cast<double>(i) * in(2)[0];
    return y;
  }
  Values operator()(const ConstantOfShape& op) const { return Values(count(), op.value); }
  Values operator()(const Cast&) const { return in(0); }
  Values operator()(const Reshape&) const { return in(0); }
  Values operator()(const Squeeze&) const { return in(0); }
  Values operator()(const Unsqueeze&) const { return in(0); }
  template <class T>
  Values operator()(const T&) const {
    return {};
  }
};

inline Evaluator tiny_evaluator() {
  return [](const Node& node, std::span<const ConstantPtr> inputs,
            std::span<const TensorDesc> outputs) -> Result<std::vector<ConstantPtr>> {
    const auto values = std::visit(TinyEvaluator{inputs, outputs}, node.op);
    if (outputs.size() != 1 || static_cast<int64_t>(values.size()) != element_count(outputs[0].shape).value())
      return error(StatusCode::unsupported, "the tests' evaluator does not know " + op_text(node.op));
    return std::vector<ConstantPtr>{tiny_constant(outputs[0], values)};
  };
}

}  // namespace hone
