// The type that fast kernels read and write. Everything up to the last convolution or matrix product
// computes in 16 bits; what follows (box arithmetic in pixels, scores) stays f32, since 16 bits do not tell
// pixels of a large picture apart. That tail is a small part of the work.
#include <algorithm>
#include <map>

#include "passes/pass_list.h"
#include "passes/precision.h"

namespace hone {
namespace {

constexpr int64_t kPictureChannels = 4;

bool is_heavy(const Op& op) {
  return std::holds_alternative<Conv>(op) || std::holds_alternative<ConvTranspose>(op) ||
         std::holds_alternative<MatMul>(op) || std::holds_alternative<Gemm>(op);
}
bool wants_f32(const Op& op) {
  return std::holds_alternative<DecodeBoxes>(op) || std::holds_alternative<DetectionNms>(op) ||
         std::holds_alternative<NonMaxSuppression>(op);
}
// Inputs that a kernel reads in the type they have: weights, which it packs; scales and regions of a Resize;
// the maps that box decode widens itself.
bool reads_any_type(const Graph& graph, const Node& node, size_t i) {
  if (std::holds_alternative<ShapeOf>(node.op) || std::holds_alternative<DecodeBoxes>(node.op)) return true;
  if (std::holds_alternative<Resize>(node.op)) return i == 1 || i == 2;
  const bool packs = std::holds_alternative<Conv>(node.op) || std::holds_alternative<ConvTranspose>(node.op);
  if (packs && i > 0) return graph.is_constant(node.inputs[i]);
  // The first layer reads pictures as they come.
  const Shape& x = graph.desc(node.inputs[i]).shape;
  const bool is_input = std::ranges::find(graph.inputs, node.inputs[i]) != graph.inputs.end();
  return std::holds_alternative<Conv>(node.op) && is_input && x.size() == 4 && x[1] <= kPictureChannels;
}

class Lowering {
 public:
  Lowering(Graph& graph, DType type, const ComputesIn& computes, const StaysF32& stays_f32)
      : graph_(graph),
        type_(type),
        computes_(computes),
        stays_f32_(stays_f32),
        next_id_(graph.next_node_id()) {}

  void run() {
    const auto consumers = graph_.consumers();
    std::vector<char> is_decode;
    for (const Node& node : graph_.nodes) is_decode.push_back(std::holds_alternative<DecodeBoxes>(node.op));
    const std::vector<char> narrow = narrow_nodes(consumers);
    std::vector<Node> nodes = std::move(graph_.nodes);
    // A convolution that nothing in 16 bits reads gives its sums as they are; box decode reads either.
    const auto ends_in_f32 = [&](const Node& node) {
      const auto* conv = std::get_if<Conv>(&node.op);
      if (computes_ || conv == nullptr || conv->has_residual) return false;
      return std::ranges::none_of(consumers[static_cast<size_t>(node.outputs[0])], [&](int32_t user) {
        const auto u = static_cast<size_t>(user);
        return narrow[u] || is_decode[u];
      });
    };
    graph_.nodes.clear();
    graph_.nodes.reserve(nodes.size() + 8);
    for (size_t n = 0; n < nodes.size(); ++n) {
      Node& node = nodes[n];
      const DType wanted = narrow[n] ? type_ : DType::f32;
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] != kNoValue && (stays_f32(node) || !reads_any_type(graph_, node, i)))
          node.inputs[i] = as(node.inputs[i], wanted);
      if (narrow[n] && !ends_in_f32(node)) {
        rename_type(node.op, DType::f32, type_);
        for (const ValueId id : node.outputs)
          if (id != kNoValue && graph_.desc(id).type == DType::f32) graph_.value(id).desc.type = type_;
      }
      graph_.nodes.push_back(std::move(node));
    }
  }

 private:
  // A heavy node is at or behind each of these.
  std::vector<char> narrow_nodes(const std::vector<std::vector<int32_t>>& consumers) const {
    std::vector<char> narrow(graph_.nodes.size(), 0);
    for (size_t n = graph_.nodes.size(); n-- > 0;) {
      const Node& node = graph_.nodes[n];
      if (wants_f32(node.op) || (computes_ && !computes_(graph_, node)) || stays_f32(node)) continue;
      narrow[n] = is_heavy(node.op) && !(computes_ && only_f32_readers(node, consumers));
      for (const ValueId id : node.outputs)
        if (id != kNoValue)
          for (const int32_t user : consumers[static_cast<size_t>(id)])
            narrow[n] = narrow[n] || narrow[static_cast<size_t>(user)];
    }
    return narrow;
  }

  bool stays_f32(const Node& node) const { return stays_f32_ && stays_f32_(node); }

  bool only_f32_readers(const Node& node, const std::vector<std::vector<int32_t>>& consumers) const {
    const auto reads_f32 = [&](int32_t n) { return wants_f32(graph_.nodes[static_cast<size_t>(n)].op); };
    return std::ranges::all_of(node.outputs, [&](ValueId id) {
      return id == kNoValue || std::ranges::all_of(consumers[static_cast<size_t>(id)], reads_f32);
    });
  }

  // The value in the type that a node computes in: constants are converted, others go through a Cast.
  ValueId as(ValueId id, DType wanted) {
    const DType have = graph_.desc(id).type;
    if ((have != DType::f32 && have != type_) || have == wanted) return id;
    const auto [known, is_new] = other_form_.try_emplace({id, wanted}, kNoValue);
    if (!is_new) return known->second;
    const std::string name = graph_.value(id).name + "_" + std::string(dtype_name(wanted));
    if (const ConstantPtr constant = graph_.value(id).constant) {
      known->second = graph_.add_constant(name, converted(constant, wanted));
    } else {
      TensorDesc desc = graph_.desc(id);
      desc.type = wanted;
      known->second = graph_.add_value(name, std::move(desc));
      graph_.nodes.push_back(Node{name, Cast{wanted}, {id}, {known->second}, next_id_++});
    }
    return known->second;
  }

  Graph& graph_;
  DType type_;
  const ComputesIn& computes_;
  const StaysF32& stays_f32_;
  int64_t next_id_;
  std::map<std::pair<ValueId, DType>, ValueId> other_form_;
};

}  // namespace

Result<> lower_precision(Graph& graph, DType type, const PassContext& context, const ComputesIn& computes,
                         const StaysF32& stays_f32) {
  if (type == DType::f32) return {};
  for (const Node& node : graph.nodes)
    if (std::holds_alternative<If>(node.op) || std::holds_alternative<Loop>(node.op)) return {};
  std::vector<DType> outputs;
  for (const ValueId id : graph.outputs) outputs.push_back(graph.desc(id).type);
  Lowering(graph, type, computes, stays_f32).run();
  for (size_t i = 0; i < outputs.size(); ++i)
    if (graph.desc(graph.outputs[i]).type != outputs[i]) cast_output(graph, i, outputs[i]);
  remove_identity(graph, context);
  graph.remove_dead();
  if (const auto checked = verify(graph); !checked)
    return error(StatusCode::internal, "after lower_precision: " + checked.error().message);
  if (context.observe) context.observe("lower_precision", graph);
  return {};
}

}  // namespace hone
