#include "passes/pass_list.h"

namespace hone {

bool remove_dead(Graph& graph, const PassContext&) {
  const size_t nodes = graph.nodes.size(), values = graph.values.size();
  graph.remove_dead();
  return graph.nodes.size() != nodes || graph.values.size() != values;
}

}  // namespace hone
