#include <algorithm>
#include <map>

#include "passes/pass_list.h"
#include "passes/precision.h"

namespace hone {
namespace {

// Ops whose pixels do not fit in half precision; what follows them stays f32 too.
bool needs_f32(const Op& op) {
  return std::holds_alternative<DecodeBoxes>(op) || std::holds_alternative<DetectionNms>(op) ||
         std::holds_alternative<NonMaxSuppression>(op);
}
// Inputs whose type is their own (ONNX Resize: roi and scales) or does not matter.
bool keeps_input(const Op& op, size_t i) {
  return std::holds_alternative<ShapeOf>(op) || (std::holds_alternative<Resize>(op) && (i == 1 || i == 2));
}

class Converter {
 public:
  explicit Converter(Graph& graph) : graph_(graph), stays_f32_(graph.values.size(), 0) {}

  void run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    graph_.nodes.clear();
    next_id_ = 0;
    for (const Node& node : nodes) next_id_ = std::max(next_id_, node.id + 1);
    for (Node& node : nodes) {
      bool wide = needs_f32(node.op);
      for (ValueId id : node.inputs) wide = wide || (id != kNoValue && stays_f32_[static_cast<size_t>(id)]);
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.inputs[i] != kNoValue && !keeps_input(node.op, i)) node.inputs[i] = as(node.inputs[i], wide);
      if (!wide) rename_type(node.op, DType::f32, DType::f16);
      for (ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        if (wide)
          mark(id);
        else if (graph_.desc(id).type == DType::f32)
          graph_.value(id).desc.type = DType::f16;
      }
      graph_.nodes.push_back(std::move(node));
    }
    keep_names();
  }

 private:
  // Weights that nobody reads in f32 any more leave their names to those in f16, as in Ultralytics' exports.
  void keep_names() {
    const auto consumers = graph_.consumers();
    for (const auto& [wide, narrow] : other_form_)
      if (graph_.is_constant(wide) && consumers[static_cast<size_t>(wide)].empty())
        std::swap(graph_.value(wide).name, graph_.value(narrow).name);
  }

  void mark(ValueId id) {
    if (static_cast<size_t>(id) >= stays_f32_.size()) stays_f32_.resize(graph_.values.size(), 0);
    stays_f32_[static_cast<size_t>(id)] = graph_.desc(id).type == DType::f32;
  }

  // The value as a node reads it: constants in the type it computes in, others through a Cast where the types
  // differ.
  ValueId as(ValueId id, bool wide) {
    const DType have = graph_.desc(id).type, want = wide ? DType::f32 : DType::f16;
    const bool is_half_or_single = have == DType::f32 || have == DType::f16;
    if (!is_half_or_single || have == want) return id;
    const auto [known, is_new] = other_form_.try_emplace(id, kNoValue);
    if (!is_new) return known->second;
    const std::string name = graph_.value(id).name + (wide ? "_f32" : "_f16");
    if (const ConstantPtr constant = graph_.value(id).constant) {
      known->second = graph_.add_constant(name, converted(constant, want));
    } else {
      TensorDesc desc = graph_.desc(id);
      desc.type = want;
      known->second = graph_.add_value(name, std::move(desc));
      graph_.nodes.push_back(Node{name, Cast{want}, {id}, {known->second}, next_id_++});
    }
    stays_f32_.resize(graph_.values.size(), 0);
    return known->second;
  }

  Graph& graph_;
  std::vector<char> stays_f32_;  // made by a node that stays f32
  std::map<ValueId, ValueId> other_form_;
  int64_t next_id_ = 0;
};

}  // namespace

void convert_to_f16(Graph& graph, bool keep_f32_io) {
  infer_types(graph, {});
  if (!keep_f32_io)
    for (ValueId id : graph.inputs)
      if (graph.desc(id).type == DType::f32) graph.value(id).desc.type = DType::f16;
  std::vector<char> is_f32;
  for (ValueId id : graph.outputs) is_f32.push_back(graph.desc(id).type == DType::f32);
  Converter(graph).run();
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const DType have = graph.desc(graph.outputs[i]).type, want = keep_f32_io ? DType::f32 : DType::f16;
    if (is_f32[i] && have != want) cast_output(graph, i, want);
  }
  graph.remove_dead();
}

}  // namespace hone
