// Nodes written as text, for the tests of infer().
#pragma once

#include <sstream>

#include "ir/infer.h"

namespace hone {

inline std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

// f32[1x3], f32[], i64{1,-1}, i64s{3}, or -.
inline std::pair<TensorDesc, ConstantPtr> read_input(const std::string& text) {
  if (text == "-") return {};
  const auto open = text.find_first_of("[{");
  std::string type = text.substr(0, open);
  const std::string inner = text.substr(open + 1, text.size() - open - 2);
  if (text[open] == '[')
    return {TensorDesc(parse_dtype(type).value(), inner.empty() ? Shape{} : parse_shape(inner).value()),
            nullptr};
  std::vector<std::string> parts = split(inner, ',');
  const bool scalar = type.back() == 's';
  if (scalar) type.pop_back();
  const Shape shape = scalar ? Shape{} : Shape{static_cast<int64_t>(parts.size())};
  ConstantPtr constant;
  if (type == "i64") {
    Ints values;
    for (const auto& part : parts) values.push_back(std::stoll(part));
    constant = Constant::ints(values);
    if (scalar) constant = Constant::scalar_int(values.at(0));
  } else {
    std::vector<float> values;
    for (const auto& part : parts) values.push_back(std::stof(part));
    constant = Constant::floats(shape, values);
  }
  return {constant->desc(), constant};
}

inline Result<std::vector<TensorDesc>> infer_text(const Op& op, const std::string& inputs,
                                                  size_t output_count = 1) {
  std::vector<TensorDesc> descs;
  std::vector<ConstantPtr> constants;
  for (const auto& part : split(inputs, ' ')) {
    auto [desc, constant] = read_input(part);
    descs.push_back(desc);
    constants.push_back(constant);
  }
  return infer(op, descs, constants, output_count);
}

// What comes out as text, or the error.
inline std::string result(const Op& op, const std::string& inputs, size_t output_count = 1) {
  const auto inferred = infer_text(op, inputs, output_count);
  if (!inferred) return inferred.error().message;
  std::string text;
  for (const TensorDesc& desc : *inferred) text += (text.empty() ? "" : " ") + desc_text(desc);
  return text;
}

}  // namespace hone
