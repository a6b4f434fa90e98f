// Ops as people read them.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "ir/graph.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

template <class T>
std::string list_text(const std::vector<T>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

std::string activation_text(const Activation& a) {
  switch (a.kind) {
    case UnaryKind::leaky_relu:
    case UnaryKind::elu:
      return fmt::format("{}({:g})", unary_name(a.kind), a.alpha);
    case UnaryKind::hard_sigmoid:
    case UnaryKind::clip:
    case UnaryKind::selu:
      return fmt::format("{}({:g},{:g})", unary_name(a.kind), a.alpha, a.beta);
    default:
      return std::string(unary_name(a.kind));
  }
}

struct TextVisitor {
  std::vector<std::pair<const char*, std::string>> fields;

  void operator()(const char* name, bool v) { fields.emplace_back(name, v ? "true" : "false"); }
  void operator()(const char* name, int64_t v) { fields.emplace_back(name, std::to_string(v)); }
  void operator()(const char* name, float v) { fields.emplace_back(name, fmt::format("{}", v)); }
  void operator()(const char* name, double v) { fields.emplace_back(name, fmt::format("{}", v)); }
  void operator()(const char* name, const Ints& v) { fields.emplace_back(name, list_text(v)); }
  void operator()(const char* name, const std::vector<float>& v) { fields.emplace_back(name, list_text(v)); }
  void operator()(const char* name, const Activation& v) { fields.emplace_back(name, activation_text(v)); }
  template <AttributeEnum E>
  void operator()(const char* name, E v) {
    fields.emplace_back(name, std::string(enum_name(v)));
  }
  void operator()(const char* name, const std::shared_ptr<Graph>& v) {
    fields.emplace_back(name, v ? fmt::format("{{{} nodes}}", v->nodes.size()) : "none");
  }
};

}  // namespace

std::string op_text(const Op& op) {
  TextVisitor given, usual;
  visit_attributes(op, given);
  std::visit([&](const auto& o) { std::remove_cvref_t<decltype(o)>{}.visit(usual); }, op);
  std::string text(op_name(op));
  const char* separator = "(";
  for (size_t i = 0; i < given.fields.size(); ++i) {
    if (given.fields[i].second == usual.fields[i].second) continue;
    text +=
        fmt::format("{}{}={}", std::exchange(separator, ", "), given.fields[i].first, given.fields[i].second);
  }
  if (*separator == ',') text += ')';
  return text;
}

}  // namespace hone
