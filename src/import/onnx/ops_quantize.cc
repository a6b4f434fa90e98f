// Quantization: Q and DQ are kept; the fused forms of ONNX and of ONNX Runtime's quantizer become them around
// f32 ops.
#include "import/onnx/auto_pad.h"
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

// What scale and zero point say, where both are constant: kept on the quantized value for whoever plans with
// it.
std::optional<Quantization> known_quantization(OnnxNode& n, size_t scale_index, size_t zero_index,
                                               int64_t axis) {
  const auto scale = n.const_floats(scale_index);
  if (!scale) return std::nullopt;
  Quantization q;
  q.scale = *scale;
  q.axis = q.scale.size() > 1 ? axis : -1;
  if (n.has_in(zero_index)) {
    const auto zero = n.const_ints(zero_index);
    if (!zero || zero->size() != q.scale.size()) return std::nullopt;
    q.zero_point = *zero;
  } else {
    q.zero_point.assign(q.scale.size(), 0);
  }
  return q;
}

void quantize(OnnxNode& n) {
  if (n.integer("block_size", 0) != 0) return n.unsupported("block_size");
  QuantizeLinear op;
  op.axis = n.integer("axis", 1);
  if (const ConstantPtr zero = n.constant(n.in(2))) {
    op.to = zero->desc().type;
  } else if (const int64_t type = n.integer("output_dtype", 0); type != 0) {
    const auto to = dtype_of_onnx(static_cast<int32_t>(type));
    if (!to) return n.unsupported("a target of which " + to.error().message);
    op.to = *to;
  }
  const auto known = known_quantization(n, 1, 2, op.axis);
  n.emit(op, n.ins());
  if (known) n.quantize_output(*known);
}

void dequantize(OnnxNode& n) {
  if (n.integer("block_size", 0) != 0) return n.unsupported("block_size");
  const int64_t axis = n.integer("axis", 1);
  if (const auto known = known_quantization(n, 1, 2, axis)) n.set_quantization(n.in(0), *known);
  n.emit(DequantizeLinear{axis}, n.ins());
}

// y = quantize(x), its scale and zero point found from x itself: [min(x, 0), max(x, 0)] is mapped to 0..255.
void dynamic_quantize(OnnxNode& n) {
  const ValueId zero = n.add_constant("zero", Constant::floats({}, std::vector<float>{0}));
  const ValueId one = n.add_constant("one", Constant::floats({}, std::vector<float>{1}));
  const ValueId steps = n.add_constant("steps", Constant::floats({}, std::vector<float>{255}));
  const auto bound = [&](const char* suffix, ReduceKind reduce, BinaryKind with_zero) {
    return n.add(suffix, Binary{with_zero}, {n.add(suffix, Reduce{reduce, false}, {n.in(0)}), zero});
  };
  const ValueId low = bound("low", ReduceKind::min, BinaryKind::min);
  const ValueId high = bound("high", ReduceKind::max, BinaryKind::max);
  const ValueId extent = n.add("extent", Binary{BinaryKind::sub}, {high, low});
  const ValueId raw_scale = n.add("raw_scale", Binary{BinaryKind::div}, {extent, steps});
  const ValueId is_zero = n.add("is_zero", Binary{BinaryKind::equal}, {raw_scale, zero});
  const ValueId scale = n.add("scale", Where{}, {is_zero, one, raw_scale});
  const ValueId origin =
      n.add("origin", Binary{BinaryKind::div}, {n.add("negative", Unary{{UnaryKind::neg}}, {low}), scale});
  const ValueId rounded = n.add("rounded", Unary{{UnaryKind::round}}, {origin});
  const ValueId clipped = n.add("clipped", Unary{{UnaryKind::clip, 0, 255}}, {rounded});
  const ValueId zero_point = n.add("zero_point", Cast{DType::u8}, {clipped});
  n.emit_at(0, "quantize", QuantizeLinear{}, {n.in(0), scale, zero_point});
  n.emit_at(1, "scale_out", Unary{}, {scale});
  n.emit_at(2, "zero_point_out", Unary{}, {zero_point});
}

