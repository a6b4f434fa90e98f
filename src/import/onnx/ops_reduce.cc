// Reductions, arg-reductions, top-k.
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

template <ReduceKind kind>
void reduce_attribute(OnnxNode& n) {
  const Reduce op{kind, n.integer("keepdims", 1) != 0, false};
  if (!n.has("axes")) return n.emit(op, {n.in(0)});
  n.emit(op, {n.in(0), n.add_ints("axes", n.integers("axes"))});
}

template <ReduceKind kind>
void reduce(OnnxNode& n) {
  n.emit(Reduce{kind, n.integer("keepdims", 1) != 0, n.integer("noop_with_empty_axes", 0) != 0}, n.ins());
}

template <bool largest>
void arg_reduce(OnnxNode& n) {
  n.emit(ArgReduce{largest, n.integer("axis", 0), n.integer("keepdims", 1) != 0,
                   n.integer("select_last_index", 0) != 0},
         {n.in(0)});
}

void top_k_attribute(OnnxNode& n) {  // opset 1
  n.emit(TopK{n.integer("axis", -1)}, {n.in(0), n.add_ints("k", {n.integer("k", 0)})}, 2);
}

void top_k(OnnxNode& n) {  // k is an input since opset 10, its order an attribute since 11
  n.emit(TopK{n.integer("axis", -1), n.integer("largest", 1) != 0, n.integer("sorted", 1) != 0},
         {n.in(0), n.in(1)}, 2);
}

using K = ReduceKind;
constexpr OperatorRow kRows[] = {
    {"ReduceSum", 1, 12, reduce_attribute<K::sum>},
    {"ReduceSum", 13, 22, reduce<K::sum>},
    {"ReduceMean", 1, 17, reduce_attribute<K::mean>},
    {"ReduceMean", 18, 22, reduce<K::mean>},
    {"ReduceMax", 1, 17, reduce_attribute<K::max>},
    {"ReduceMax", 18, 22, reduce<K::max>},
    {"ReduceMin", 1, 17, reduce_attribute<K::min>},
    {"ReduceMin", 18, 22, reduce<K::min>},
    {"ReduceProd", 1, 17, reduce_attribute<K::prod>},
    {"ReduceProd", 18, 22, reduce<K::prod>},
    {"ReduceL1", 1, 17, reduce_attribute<K::l1>},
    {"ReduceL1", 18, 22, reduce<K::l1>},
    {"ReduceL2", 1, 17, reduce_attribute<K::l2>},
    {"ReduceL2", 18, 22, reduce<K::l2>},
    {"ReduceLogSum", 1, 17, reduce_attribute<K::log_sum>},
    {"ReduceLogSum", 18, 22, reduce<K::log_sum>},
    {"ReduceLogSumExp", 1, 17, reduce_attribute<K::log_sum_exp>},
    {"ReduceLogSumExp", 18, 22, reduce<K::log_sum_exp>},
    {"ReduceSumSquare", 1, 17, reduce_attribute<K::sum_square>},
    {"ReduceSumSquare", 18, 22, reduce<K::sum_square>},
    {"ArgMax", 1, 22, arg_reduce<true>},
    {"ArgMin", 1, 22, arg_reduce<false>},
    {"TopK", 1, 9, top_k_attribute},
    {"TopK", 10, 22, top_k},
};

}  // namespace

std::span<const OperatorRow> reduce_operators() { return kRows; }

}  // namespace hone
