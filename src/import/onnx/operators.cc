#include "import/onnx/operators.h"

#include <unordered_map>

namespace hone {
namespace {

using Index = std::unordered_multimap<std::string_view, const OperatorRow*>;

Index index_rows() {
  Index index;
  for (const auto rows :
       {elementwise_operators(), window_operators(), normalize_operators(), reduce_operators(),
        shape_operators(), index_operators(), resize_operators(), quantize_operators(), control_operators()})
    for (const OperatorRow& row : rows) index.emplace(row.name, &row);
  return index;
}

}  // namespace

const OperatorRow* find_operator(std::string_view domain, std::string_view name, int64_t opset) {
  static const Index index = index_rows();
  if (domain == "ai.onnx") domain = "";
  const auto [begin, end] = index.equal_range(name);
  for (auto it = begin; it != end; ++it)
    if (it->second->domain == domain && it->second->first_opset <= opset && opset <= it->second->last_opset)
      return it->second;
  return nullptr;
}

}  // namespace hone