// f32 of an integer input less its zero point. One zero point an extent stands along `axis` of rank `rank`.
ValueId shifted(OnnxNode& n, const char* suffix, size_t index, size_t zero_index, int64_t axis, size_t rank) {
  const ValueId x = n.add(suffix, Cast{DType::f32}, {n.in(index)});
  if (!n.has_in(zero_index)) return x;
  ValueId zero = n.add(suffix, Cast{DType::f32}, {n.in(zero_index)});
  const TensorDesc* desc = n.desc(n.in(zero_index));
  if (desc && desc->shape.size() == 1 && desc->shape[0] != 1) {
    Ints shape(rank, 1);
    shape[static_cast<size_t>(axis)] = -1;
    zero = n.add(suffix, Reshape{}, {zero, n.add_ints("zero_shape", shape)});
  }
  return n.add(suffix, Binary{BinaryKind::sub}, {x, zero});
}

Conv read_conv(OnnxNode& n, size_t weight_index) {
  const TensorDesc* w = n.desc(n.in(weight_index));
  Ints kernel;
  if (w && w->shape.size() > 2 && w->concrete()) kernel.assign(w->shape.begin() + 2, w->shape.end());
  Window window = read_window(n, kernel);
  Conv op;
  op.group = n.integer("group", 1);
  if (op.group < 1) n.fail("its group is " + std::to_string(op.group));
  op.strides = std::move(window.strides), op.pads = std::move(window.pads),
  op.dilations = std::move(window.dilations);
  return op;
}

// An integer that was computed in f32: fast forms of convolution (Winograd's) may come out a little below it.
void emit_integer(OnnxNode& n, ValueId y) {
  n.emit(Cast{DType::i32}, {n.add("rounded", Unary{{UnaryKind::round}}, {y})});
}

// Sums of products of 8-bit numbers, in f32: exact up to 2^24, beyond it to 7 digits.
void conv_integer(OnnxNode& n) {
  Conv op = read_conv(n, 1);
  const size_t rank = op.strides.size() + 2;
  const ValueId x = shifted(n, "x", 0, 2, 1, rank), w = shifted(n, "w", 1, 3, 0, rank);
  const ValueId y = n.add("conv", std::move(op), {x, w});
  emit_integer(n, y);
}

void matmul_integer(OnnxNode& n) {
  const TensorDesc* rows = n.desc(n.in(2));
  if (n.has_in(2) && (!rows || (rows->shape.size() == 1 && rows->shape[0] != 1) || rows->shape.size() > 1))
    return n.unsupported("one zero point a row");
  const ValueId a = shifted(n, "a", 0, 2, 0, 1), b = shifted(n, "b", 1, 3, 0, 1);
  emit_integer(n, n.add("matmul", MatMul{}, {a, b}));
}

ValueId dequantized(OnnxNode& n, const char* suffix, size_t index, size_t scale, size_t zero,
                    int64_t axis = 0) {
  std::vector<ValueId> inputs = {n.in(index), n.in(scale)};
  if (n.has_in(zero)) inputs.push_back(n.in(zero));
  if (const auto known = known_quantization(n, scale, zero, axis)) n.set_quantization(n.in(index), *known);
  return n.add(suffix, DequantizeLinear{axis}, std::move(inputs));
}

void emit_quantized(OnnxNode& n, ValueId y, size_t scale, size_t zero) {
  QuantizeLinear op;
  if (const ConstantPtr z = n.constant(n.in(zero))) op.to = z->desc().type;
  std::vector<ValueId> inputs = {y, n.in(scale)};
  if (n.has_in(zero)) inputs.push_back(n.in(zero));
  const auto known = known_quantization(n, scale, zero, 1);
  n.emit(op, std::move(inputs));
  if (known) n.quantize_output(*known);
}

