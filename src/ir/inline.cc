#include "ir/inline.h"

#include "base/hash.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

// Ids of inlined nodes depend on where they come from alone, so that they are the same at every shape; 2^52
// and above keeps them apart from ids that importers and passes give.
int64_t inlined_id(const Node& node, uint64_t which, size_t index) {
  const uint64_t key = hash_combine(hash_combine(static_cast<uint64_t>(node.id), which), index);
  return static_cast<int64_t>((key >> 12) | uint64_t{1} << 52);
}

class Inliner {
 public:
  Inliner(Graph& outer, const Node& node) : outer_(outer), node_(node) {}

  // Copies the subgraph's nodes; its plain inputs (those that are not captures) are the given values. Returns
  // the outer values of its outputs.
  Result<std::vector<ValueId>> copy(const Graph& subgraph, std::vector<ValueId> arguments, uint64_t which) {
    HONE_ASSIGN(const std::vector<ValueId> captured, captured_values(outer_, subgraph));
    arguments.insert(arguments.end(), captured.begin(), captured.end());
    if (arguments.size() != subgraph.inputs.size())
      return error(StatusCode::invalid_argument,
                   "its subgraph takes " + std::to_string(subgraph.inputs.size()) + " inputs instead of " +
                       std::to_string(arguments.size()));
    std::vector<ValueId> outer_id(subgraph.values.size(), kNoValue);
    for (size_t i = 0; i < arguments.size(); ++i)
      outer_id[static_cast<size_t>(subgraph.inputs[i])] = arguments[i];
    std::map<std::string, std::string> new_names;
    for (size_t i = 0; i < subgraph.values.size(); ++i) {
      const Value& value = subgraph.values[i];
      if (outer_id[i] == kNoValue) {
        const std::string name = node_.name + "/" + value.name;
        outer_id[i] =
            value.constant ? outer_.add_constant(name, value.constant) : outer_.add_value(name, value.desc);
      }
      new_names[value.name] = outer_.value(outer_id[i]).name;
    }
    const auto renumber = [&](std::vector<ValueId>& ids) {
      for (ValueId& id : ids)
        if (id != kNoValue) id = outer_id[static_cast<size_t>(id)];
    };
    for (size_t i = 0; i < subgraph.nodes.size(); ++i) {
      Node copied = subgraph.nodes[i];
      copied.id = inlined_id(node_, which, i);
      copied.name = node_.name + "/" + copied.name;
      renumber(copied.inputs);
      renumber(copied.outputs);
      rename_captures(copied.op, new_names);
      made_.push_back(std::move(copied));
    }
    std::vector<ValueId> results = subgraph.outputs;
    renumber(results);
    return results;
  }

  void emit(Op op, std::vector<ValueId> inputs, ValueId output, size_t index) {
    if (output == kNoValue) return;
    made_.push_back(
        {node_.name, std::move(op), std::move(inputs), {output}, inlined_id(node_, ~uint64_t{0}, index)});
  }
  // A node for an output of the If or Loop; a later pass sees that it does nothing.
  void forward(ValueId from, ValueId to, size_t index) { emit(Unary{}, {from}, to, index); }

  std::vector<Node> take() { return std::move(made_); }

 private:
  Graph& outer_;
  const Node& node_;
  std::vector<Node> made_;
};

Result<std::vector<Node>> inline_branch(Graph& outer, const Node& node, const If& op) {
  const ConstantPtr condition = outer.value(node.inputs[0]).constant;
  if (!condition) return std::vector<Node>{};
  HONE_ASSIGN(const auto values, condition->to_ints());
  if (values.size() != 1)
    return error(StatusCode::invalid_argument, "its condition is " + desc_text(condition->desc()));
  const bool yes = values[0] != 0;
  const Graph& branch = yes ? *op.then_branch : *op.else_branch;
  if (branch.outputs.size() != node.outputs.size())
    return error(StatusCode::invalid_argument, "its branch has " + std::to_string(branch.outputs.size()) +
                                                   " outputs instead of " +
                                                   std::to_string(node.outputs.size()));
  Inliner inliner(outer, node);
  HONE_ASSIGN(const auto results, inliner.copy(branch, {}, yes));
  for (size_t i = 0; i < results.size(); ++i) inliner.forward(results[i], node.outputs[i], i);
  return inliner.take();
}

