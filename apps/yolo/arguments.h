// Ultralytics' key=value grammar: words are recognised by what they are, so their order is free.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/python_literal.h"
#include "hone/types.h"

namespace hone::yolo {

struct Arguments {
  std::string task, mode;                     // empty: not given
  std::map<std::string, PythonValue> values;  // typed keys alone, checked against their kind
  std::vector<std::string> warnings;          // lines to show
  bool help = false, version = false;

  bool has(const std::string& key) const { return values.contains(key); }
  bool flag(const std::string& key, bool otherwise) const;
  double number(const std::string& key, double otherwise) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
  // An int or a list of ints; empty when absent or None.
  std::vector<int64_t> integers(const std::string& key) const;
  // imgsz as {height, width}; empty when absent or None.
  Result<Shape> picture_size() const;
};

// Errors carry Python's name of the exception first, as scripts see it: "SyntaxError: 'formt' is not a valid
// …".
Result<Arguments> parse_arguments(const std::vector<std::string>& words);

}  // namespace hone::yolo
