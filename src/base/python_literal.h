// Python literals as str() writes them: the form of Ultralytics' ONNX metadata ("{0: 'person'}", "[640,
// 640]", "None").
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "hone/status.h"

namespace hone {

// None, bool, int, float, str, list (tuples too), dict in order.
struct PythonEntry;
struct PythonValue {
  using List = std::vector<PythonValue>;
  using Dict = std::vector<PythonEntry>;
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Dict> value;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
};
struct PythonEntry {
  PythonValue first, second;
};

// Bounded depth and size; trailing text is an error.
Result<PythonValue> parse_python_literal(std::string_view text);
// repr(): strings quoted as Python quotes them.
std::string python_repr(const PythonValue& value);
std::string python_repr(std::string_view text);
// JSON text; dict keys become strings, as Python's json.dumps makes them.
std::string python_to_json(const PythonValue& value);
std::string json_string(std::string_view text);

}  // namespace hone
