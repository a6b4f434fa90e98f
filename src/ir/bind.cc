// bind_shapes(): concrete shapes for every value, and no shape arithmetic left.
#include <algorithm>
#include <deque>

#include "ir/fold.h"
#include "ir/infer.h"
#include "ir/inline.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

// Inlining can only make so many nodes out of a hostile file.
constexpr size_t kMaxNodes = 1 << 20;

Result<> set_input_shapes(Graph& graph, const InputShapes& shapes) {
  std::map<std::string, int64_t> extent_by_name;  // "batch" has one extent wherever it stands
  size_t used = 0;
  for (ValueId id : graph.inputs) {
    Value& input = graph.value(id);
    const auto given = shapes.find(input.name);
    const auto wrong = [&](const std::string& why) {
      return error(StatusCode::invalid_argument, "input '" + input.name + "': " + why);
    };
    if (given != shapes.end()) {
      ++used;
      const Shape& shape = given->second;
      const Shape& fixed = input.desc.shape;
      bool fits = !input.desc.has_shape || shape.size() == fixed.size();
      for (size_t i = 0; fits && i < shape.size(); ++i)
        fits = shape[i] >= 1 && (!input.desc.has_shape || fixed[i] == kUnknownDim || fixed[i] == shape[i]);
      if (!fits || !is_concrete(shape))
        return wrong("shape " + shape_text(shape) + " does not fit " + desc_text(input.desc));
      input.desc.shape = shape;
      input.desc.has_shape = true;
    }
    if (!input.desc.concrete()) return wrong("its shape " + desc_text(input.desc) + " must be given");
    if (const auto count = element_count(input.desc.shape); !count) return wrong(count.error().message);
    for (size_t i = 0; i < input.dim_names.size() && i < input.desc.shape.size(); ++i) {
      if (input.dim_names[i].empty()) continue;
      const int64_t extent = input.desc.shape[i];
      const auto [known, is_new] = extent_by_name.try_emplace(input.dim_names[i], extent);
      if (!is_new && known->second != extent)
        return wrong("'" + input.dim_names[i] + "' is " + std::to_string(extent) + " here and " +
                     std::to_string(known->second) + " in another input");
    }
  }
  if (used == shapes.size()) return {};
  for (const auto& [name, shape] : shapes) {
    const auto id = graph.find(name);
    if (!id || std::find(graph.inputs.begin(), graph.inputs.end(), *id) == graph.inputs.end())
      return error(StatusCode::not_found, "the network has no input '" + name + "'");
  }
  return {};
}

class Binder {
 public:
  Binder(Graph& graph, const Evaluator& evaluate, const InferOptions& options, int depth)
      : graph_(graph), fold_{evaluate, options}, depth_(depth) {}

  Result<> run() {
    waiting_.assign(std::make_move_iterator(graph_.nodes.begin()),
                    std::make_move_iterator(graph_.nodes.end()));
    graph_.nodes.clear();
    // A failure leaves a graph without some of its nodes; callers drop it.
    while (!waiting_.empty()) {
      if (graph_.nodes.size() + waiting_.size() > kMaxNodes)
        return error(StatusCode::resource,
                     "the network has more than " + std::to_string(kMaxNodes) + " nodes");
      Node node = std::move(waiting_.front());
      waiting_.pop_front();
      if (const auto bound = bind(node); !bound)
        return error_in("node '" + node.name + "' (" + std::string(op_name(node.op)) + ")", bound);
    }
    graph_.remove_dead();
    return {};
  }

