// Convolutions, pools, products, normalisations, activations, elementwise.
#include <fmt/format.h>

#include <array>

#include "export/onnx/graph_writer.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

struct UnaryRow {
  UnaryKind kind;
  const char* name;
  int since;  // the opset that brought it
};
constexpr UnaryRow kUnary[] = {
    {UnaryKind::identity, "Identity", 1},
    {UnaryKind::relu, "Relu", 1},
    {UnaryKind::sigmoid, "Sigmoid", 1},
    {UnaryKind::tanh, "Tanh", 1},
    {UnaryKind::selu, "Selu", 1},
    {UnaryKind::softplus, "Softplus", 1},
    {UnaryKind::softsign, "Softsign", 1},
    {UnaryKind::exp, "Exp", 1},
    {UnaryKind::log, "Log", 1},
    {UnaryKind::sqrt, "Sqrt", 1},
    {UnaryKind::reciprocal, "Reciprocal", 1},
    {UnaryKind::neg, "Neg", 1},
    {UnaryKind::abs, "Abs", 1},
    {UnaryKind::sign, "Sign", 9},
    {UnaryKind::floor, "Floor", 1},
    {UnaryKind::ceil, "Ceil", 1},
    {UnaryKind::round, "Round", 11},
    {UnaryKind::erf, "Erf", 9},
    {UnaryKind::sin, "Sin", 7},
    {UnaryKind::cos, "Cos", 7},
    {UnaryKind::tan, "Tan", 7},
    {UnaryKind::asin, "Asin", 7},
    {UnaryKind::acos, "Acos", 7},
    {UnaryKind::atan, "Atan", 7},
    {UnaryKind::sinh, "Sinh", 9},
    {UnaryKind::cosh, "Cosh", 9},
    {UnaryKind::logical_not, "Not", 1},
    {UnaryKind::is_nan, "IsNaN", 9},
    {UnaryKind::is_inf, "IsInf", 10},
    {UnaryKind::bitwise_not, "BitwiseNot", 18},
};

struct BinaryRow {
  BinaryKind kind;
  const char* name;
  int since;
};
constexpr BinaryRow kBinary[] = {
    {BinaryKind::add, "Add", 7},
    {BinaryKind::sub, "Sub", 7},
    {BinaryKind::mul, "Mul", 7},
    {BinaryKind::div, "Div", 7},
    {BinaryKind::pow, "Pow", 7},
    {BinaryKind::mod, "Mod", 10},
    {BinaryKind::fmod, "Mod", 10},
    {BinaryKind::min, "Min", 8},
    {BinaryKind::max, "Max", 8},
    {BinaryKind::prelu, "PRelu", 7},
    {BinaryKind::equal, "Equal", 7},
    {BinaryKind::less, "Less", 7},
    {BinaryKind::less_equal, "LessOrEqual", 12},
    {BinaryKind::greater, "Greater", 7},
    {BinaryKind::greater_equal, "GreaterOrEqual", 12},
    {BinaryKind::logical_and, "And", 7},
    {BinaryKind::logical_or, "Or", 7},
    {BinaryKind::logical_xor, "Xor", 7},
};

// "/model.0/conv/Conv" → "/model.0/act": the scope that PyTorch's exporter gives to the activation behind it;
// for a node of another name, its own name.
std::string activation_scope(const std::string& node_name) {
  constexpr std::string_view kConv = "/conv/Conv";
  if (node_name.ends_with(kConv)) return node_name.substr(0, node_name.size() - kConv.size()) + "/act";
  return node_name + "/act";
}

// "/model.0/act/Silu" → "/model.0/act"
std::string scope_of(const std::string& node_name) {
  const auto slash = node_name.rfind('/');
  return slash == std::string::npos ? node_name : node_name.substr(0, slash);
}

std::vector<std::string> names(GraphWriter& w, const std::vector<ValueId>& ids) {
  std::vector<std::string> texts;
  for (ValueId id : ids) texts.push_back(w.name(id));
  return texts;
}

onnx_proto::Node& plain(GraphWriter& w, const Node& n, const char* op_type) {
  return w.add(n.name, op_type, names(w, n.inputs), names(w, n.outputs));
}

Ints or_ones(const Ints& values, size_t count, int64_t otherwise) {
  return values.empty() ? Ints(count, otherwise) : values;
}

size_t spatial_rank(const GraphWriter& w, ValueId weight, const Ints& a, const Ints& b) {
  if (weight != kNoValue && w.graph().desc(weight).has_shape && w.graph().desc(weight).shape.size() > 2)
    return w.graph().desc(weight).shape.size() - 2;
  return !a.empty() ? a.size() : !b.empty() ? b.size() : 2;
}

