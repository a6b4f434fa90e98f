// Constants, pass-through, and the ops that hold graphs.
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

ConstantPtr float_list(const std::vector<float>& values) {
  return Constant::floats({static_cast<int64_t>(values.size())}, values);
}

void constant(OnnxNode& n) {
  ConstantPtr value;
  if (n.has("value"))
    value = n.tensor("value");
  else if (n.has("value_float"))
    value = Constant::floats({}, std::vector<float>{n.real("value_float", 0)});
  else if (n.has("value_floats"))
    value = float_list(n.reals("value_floats"));
  else if (n.has("value_int"))
    value = Constant::scalar_int(n.integer("value_int", 0));
  else if (n.has("value_ints"))
    value = Constant::ints(n.integers("value_ints"));
  else if (n.has("sparse_value"))
    return n.unsupported("a sparse value");
  else if (n.has("value_string") || n.has("value_strings"))
    return n.unsupported("a text as its value");
  if (!value && !n.failed()) return n.fail("it has no value");
  n.emit_constant(value);
}

void identity(OnnxNode& n) { n.emit(Unary{}, {n.in(0)}); }

void dropout(OnnxNode& n) {  // since opset 12 an input says whether it trains
  if (n.opset() >= 12 && n.has_in(2)) {
    const auto training = n.const_ints(2);
    if (!training || training->size() != 1 || training->front() != 0) return n.unsupported("training_mode");
  }
  n.emit(Unary{}, {n.in(0)});
}

bool check_outputs(OnnxNode& n, const Graph& graph, size_t wanted) {
  if (graph.outputs.size() == wanted) return true;
  n.fail("its subgraph has " + std::to_string(graph.outputs.size()) + " outputs instead of " +
         std::to_string(wanted));
  return false;
}

void if_branches(OnnxNode& n) {
  If op;
  op.then_branch = n.subgraph("then_branch");
  op.else_branch = n.subgraph("else_branch");
  if (n.failed() || !check_outputs(n, *op.then_branch, n.output_count()) ||
      !check_outputs(n, *op.else_branch, n.output_count()))
    return;
  if (op.then_branch->inputs.size() != op.then_branch->captures.size() ||
      op.else_branch->inputs.size() != op.else_branch->captures.size())
    return n.fail("its branches have inputs");
  n.emit(std::move(op), {n.in(0)}, n.output_count());
}

// Inputs: trip count?, condition?, carried values. Body: iteration, condition, carried → condition, carried,
// scanned.
void loop(OnnxNode& n) {
  Loop op;
  op.body = n.subgraph("body");
  if (n.failed() || !check_outputs(n, *op.body, n.output_count() + 1)) return;
  const size_t inputs = n.input_count() < 2 ? 2 : n.input_count();
  const size_t formal = op.body->inputs.size() - op.body->captures.size();
  if (formal != inputs)
    return n.fail("its body has " + std::to_string(formal) + " inputs instead of " + std::to_string(inputs));
  n.emit(std::move(op), n.ins(), n.output_count());
}

constexpr OperatorRow kRows[] = {
    {"Constant", 1, 22, constant}, {"Identity", 1, 22, identity}, {"Dropout", 1, 22, dropout},
    {"If", 1, 22, if_branches},    {"Loop", 1, 22, loop},
};

}  // namespace

std::span<const OperatorRow> control_operators() { return kRows; }

}  // namespace hone
