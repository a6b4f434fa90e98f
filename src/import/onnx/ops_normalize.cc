// Normalisations and softmax.
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

void batch_norm(OnnxNode& n) {
  if (n.opset() < 9 && n.integer("spatial", 1) != 1) return n.unsupported("spatial=0");
  if (n.opset() >= 14 && n.integer("training_mode", 0) != 0) return n.unsupported("training_mode=1");
  n.emit(BatchNorm{n.real("epsilon", 1e-5f)}, {n.in(0), n.in(1), n.in(2), n.in(3), n.in(4)});
}

void layer_norm(OnnxNode& n) { n.emit(LayerNorm{n.integer("axis", -1), n.real("epsilon", 1e-5f)}, n.ins()); }

void instance_norm(OnnxNode& n) {
  n.emit(InstanceNorm{n.real("epsilon", 1e-5f)}, {n.in(0), n.in(1), n.in(2)});
}

// The groups become channels of an instance normalisation without scale; then each channel is scaled and
// shifted.
void group_norm(OnnxNode& n) {
  const int64_t groups = n.integer("num_groups", 0);
  const auto rank = n.rank(n.in(0));
  const TensorDesc* scale = n.desc(n.in(1));
  if (groups < 1 || groups > (1 << 20)) return n.fail("its num_groups is " + std::to_string(groups));
  if (!scale || scale->shape.size() != 1) return n.fail("its scale is no list of known length");
  if (scale->type != DType::f32) return n.unsupported("a scale that is not f32");
  if (n.opset() < 21 && scale->shape[0] == groups && groups != 1 && !rank)
    return n.unsupported("one scale a group and an input of unknown shape");
  const std::vector<float> ones(static_cast<size_t>(groups), 1), zeros(static_cast<size_t>(groups), 0);
  const ValueId grouped = n.add("group", Reshape{}, {n.in(0), n.add_ints("group_shape", {0, groups, -1})});
  const ValueId normal = n.add("normalize", InstanceNorm{n.real("epsilon", 1e-5f)},
                               {grouped, n.add_constant("ones", Constant::floats({groups}, ones)),
                                n.add_constant("zeros", Constant::floats({groups}, zeros))});
  const ValueId shape = n.add("shape", ShapeOf{}, {n.in(0)});
  // Opset 18 has one scale a group, opset 21 one a channel.
  const bool by_group = n.opset() < 21;
  const Ints broadcast = {-1, 1};
  const auto apply = [&](ValueId x, const char* suffix, BinaryKind kind, ValueId factors) {
    const ValueId column = n.add("column", Reshape{}, {factors, n.add_ints("column_shape", broadcast)});
    return n.add(suffix, Binary{kind}, {x, column});
  };
  if (by_group) {
    const ValueId scaled = apply(normal, "scale", BinaryKind::mul, n.in(1));
    const ValueId shifted = apply(scaled, "shift", BinaryKind::add, n.in(2));
    return n.emit(Reshape{}, {shifted, shape});
  }
  const ValueId by_channel =
      n.add("channels", Reshape{}, {normal, n.add_ints("channel_shape", {0, scale->shape[0], -1})});
  const ValueId scaled = apply(by_channel, "scale", BinaryKind::mul, n.in(1));
  const ValueId shifted = apply(scaled, "shift", BinaryKind::add, n.in(2));
  n.emit(Reshape{}, {shifted, shape});
}

void lp_norm(OnnxNode& n) {
  const int64_t p = n.integer("p", 2);
  if (p != 1 && p != 2) return n.unsupported("p=" + std::to_string(p));
  const ValueId axes = n.add_ints("axes", {n.integer("axis", -1)});
  const ValueId norm = n.add("norm", Reduce{p == 1 ? ReduceKind::l1 : ReduceKind::l2}, {n.in(0), axes});
  n.emit(Binary{BinaryKind::div}, {n.in(0), norm});
}

template <bool log>
void softmax(OnnxNode& n) {
  n.emit(Softmax{n.integer("axis", -1), log}, {n.in(0)});
}

// Before opset 13 the axes from `axis` on were one.
template <bool log>
void softmax_flat(OnnxNode& n) {
  const int64_t axis = n.integer("axis", 1);
  const auto rank = n.rank(n.in(0));
  if (axis == -1 || (rank && axis == static_cast<int64_t>(*rank) - 1))
    return n.emit(Softmax{-1, log}, {n.in(0)});
  const ValueId shape = n.add("shape", ShapeOf{}, {n.in(0)});
  const ValueId flat = n.add("flatten", Flatten{axis}, {n.in(0)});
  const ValueId soft = n.add("softmax", Softmax{-1, log}, {flat});
  n.emit(Reshape{}, {soft, shape});
}

constexpr OperatorRow kRows[] = {
    {"BatchNormalization", 1, 22, batch_norm},
    {"LayerNormalization", 17, 22, layer_norm},
    {"InstanceNormalization", 1, 22, instance_norm},
    {"GroupNormalization", 18, 22, group_norm},
    {"LpNormalization", 1, 22, lp_norm},
    {"Softmax", 1, 12, softmax_flat<false>},
    {"Softmax", 13, 22, softmax<false>},
    {"LogSoftmax", 1, 12, softmax_flat<true>},
    {"LogSoftmax", 13, 22, softmax<true>},
};

}  // namespace

std::span<const OperatorRow> normalize_operators() { return kRows; }

}  // namespace hone