// gelu(x) = x/2 * (1 + erf(x / sqrt 2)); the tanh form: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).
void write_gelu(GraphWriter& w, bool by_tanh, const std::string& scope, const std::string& x,
                const std::string& y, ValueId like) {
  const auto number = [&](const char* name, double value) {
    return w.scalar(scope + "/" + name, value, like);
  };
  std::string inner;
  if (by_tanh) {
    const std::string square = w.step(scope + "/Square", "Mul", {x, x});
    const std::string scaled = w.step(scope + "/Scale", "Mul", {square, number("cubic", 0.044715)});
    const std::string factor = w.step(scope + "/Factor", "Add", {scaled, number("one_c", 1)});
    const std::string cubic = w.step(scope + "/Cubic", "Mul", {x, factor});
    inner = w.step(scope + "/Tanh", "Tanh",
                   {w.step(scope + "/Inner", "Mul", {cubic, number("root", 0.7978845608028654)})});
  } else {
    inner = w.step(scope + "/Erf", "Erf",
                   {w.step(scope + "/Div", "Div", {x, number("root", 1.4142135623730951)})});
  }
  const std::string sum = w.step(scope + "/Add", "Add", {inner, number("one", 1)});
  const std::string product = w.step(scope + "/Mul", "Mul", {x, sum});
  w.add(scope + "/Mul_1", "Mul", {product, number("half", 0.5)}, {y});
}

void write_clip(GraphWriter& w, const Activation& f, const std::string& scope, const std::string& x,
                const std::string& y, ValueId like) {
  if (w.opset() >= 11) {
    w.add(scope + "/Clip", "Clip",
          {x, w.scalar(scope + "/min", f.alpha, like), w.scalar(scope + "/max", f.beta, like)}, {y});
    return;
  }
  auto& node = w.add(scope + "/Clip", "Clip", {x}, {y});
  w.set_float(node, "min", f.alpha);
  w.set_float(node, "max", f.beta);
}

}  // namespace

std::unexpected<Status> too_old(const GraphWriter& w, const std::string& what, int since) {
  return error(StatusCode::unsupported,
               fmt::format("opset {} has no {}, which came with opset {}", w.opset(), what, since));
}

Result<> write_activation(GraphWriter& w, const Activation& f, const std::string& scope, const std::string& x,
                          const std::string& y, ValueId like) {
  switch (f.kind) {
    case UnaryKind::silu:
      w.add(scope + "/Mul", "Mul", {x, w.step(scope + "/Sigmoid", "Sigmoid", {x})}, {y});
      return {};
    case UnaryKind::leaky_relu:
      w.set_float(w.add(scope + "/LeakyRelu", "LeakyRelu", {x}, {y}), "alpha", f.alpha);
      return {};
    case UnaryKind::elu:
      w.set_float(w.add(scope + "/Elu", "Elu", {x}, {y}), "alpha", f.alpha);
      return {};
    case UnaryKind::hard_sigmoid: {
      auto& node = w.add(scope + "/HardSigmoid", "HardSigmoid", {x}, {y});
      w.set_float(node, "alpha", f.alpha);
      w.set_float(node, "beta", f.beta);
      return {};
    }
    case UnaryKind::hard_swish: {
      if (w.opset() >= 14) {
        w.add(scope + "/HardSwish", "HardSwish", {x}, {y});
        return {};
      }
      const std::string gate = w.unique(scope + "/HardSigmoid_output_0");
      auto& node = w.add(scope + "/HardSigmoid", "HardSigmoid", {x}, {gate});
      w.set_float(node, "alpha", 1.0f / 6);
      w.set_float(node, "beta", 0.5f);
      w.add(scope + "/Mul", "Mul", {x, gate}, {y});
      return {};
    }
    case UnaryKind::gelu:
    case UnaryKind::gelu_tanh:
      if (w.opset() >= 20) {
        auto& node = w.add(scope + "/Gelu", "Gelu", {x}, {y});
        if (f.kind == UnaryKind::gelu_tanh) w.set_text(node, "approximate", "tanh");
      } else {
        write_gelu(w, f.kind == UnaryKind::gelu_tanh, scope, x, y, like);
      }
      return {};
    case UnaryKind::mish:
      if (w.opset() >= 18) {
        w.add(scope + "/Mish", "Mish", {x}, {y});
      } else {
        const std::string soft = w.step(scope + "/Softplus", "Softplus", {x});
        w.add(scope + "/Mul", "Mul", {x, w.step(scope + "/Tanh", "Tanh", {soft})}, {y});
      }
      return {};
    case UnaryKind::clip:
      write_clip(w, f, scope, x, y, like);
      return {};
    default:
      break;
  }
  for (const UnaryRow& row : kUnary) {
    if (row.kind != f.kind) continue;
    if (w.opset() < row.since) return too_old(w, row.name, row.since);
    w.add(scope + "/" + row.name, row.name, {x}, {y});
    return {};
  }
  return error(StatusCode::unsupported, fmt::format("ONNX has no {}", unary_name(f.kind)));
}