// The condition for another trip is true whenever it was true before.
bool goes_on(const Graph& body) {
  ValueId condition = body.outputs[0];
  for (size_t n = body.nodes.size(); n-- > 0;) {
    const auto* unary = std::get_if<Unary>(&body.nodes[n].op);
    if (unary && unary->function.is_identity() && body.nodes[n].outputs[0] == condition)
      condition = body.nodes[n].inputs[0];
  }
  if (condition == body.inputs[1]) return true;
  if (!body.is_constant(condition)) return false;
  const auto values = body.value(condition).constant->to_ints();
  return values && values->size() == 1 && (*values)[0] != 0;
}

// How many trips, or -1 when that is not known. ONNX Loop: inputs are the maximum of trips and the condition,
// both optional, then the values carried from trip to trip.
Result<int64_t> trip_count(const Graph& outer, const Node& node, const Graph& body) {
  const auto input = [&](size_t i) { return i < node.inputs.size() ? node.inputs[i] : kNoValue; };
  if (input(1) != kNoValue) {
    if (!outer.is_constant(input(1))) return -1;
    HONE_ASSIGN(const auto first, outer.value(input(1)).constant->to_ints());
    if (first.size() == 1 && first[0] == 0) return 0;
  }
  if (!outer.is_constant(input(0)) || !goes_on(body)) return -1;
  HONE_ASSIGN(const auto trips, outer.value(input(0)).constant->to_ints());
  if (trips.size() != 1 || trips[0] > kMaxUnrolled) return -1;
  return std::max<int64_t>(trips[0], 0);
}

Result<std::vector<Node>> unroll(Graph& outer, const Node& node, const Loop& op) {
  const Graph& body = *op.body;
  const size_t carried_count = node.inputs.size() < 2 ? 0 : node.inputs.size() - 2;
  const size_t scan_count = node.outputs.size() - carried_count;
  if (node.outputs.size() < carried_count || body.outputs.size() != 1 + node.outputs.size() ||
      body.inputs.size() < 2)
    return error(StatusCode::invalid_argument, "its body does not fit its inputs and outputs");
  HONE_ASSIGN(const int64_t trips, trip_count(outer, node, body));
  // Without a trip the shape of what is collected is unknown.
  if (trips < 0 || (trips == 0 && scan_count > 0)) return std::vector<Node>{};

  Inliner inliner(outer, node);
  std::vector<ValueId> carried(node.inputs.end() - static_cast<std::ptrdiff_t>(carried_count),
                               node.inputs.end());
  std::vector<std::vector<ValueId>> collected(scan_count);
  const ValueId axes = outer.add_constant(node.name + "/axes", Constant::ints(std::vector<int64_t>{0}));
  const std::byte yes{1};
  const ValueId condition = outer.add_constant(
      node.name + "/condition", Constant::of(TensorDesc(DType::boolean, {}), Bytes::of({yes})));
  size_t index = node.outputs.size();
  for (int64_t trip = 0; trip < trips; ++trip) {
    std::vector<ValueId> arguments = {outer.add_constant(node.name + "/trip", Constant::scalar_int(trip)),
                                      condition};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    HONE_ASSIGN(const auto results,
                inliner.copy(body, std::move(arguments), static_cast<uint64_t>(trip) + 2));
    carried.assign(results.begin() + 1, results.begin() + 1 + static_cast<std::ptrdiff_t>(carried_count));
    for (size_t i = 0; i < scan_count; ++i) {
      const ValueId row = outer.add_value(node.name + "/row");
      inliner.emit(Unsqueeze{}, {results[1 + carried_count + i], axes}, row, index++);
      collected[i].push_back(row);
    }
  }
  for (size_t i = 0; i < carried_count; ++i) inliner.forward(carried[i], node.outputs[i], i);
  for (size_t i = 0; i < scan_count; ++i)
    inliner.emit(Concat{0}, collected[i], node.outputs[carried_count + i], carried_count + i);
  return inliner.take();
}

}  // namespace

Result<std::vector<ValueId>> captured_values(const Graph& outer, const Graph& subgraph) {
  std::vector<ValueId> captured;
  for (const std::string& name : subgraph.captures) {
    const auto id = outer.find(name);
    if (!id)
      return error(StatusCode::invalid_argument, "its subgraph reads '" + name + "', which is no value here");
    captured.push_back(*id);
  }
  if (captured.size() > subgraph.inputs.size())
    return error(StatusCode::invalid_argument, "its subgraph captures more values than it has inputs");
  return captured;
}

Result<std::vector<Node>> inline_control_flow(Graph& outer, const Node& node) {
  if (const auto* branch = std::get_if<If>(&node.op)) return inline_branch(outer, node, *branch);
  if (const auto* loop = std::get_if<Loop>(&node.op)) return unroll(outer, node, *loop);
  return std::vector<Node>{};
}

}  // namespace hone