void qlinear_conv(OnnxNode& n) {
  if (n.integer("channels_last", 0) != 0) return n.unsupported("channels_last");
  Conv op = read_conv(n, 3);
  std::vector<ValueId> inputs = {dequantized(n, "x", 0, 1, 2), dequantized(n, "w", 3, 4, 5)};
  op.has_bias = n.has_in(8);
  if (op.has_bias) {  // in steps of x_scale * w_scale
    const ValueId step = n.add("bias_scale", Binary{BinaryKind::mul}, {n.in(1), n.in(4)});
    const ValueId bias = n.add("bias", Cast{DType::f32}, {n.in(8)});
    inputs.push_back(n.add("bias", Binary{BinaryKind::mul}, {bias, step}));
  }
  emit_quantized(n, n.add("conv", std::move(op), std::move(inputs)), 6, 7);
}

void qlinear_matmul(OnnxNode& n) {
  const TensorDesc* rows = n.desc(n.in(1));
  if (!rows || (rows->shape.size() == 1 && rows->shape[0] != 1)) return n.unsupported("one scale a row");
  const ValueId a = dequantized(n, "a", 0, 1, 2), b = dequantized(n, "b", 3, 4, 5, 1);
  emit_quantized(n, n.add("matmul", MatMul{}, {a, b}), 6, 7);
}

// com.microsoft: a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero
template <BinaryKind kind>
void qlinear_binary(OnnxNode& n) {
  const ValueId a = dequantized(n, "a", 0, 1, 2), b = dequantized(n, "b", 3, 4, 5);
  emit_quantized(n, n.add("f32", Binary{kind}, {a, b}), 6, 7);
}

// com.microsoft: x, x_scale, x_zero, y_scale, y_zero
void qlinear_sigmoid(OnnxNode& n) {
  emit_quantized(n, n.add("f32", Unary{{UnaryKind::sigmoid}}, {dequantized(n, "x", 0, 1, 2)}), 3, 4);
}
void qlinear_leaky_relu(OnnxNode& n) {
  const Activation function{UnaryKind::leaky_relu, n.real("alpha", 0.01f)};
  emit_quantized(n, n.add("f32", Unary{function}, {dequantized(n, "x", 0, 1, 2)}), 3, 4);
}
void qlinear_global_average_pool(OnnxNode& n) {
  if (n.integer("channels_last", 0) != 0) return n.unsupported("channels_last");
  emit_quantized(n, n.add("f32", GlobalPool{PoolKind::average}, {dequantized(n, "x", 0, 1, 2)}), 3, 4);
}

// com.microsoft: y_scale, y_zero, then x, x_scale, x_zero of each part
void qlinear_concat(OnnxNode& n) {
  std::vector<ValueId> parts;
  for (size_t i = 2; i + 1 < n.input_count(); i += 3) parts.push_back(dequantized(n, "x", i, i + 1, i + 2));
  emit_quantized(n, n.add("f32", Concat{n.integer("axis", 0)}, std::move(parts)), 0, 1);
}

constexpr const char* kMicrosoft = "com.microsoft";
constexpr OperatorRow kRows[] = {
    {"QuantizeLinear", 10, 22, quantize},
    {"QuantizeLinear", 1, 99, quantize, kMicrosoft},
    {"DequantizeLinear", 10, 22, dequantize},
    {"DequantizeLinear", 1, 99, dequantize, kMicrosoft},
    {"DynamicQuantizeLinear", 11, 22, dynamic_quantize},
    {"ConvInteger", 10, 22, conv_integer},
    {"MatMulInteger", 10, 22, matmul_integer},
    {"QLinearConv", 10, 22, qlinear_conv},
    {"QLinearConv", 1, 99, qlinear_conv, kMicrosoft},
    {"QLinearMatMul", 10, 22, qlinear_matmul},
    {"QLinearAdd", 1, 99, qlinear_binary<BinaryKind::add>, kMicrosoft},
    {"QLinearMul", 1, 99, qlinear_binary<BinaryKind::mul>, kMicrosoft},
    {"QLinearSigmoid", 1, 99, qlinear_sigmoid, kMicrosoft},
    {"QLinearLeakyRelu", 1, 99, qlinear_leaky_relu, kMicrosoft},
    {"QLinearGlobalAveragePool", 1, 99, qlinear_global_average_pool, kMicrosoft},
    {"QLinearConcat", 1, 99, qlinear_concat, kMicrosoft},
};

}  // namespace

std::span<const OperatorRow> quantize_operators() { return kRows; }

}  // namespace hone
