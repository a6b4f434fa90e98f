// The table of ONNX operators that hone reads.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hone {

class OnnxNode;

// One form of one operator: valid from first_opset to last_opset of its domain. `read` turns a node of this
// form into nodes of the newest form.
struct OperatorRow {
  const char* name;
  int first_opset, last_opset;
  void (*read)(OnnxNode& node);
  const char* domain = "";
};

inline constexpr int kNewestOpset = 22;

// The row for a node, or null. "ai.onnx" is the default domain's other name.
const OperatorRow* find_operator(std::string_view domain, std::string_view name, int64_t opset);

// The table's parts, each beside its functions.
std::span<const OperatorRow> elementwise_operators();
std::span<const OperatorRow> window_operators();
std::span<const OperatorRow> normalize_operators();
std::span<const OperatorRow> reduce_operators();
std::span<const OperatorRow> shape_operators();
std::span<const OperatorRow> index_operators();
std::span<const OperatorRow> resize_operators();
std::span<const OperatorRow> quantize_operators();
std::span<const OperatorRow> control_operators();

}  // namespace hone
