// What every room may rely on, checked: also for graphs that a hostile file described.
#include <unordered_map>
#include <unordered_set>

#include "ir/arity.h"
#include "ir/graph.h"
#include "ir/subgraphs.h"

namespace hone {
namespace {

// No real network comes near; it bounds what a shape in a file can make us allocate.
constexpr size_t kMaxRank = 32;

class Verifier {
 public:
  Verifier(const Graph& graph, int depth) : graph_(graph), depth_(depth) {}

  Result<> run() {
    HONE_TRY(check_values());
    HONE_TRY(check_inputs());
    for (const Node& node : graph_.nodes)
      if (const auto checked = check_node(node); !checked)
        return error(checked.error().code, "node '" + node.name + "': " + checked.error().message);
    for (ValueId id : graph_.outputs) {
      HONE_TRY(check_id(id, "a graph output"));
      if (!ready_[static_cast<size_t>(id)]) return fail("nobody makes the graph output '" + name(id) + "'");
    }
    if (graph_.captures.size() > graph_.inputs.size())
      return fail("the subgraph captures more values than it has inputs");
    return {};
  }

 private:
  static std::unexpected<Status> fail(std::string message) {
    return error(StatusCode::invalid_argument, std::move(message));
  }
  const std::string& name(ValueId id) const { return graph_.value(id).name; }

  Result<> check_id(ValueId id, const char* what) const {
    if (id >= 0 && static_cast<size_t>(id) < graph_.values.size()) return {};
    return fail(std::string(what) + " is value " + std::to_string(id) + ", but there are " +
                std::to_string(graph_.values.size()));
  }

  Result<> check_values() {
    ready_.assign(graph_.values.size(), 0);
    by_name_.reserve(graph_.values.size());
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      if (value.name.empty()) return fail("value " + std::to_string(i) + " has no name");
      if (!by_name_.emplace(value.name, static_cast<ValueId>(i)).second)
        return fail("two values are called '" + value.name + "'");
      HONE_TRY(check_desc(value));
      ready_[i] = value.constant != nullptr;
    }
    return {};
  }

  static Result<> check_desc(const Value& value) {
    const TensorDesc& desc = value.desc;
    if (desc.has_shape && desc.shape.size() > kMaxRank)
      return fail("value '" + value.name + "' has rank " + std::to_string(desc.shape.size()) +
                  ", more than " + std::to_string(kMaxRank));
    if (desc.has_shape)
      for (int64_t extent : desc.shape)
        if (extent < kUnknownDim)
          return fail("value '" + value.name + "' has the extent " + std::to_string(extent));
    if (!value.constant) return {};
    const TensorDesc& held = value.constant->desc();
    if (!held.concrete()) return fail("constant '" + value.name + "' has no concrete shape");
    if (held.type != desc.type || !desc.has_shape || held.shape != desc.shape)
      return fail("value '" + value.name + "' is " + desc_text(desc) + ", its constant " + desc_text(held));
    return {};
  }

  Result<> check_inputs() {
    for (ValueId id : graph_.inputs) {
      HONE_TRY(check_id(id, "a graph input"));
      if (graph_.is_constant(id)) return fail("the graph input '" + name(id) + "' is also a constant");
      if (ready_[static_cast<size_t>(id)]) return fail("'" + name(id) + "' is a graph input twice");
      ready_[static_cast<size_t>(id)] = 1;
    }
    return {};
  }

  Result<> check_node(const Node& node) {
    if (node.id >= 0 && !node_ids_.insert(node.id).second)
      return fail("another node has its id " + std::to_string(node.id));
    HONE_TRY(check_arity(node.op, node.inputs, node.outputs.size()));
    for (ValueId id : node.inputs) {
      if (id == kNoValue) continue;
      HONE_TRY(check_id(id, "an input"));
      if (!ready_[static_cast<size_t>(id)])
        return fail("its input '" + name(id) + "' is made by no node before it");
    }
    if (has_subgraphs(node.op)) HONE_TRY(check_subgraphs(node.op));
    for (ValueId id : node.outputs) {
      if (id == kNoValue) continue;
      HONE_TRY(check_id(id, "an output"));
      if (ready_[static_cast<size_t>(id)])
        return fail("its output '" + name(id) + "' is a graph input, a constant or made before");
      ready_[static_cast<size_t>(id)] = 1;
    }
    return {};
  }

  Result<> check_subgraphs(const Op& op) const {
    if (depth_ >= kMaxSubgraphDepth)
      return fail("subgraphs are nested deeper than " + std::to_string(kMaxSubgraphDepth));
    const auto subgraphs = subgraphs_of(op);
    if (subgraphs.size() != (std::holds_alternative<If>(op) ? 2u : 1u)) return fail("a subgraph is missing");
    for (const auto& subgraph : subgraphs) {
      for (const std::string& captured : subgraph->captures) {
        const auto found = by_name_.find(captured);
        if (found == by_name_.end())
          return fail("its subgraph reads '" + captured + "', which is no value here");
        if (!ready_[static_cast<size_t>(found->second)])
          return fail("its subgraph reads '" + captured + "', which no node before it makes");
      }
      if (const auto checked = Verifier(*subgraph, depth_ + 1).run(); !checked)
        return fail("in its subgraph: " + checked.error().message);
    }
    return {};
  }

  const Graph& graph_;
  int depth_;
  std::vector<char> ready_;  // a graph input, a constant, or made by a node already seen
  std::unordered_map<std::string_view, ValueId> by_name_;
  std::unordered_set<int64_t> node_ids_;
};

}  // namespace

Result<> verify(const Graph& graph) { return Verifier(graph, 0).run(); }

}  // namespace hone
