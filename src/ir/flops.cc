// How much arithmetic a node is.
#include "ir/infer.h"

namespace hone {
namespace {

double count(const TensorDesc& desc) {
  if (!desc.concrete()) return 0;
  double elements = 1;
  for (int64_t extent : desc.shape) elements *= static_cast<double>(extent);
  return elements;
}

struct Ask {
  const Graph& graph;
  const Node& node;

  double in(size_t i) const {
    return i < node.inputs.size() && node.inputs[i] != kNoValue ? count(graph.desc(node.inputs[i])) : 0;
  }
  double out() const { return node.outputs[0] == kNoValue ? 0 : count(graph.desc(node.outputs[0])); }
  // The last extent of input i.
  double last(size_t i) const {
    const TensorDesc& desc = graph.desc(node.inputs[i]);
    return desc.concrete() && !desc.shape.empty() ? static_cast<double>(desc.shape.back()) : 0;
  }
  double per_filter() const {
    const TensorDesc& weight = graph.desc(node.inputs[1]);
    return weight.concrete() && !weight.shape.empty() && weight.shape[0] > 0
               ? count(weight) / static_cast<double>(weight.shape[0])
               : 0;
  }

  double operator()(const Conv&) const { return 2 * out() * per_filter(); }
  double operator()(const ConvTranspose&) const { return 2 * in(0) * per_filter(); }
  double operator()(const MatMul&) const { return 2 * out() * last(0); }
  double operator()(const Gemm& op) const {
    const TensorDesc& a = graph.desc(node.inputs[0]);
    return a.concrete() && a.shape.size() == 2
               ? 2 * out() * static_cast<double>(a.shape[op.transpose_a ? 0 : 1])
               : 0;
  }
  double operator()(const Pool& op) const {
    double window = 1;
    for (int64_t k : op.kernel) window *= static_cast<double>(k);
    return out() * window;
  }
  double operator()(const GlobalPool&) const { return in(0); }
  double operator()(const Unary& op) const { return op.function.is_identity() ? 0 : out(); }
  double operator()(const Binary&) const { return out(); }
  double operator()(const Softmax&) const { return 5 * out(); }
  double operator()(const LayerNorm&) const { return 8 * out(); }
  double operator()(const BatchNorm&) const { return 2 * out(); }
  double operator()(const InstanceNorm&) const { return 8 * out(); }
  double operator()(const Reduce&) const { return in(0); }
  double operator()(const ArgReduce&) const { return in(0); }
  double operator()(const Resize& op) const {
    return op.mode == ResizeMode::nearest ? 0 : op.mode == ResizeMode::linear ? 8 * out() : 40 * out();
  }
  double operator()(const QuantizeLinear&) const { return 2 * out(); }
  double operator()(const DequantizeLinear&) const { return 2 * out(); }
  double operator()(const Letterbox&) const { return 12 * out(); }
  double operator()(const DecodeBoxes& op) const {
    double all = 0;
    for (size_t i = 0; i < node.inputs.size(); ++i) all += in(i);
    return op.reg_max > 1 ? 7 * all : 4 * all;
  }
  template <class T>
  double operator()(const T&) const {
    return 0;
  }
};

}  // namespace

double node_flops(const Graph& graph, const Node& node) { return std::visit(Ask{graph, node}, node.op); }

}  // namespace hone
