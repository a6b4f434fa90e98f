#include "detect/model_facts.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/python_literal.h"

namespace hone {
namespace {

constexpr int64_t kMaxClasses = 100'000, kMaxSide = 1 << 16, kMaxStride = 1024;

void doubt(const char* key, const std::string& text) {
  log_warning(fmt::format("metadata key '{}' is not understood and left out: {:.80}", key, text));
}

// {0: 'person', …} or ['person', …].
std::vector<std::string> class_names(const PythonValue& value) {
  std::vector<std::string> names;
  const auto put = [&](int64_t id, const PythonValue& name) {
    const auto* text = name.get<std::string>();
    if (!text || id < 0 || id >= kMaxClasses) return false;
    while (static_cast<int64_t>(names.size()) <= id) names.push_back(std::to_string(names.size()));
    names[static_cast<size_t>(id)] = *text;
    return true;
  };
  if (const auto* dict = value.get<PythonValue::Dict>()) {
    for (const auto& [key, name] : *dict) {
      const auto* id = key.get<int64_t>();
      if (!id || !put(*id, name)) return {};
    }
  } else if (const auto* list = value.get<PythonValue::List>()) {
    for (size_t i = 0; i < list->size(); ++i)
      if (!put(static_cast<int64_t>(i), (*list)[i])) return {};
  }
  return names;
}

// 640 or [640, 480].
Shape image_size(const PythonValue& value) {
  Shape sides;
  if (const auto* side = value.get<int64_t>()) sides = {*side, *side};
  if (const auto* list = value.get<PythonValue::List>())
    for (const PythonValue& side : *list)
      if (const auto* extent = side.get<int64_t>()) sides.push_back(*extent);
  if (sides.size() == 1) sides.push_back(sides[0]);
  if (sides.size() != 2 || sides[0] < 1 || sides[1] < 1 || sides[0] > kMaxSide || sides[1] > kMaxSide)
    return {};
  return sides;
}

}  // namespace

ModelFacts read_model_facts(const std::map<std::string, std::string>& metadata) {
  ModelFacts facts;
  if (const auto task = metadata.find("task"); task != metadata.end()) facts.task = task->second;
  const auto read = [&](const char* key, auto&& use) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return;
    const auto value = parse_python_literal(found->second);
    if (!value || !use(*value)) doubt(key, found->second);
  };
  read("names", [&](const PythonValue& value) { return !(facts.class_names = class_names(value)).empty(); });
  read("imgsz", [&](const PythonValue& value) { return !(facts.imgsz = image_size(value)).empty(); });
  read("stride", [&](const PythonValue& value) {
    const auto* stride = value.get<int64_t>();
    if (!stride || *stride < 1 || *stride > kMaxStride) return false;
    facts.stride = static_cast<int>(*stride);
    return true;
  });
  return facts;
}

}  // namespace hone