 private:
  Result<> bind(Node& node) {
    if (has_subgraphs(node.op)) return bind_control_flow(node);
    inputs_.clear();
    constants_.clear();
    for (ValueId id : node.inputs) {
      inputs_.push_back(id == kNoValue ? TensorDesc{} : graph_.desc(id));
      constants_.push_back(id == kNoValue ? nullptr : graph_.value(id).constant);
    }
    HONE_ASSIGN(std::vector<TensorDesc> outputs, infer(node.op, inputs_, constants_, node.outputs.size()));
    HONE_ASSIGN(const std::vector<ConstantPtr> folded, fold_.fold(node, inputs_, constants_, outputs));
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      Value& value = graph_.value(node.outputs[i]);
      // What a quantizing file says about a value survives the binding.
      outputs[i].quantization = std::move(value.desc.quantization);
      value.desc = std::move(outputs[i]);
      if (!folded.empty()) value.constant = folded[i];
    }
    if (folded.empty()) graph_.nodes.push_back(std::move(node));
    return {};
  }

  Result<> bind_control_flow(Node& node) {
    HONE_ASSIGN(std::vector<Node> inlined, inline_control_flow(graph_, node));
    if (!inlined.empty()) {
      waiting_.insert(waiting_.begin(), std::make_move_iterator(inlined.begin()),
                      std::make_move_iterator(inlined.end()));
      return {};
    }
    auto* branches = std::get_if<If>(&node.op);
    if (!branches)
      return error(StatusCode::unsupported,
                   "only loops whose trip count and condition are known before the network runs "
                   "(and at most " +
                       std::to_string(kMaxUnrolled) + " trips) are computed");
    HONE_ASSIGN(branches->then_branch, bound_branch(*branches->then_branch));
    HONE_ASSIGN(branches->else_branch, bound_branch(*branches->else_branch));
    const Graph &yes = *branches->then_branch, &no = *branches->else_branch;
    if (yes.outputs.size() != node.outputs.size() || no.outputs.size() != node.outputs.size())
      return error(StatusCode::invalid_argument, "its branches have " + std::to_string(yes.outputs.size()) +
                                                     " and " + std::to_string(no.outputs.size()) +
                                                     " outputs instead of " +
                                                     std::to_string(node.outputs.size()));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const TensorDesc &a = yes.desc(yes.outputs[i]), &b = no.desc(no.outputs[i]);
      if (a.type != b.type || a.shape != b.shape)
        return error(StatusCode::unsupported,
                     "its condition is not known before the network runs, and its branches "
                     "make " +
                         desc_text(a) + " and " + desc_text(b));
      if (node.outputs[i] != kNoValue) graph_.value(node.outputs[i]).desc = TensorDesc(a.type, a.shape);
    }
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  // A copy of the branch with its captured values bound.
  Result<std::shared_ptr<Graph>> bound_branch(const Graph& branch) {
    if (depth_ >= kMaxSubgraphDepth) return error(StatusCode::resource, "branches are nested too deep");
    auto copy = std::make_shared<Graph>(branch);
    HONE_ASSIGN(const std::vector<ValueId> captured, captured_values(graph_, branch));
    const size_t first = copy->inputs.size() - captured.size();
    std::vector<ValueId> open;
    std::vector<std::string> open_names;
    for (size_t i = 0; i < captured.size(); ++i) {
      Value& inner = copy->value(copy->inputs[first + i]);
      const Value& outer = graph_.value(captured[i]);
      inner.desc = outer.desc;
      inner.constant = outer.constant;
      if (outer.constant) continue;
      open.push_back(copy->inputs[first + i]);
      open_names.push_back(outer.name);
    }
    copy->inputs.resize(first);
    copy->inputs.insert(copy->inputs.end(), open.begin(), open.end());
    copy->captures = std::move(open_names);
    HONE_TRY(Binder(*copy, fold_.evaluate, fold_.options, depth_ + 1).run());
    return copy;
  }

  Graph& graph_;
  Folder fold_;
  int depth_;
  std::deque<Node> waiting_;
  std::vector<TensorDesc> inputs_;
  std::vector<ConstantPtr> constants_;
};

}  // namespace

Result<> bind_shapes(Graph& graph, const InputShapes& shapes, const Evaluator& evaluate,
                     const InferOptions& options) {
  HONE_TRY(set_input_shapes(graph, shapes));
  return Binder(graph, evaluate, options, 0).run();
}

}  // namespace hone