Result<> write_op(GraphWriter& w, const Node& n, const Conv& op) {
  const ValueId weight = n.inputs[1];
  const size_t spatial = spatial_rank(w, weight, op.strides, op.dilations);
  std::vector<std::string> inputs = {w.name(n.inputs[0]), w.name(weight)};
  if (op.has_bias) inputs.push_back(w.name(n.inputs[2]));
  // The result goes through the activation, then the residual is added.
  const std::string y = w.name(n.outputs[0]);
  const bool act = !op.activation.is_identity();
  const std::string conv_y = act || op.has_residual ? w.unique(n.name + "_output_0") : y;
  auto& node = w.add(n.name, "Conv", std::move(inputs), {conv_y});
  w.set_ints(node, "dilations", or_ones(op.dilations, spatial, 1));
  w.set(node, "group", op.group);
  const TensorDesc& held = w.graph().desc(weight);
  if (held.has_shape && held.shape.size() > 2 && held.concrete())
    w.set_ints(node, "kernel_shape", {held.shape.begin() + 2, held.shape.end()});
  w.set_ints(node, "pads", or_ones(op.pads, 2 * spatial, 0));
  w.set_ints(node, "strides", or_ones(op.strides, spatial, 1));
  std::string last = conv_y;
  if (act) {
    last = op.has_residual ? w.unique(activation_scope(n.name) + "_output_0") : y;
    HONE_TRY(write_activation(w, op.activation, activation_scope(n.name), conv_y, last, n.inputs[0]));
  }
  if (op.has_residual) {
    const ValueId residual = n.inputs[op.has_bias ? 3 : 2];
    w.add(n.name + "/Add", "Add", {w.name(residual), last}, {y});
  }
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const ConvTranspose& op) {
  const ValueId weight = n.inputs[1];
  const size_t spatial = spatial_rank(w, weight, op.strides, op.dilations);
  const std::string y = w.name(n.outputs[0]);
  const bool act = !op.activation.is_identity();
  const std::string conv_y = act ? w.unique(n.name + "_output_0") : y;
  auto& node = w.add(n.name, "ConvTranspose", names(w, n.inputs), {conv_y});
  w.set_ints(node, "dilations", or_ones(op.dilations, spatial, 1));
  w.set(node, "group", op.group);
  const TensorDesc& held = w.graph().desc(weight);
  if (held.has_shape && held.shape.size() > 2 && held.concrete())
    w.set_ints(node, "kernel_shape", {held.shape.begin() + 2, held.shape.end()});
  if (!op.output_padding.empty()) w.set_ints(node, "output_padding", op.output_padding);
  w.set_ints(node, "pads", or_ones(op.pads, 2 * spatial, 0));
  w.set_ints(node, "strides", or_ones(op.strides, spatial, 1));
  if (act) return write_activation(w, op.activation, activation_scope(n.name), conv_y, y, n.inputs[0]);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Pool& op) {
  const bool is_max = op.kind == PoolKind::max;
  const size_t spatial = op.kernel.size();
  auto& node = plain(w, n, is_max ? "MaxPool" : "AveragePool");
  if (op.ceil_mode && w.opset() < 10) return too_old(w, "ceil_mode of pools", 10);
  if (w.opset() >= 10) w.set(node, "ceil_mode", op.ceil_mode);
  if (!is_max) w.set(node, "count_include_pad", op.count_include_pad);
  const Ints ones(spatial, 1), dilations = or_ones(op.dilations, spatial, 1);
  const int dilations_since = is_max ? 10 : 19;
  if (w.opset() >= dilations_since)
    w.set_ints(node, "dilations", dilations);
  else if (dilations != ones)
    return too_old(w, "dilations of this pool", dilations_since);
  w.set_ints(node, "kernel_shape", op.kernel);
  w.set_ints(node, "pads", or_ones(op.pads, 2 * spatial, 0));
  w.set_ints(node, "strides", or_ones(op.strides, spatial, 1));
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const GlobalPool& op) {
  plain(w, n, op.kind == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const MatMul&) {
  plain(w, n, "MatMul");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Gemm& op) {
  if (w.opset() < 11 && (n.inputs.size() < 3 || n.inputs[2] == kNoValue))
    return too_old(w, "Gemm without C", 11);
  auto& node = plain(w, n, "Gemm");
  w.set_float(node, "alpha", op.alpha);
  w.set_float(node, "beta", op.beta);
  w.set(node, "transA", op.transpose_a);
  w.set(node, "transB", op.transpose_b);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Unary& op) {
  const std::string x = w.name(n.inputs[0]), y = w.name(n.outputs[0]);
  // A node of one ONNX op keeps its name.
  for (const UnaryRow& row : kUnary)
    if (row.kind == op.function.kind && w.opset() >= row.since) {
      w.add(n.name, row.name, {x}, {y});
      return {};
    }
  return write_activation(w, op.function, scope_of(n.name), x, y, n.inputs[0]);
}

Result<> write_op(GraphWriter& w, const Node& n, const Binary& op) {
  for (const BinaryRow& row : kBinary) {
    if (row.kind != op.kind) continue;
    if (w.opset() >= row.since) {
      auto& node = plain(w, n, row.name);
      if (op.kind == BinaryKind::fmod) w.set(node, "fmod", 1);
      return {};
    }
    // a <= b is not (a > b), but for NaN.
    if (op.kind == BinaryKind::less_equal || op.kind == BinaryKind::greater_equal) {
      const char* opposite = op.kind == BinaryKind::less_equal ? "Greater" : "Less";
      w.add(n.name, "Not", {w.step(n.name + "/" + opposite, opposite, names(w, n.inputs))},
            names(w, n.outputs));
      return {};
    }
    return too_old(w, row.name, row.since);
  }
  return error(StatusCode::unsupported, fmt::format("ONNX has no {}", binary_name(op.kind)));
}

Result<> write_op(GraphWriter& w, const Node& n, const Where&) {
  plain(w, n, "Where");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Cast& op) {
  if (op.to == DType::bf16 && w.opset() < 13) return too_old(w, "bf16", 13);
  w.set(plain(w, n, "Cast"), "to", onnx_of_dtype(op.to));
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Softmax& op) {
  const char* type = op.log ? "LogSoftmax" : "Softmax";
  const TensorDesc& x = w.graph().desc(n.inputs[0]);
  const bool is_last = op.axis == -1 || (x.has_shape && op.axis == static_cast<int64_t>(x.shape.size()) - 1);
  if (w.opset() >= 13) {
    w.set(plain(w, n, type), "axis", op.axis);
    return {};
  }
  // Before opset 13 the axes from `axis` on were one, so the axis must be the last one.
  if (!is_last && (!x.has_shape || x.shape.size() > 8)) return too_old(w, "softmax of an inner axis", 13);
  const auto rank = static_cast<int64_t>(x.shape.size());
  if (is_last) {
    // Files of that time count axes from the front where they can.
    w.set(plain(w, n, type), "axis", x.has_shape ? rank - 1 : -1);
    return {};
  }
  Ints perm(static_cast<size_t>(rank));
  for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
  std::swap(perm[static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis)], perm.back());
  const std::string turned = w.unique(n.name + "/Transpose_output_0"),
                    soft = w.unique(n.name + "/Softmax_output_0");
  w.set_ints(w.add(n.name + "/Transpose", "Transpose", {w.name(n.inputs[0])}, {turned}), "perm", perm);
  w.set(w.add(n.name, type, {turned}, {soft}), "axis", rank - 1);
  w.set_ints(w.add(n.name + "/Transpose_1", "Transpose", {soft}, {w.name(n.outputs[0])}), "perm", perm);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const LayerNorm& op) {
  if (w.opset() < 17) return too_old(w, "LayerNormalization", 17);
  auto& node = plain(w, n, "LayerNormalization");
  w.set(node, "axis", op.axis);
  w.set_float(node, "epsilon", op.epsilon);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const BatchNorm& op) {
  w.set_float(plain(w, n, "BatchNormalization"), "epsilon", op.epsilon);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const InstanceNorm& op) {
  w.set_float(plain(w, n, "InstanceNormalization"), "epsilon", op.epsilon);
  return {};
}

}  // namespace hone
