// Gather and scatter, shapes as values, and what makes tensors out of them.
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

void gather(OnnxNode& n) { n.emit(Gather{n.integer("axis", 0)}, {n.in(0), n.in(1)}); }
void gather_elements(OnnxNode& n) { n.emit(GatherElements{n.integer("axis", 0)}, {n.in(0), n.in(1)}); }
void gather_nd(OnnxNode& n) { n.emit(GatherNd{n.integer("batch_dims", 0)}, {n.in(0), n.in(1)}); }

void scatter_nd(OnnxNode& n) {
  const std::string reduction = n.text("reduction", "none");
  if (reduction != "none") return n.unsupported("reduction '" + reduction + "'");
  n.emit(ScatterNd{}, {n.in(0), n.in(1), n.in(2)});
}

void shape_of(OnnxNode& n) {
  const ShapeOf whole;
  n.emit(ShapeOf{n.integer("start", whole.start), n.integer("end", whole.end)}, {n.in(0)});
}

void size_of(OnnxNode& n) {
  const ValueId shape = n.add("shape", ShapeOf{}, {n.in(0)});
  n.emit(Reduce{ReduceKind::prod, false}, {shape});
}

void range(OnnxNode& n) { n.emit(Range{}, {n.in(0), n.in(1), n.in(2)}); }
void non_zero(OnnxNode& n) { n.emit(NonZero{}, {n.in(0)}); }

void constant_of_shape(OnnxNode& n) {
  ConstantOfShape op;
  if (const ConstantPtr value = n.tensor("value")) {
    op.type = value->desc().type;
    if (value->size_bytes() == 0 || value->desc().shape.size() > 1 ||
        (value->desc().shape.size() == 1 && value->desc().shape[0] != 1))
      return n.fail("its value is not one element");
    if (op.type == DType::f64) {
      const auto bytes = value->bytes();
      op.value = bytes ? bytes->as<double>()[0] : 0;
    } else if (is_floating(op.type)) {
      const auto floats = value->to_floats();
      op.value = floats ? static_cast<double>(floats->front()) : 0;
    } else {
      const auto ints = value->to_ints();
      constexpr int64_t kExact = int64_t{1} << 53;
      if (!ints || ints->front() > kExact || ints->front() < -kExact)
        return n.unsupported("an integer value beyond 2^53");
      op.value = static_cast<double>(ints->front());
    }
  }
  n.emit(op, {n.in(0)});
}

void non_max_suppression(OnnxNode& n) {
  n.emit(NonMaxSuppression{n.integer("center_point_box", 0) != 0}, n.ins());
}

constexpr OperatorRow kRows[] = {
    {"Gather", 1, 22, gather},
    {"GatherElements", 11, 22, gather_elements},
    {"GatherND", 11, 22, gather_nd},
    {"ScatterND", 11, 22, scatter_nd},
    {"Shape", 1, 22, shape_of},
    {"Size", 1, 22, size_of},
    {"Range", 11, 22, range},
    {"NonZero", 9, 22, non_zero},
    {"ConstantOfShape", 9, 22, constant_of_shape},
    {"NonMaxSuppression", 10, 22, non_max_suppression},
};

}  // namespace

std::span<const OperatorRow> index_operators() { return kRows; }

}  // namespace hone
