#include "yolo/arguments.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <string_view>

namespace hone::yolo {
namespace {

constexpr std::array<std::string_view, 7> kTasks = {"detect",   "segment", "semantic", "depth",
                                                    "classify", "pose",    "obb"};
constexpr std::array<std::string_view, 6> kModes = {"train",  "val",   "predict",
                                                    "export", "track", "benchmark"};

enum class Kind : char { text, boolean, integer, fraction, number, any };
struct Key {
  std::string_view name;
  Kind kind;
  std::string_view shown;
};  // shown: the default, for close matches
constexpr std::array<Key, 60> kKeys = {{
    {"model", Kind::text, "None"},
    {"source", Kind::any, "None"},
    {"format", Kind::text, "torchscript"},
    {"imgsz", Kind::any, "640"},
    {"batch", Kind::number, "1"},
    {"device", Kind::any, "None"},
    {"half", Kind::boolean, "False"},
    {"int8", Kind::boolean, "False"},
    {"quantize", Kind::any, "None"},
    {"dynamic", Kind::boolean, "False"},
    {"simplify", Kind::boolean, "True"},
    {"opset", Kind::integer, "None"},
    {"workspace", Kind::number, "None"},
    {"nms", Kind::any, "None"},
    {"end2end", Kind::boolean, "None"},
    {"conf", Kind::fraction, "None"},
    {"iou", Kind::fraction, "0.7"},
    {"max_det", Kind::integer, "300"},
    {"classes", Kind::any, "None"},
    {"agnostic_nms", Kind::boolean, "False"},
    {"rect", Kind::boolean, "True"},
    {"save", Kind::boolean, "True"},
    {"save_txt", Kind::boolean, "False"},
    {"save_conf", Kind::boolean, "False"},
    {"save_crop", Kind::boolean, "False"},
    {"save_json", Kind::boolean, "False"},
    {"save_frames", Kind::boolean, "False"},
    {"show", Kind::boolean, "False"},
    {"show_labels", Kind::boolean, "True"},
    {"show_conf", Kind::boolean, "True"},
    {"show_boxes", Kind::boolean, "True"},
    {"line_width", Kind::integer, "None"},
    {"project", Kind::text, "None"},
    {"name", Kind::text, "None"},
    {"exist_ok", Kind::boolean, "False"},
    {"verbose", Kind::boolean, "True"},
    {"task", Kind::text, "None"},
    {"mode", Kind::text, "None"},
    {"data", Kind::text, "None"},
    {"fraction", Kind::number, "1.0"},
    {"split", Kind::text, "val"},
    {"vid_stride", Kind::integer, "1"},
    {"stream_buffer", Kind::boolean, "False"},
    {"visualize", Kind::boolean, "False"},
    {"augment", Kind::boolean, "False"},
    {"retina_masks", Kind::boolean, "False"},
    {"embed", Kind::any, "None"},
    {"dnn", Kind::boolean, "False"},
    {"plots", Kind::boolean, "True"},
    {"seed", Kind::integer, "0"},
    {"epochs", Kind::integer, "100"},
    {"workers", Kind::integer, "8"},
    {"optimize", Kind::boolean, "False"},
    {"keras", Kind::boolean, "False"},
    {"cfg", Kind::text, "None"},
    {"cache", Kind::any, "False"},
    {"pretrained", Kind::any, "True"},
    {"resume", Kind::any, "False"},
    {"tracker", Kind::text, "botsort.yaml"},
    {"deterministic", Kind::boolean, "True"},
}};

const Key* find_key(std::string_view name) {
  for (const auto& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

template <size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// difflib's ratio: twice the characters in matching blocks over all characters.
size_t matching(std::string_view a, std::string_view b) {
  size_t best = 0, best_a = 0, best_b = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      size_t n = 0;
      while (i + n < a.size() && j + n < b.size() && a[i + n] == b[j + n]) ++n;
      if (n > best) best = n, best_a = i, best_b = j;
    }
  if (best == 0) return 0;
  return best + matching(a.substr(0, best_a), b.substr(0, best_b)) +
         matching(a.substr(best_a + best), b.substr(best_b + best));
}
double similarity(std::string_view a, std::string_view b) {
  return a.size() + b.size() == 0
             ? 1.0
             : 2.0 * static_cast<double>(matching(a, b)) / static_cast<double>(a.size() + b.size());
}

std::unexpected<Status> python_error(const std::string& type, const std::string& text) {
  return error(StatusCode::invalid_argument, type + ": " + text);
}

std::unexpected<Status> unknown(const std::string& word) {
  std::vector<std::pair<double, std::string>> close;
  for (const auto& key : kKeys)
    if (const double s = similarity(word, key.name); s >= 0.6)
      close.emplace_back(-s, std::string(key.name) + "=" + std::string(key.shown));
  std::sort(close.begin(), close.end());
  if (close.size() > 3) close.resize(3);
  std::string similar;
  for (const auto& [s, text] : close) similar += (similar.empty() ? "'" : ", '") + text + "'";
  return python_error("SyntaxError",
                      "'" + word + "' is not a valid YOLO argument." +
                          (similar.empty() ? "" : " Similar arguments are i.e. [" + similar + "]."));
}

// none, true, false in any case; else a Python literal; "640,480" is a tuple; else plain text.
PythonValue smart_value(const std::string& key, const std::string& text) {
  if (key == "name" || key == "project") return {text};
  const std::string word = lower(text);
  if (word == "none") return {};
  if (word == "true") return {true};
  if (word == "false") return {false};
  if (auto literal = parse_python_literal(text)) return *literal;
  if (text.find(',') != std::string::npos)
    if (auto tuple = parse_python_literal("(" + text + ")")) return *tuple;
  return {text};
}

Result<> check(const Key& key, const std::string& name, PythonValue& value) {
  if (value.get<std::monostate>() || key.kind == Kind::any || key.kind == Kind::text) return {};
  const std::string shown = "'" + name + "=" + python_repr(value) + "' is of invalid type. ";
  if (key.kind == Kind::boolean) {
    if (value.get<bool>()) return {};
    return python_error("TypeError", shown + "'" + name + "' must be a bool (i.e. '" + name + "=True' or '" +
                                         name + "=False')");
  }
  const auto* whole = value.get<int64_t>();
  const auto* real = value.get<double>();
  if (key.kind == Kind::integer) {
    if (real && *real == std::floor(*real))
      value = {static_cast<int64_t>(*real)};
    else if (!whole)
      return python_error("TypeError", shown + "'" + name + "' must be an int (i.e. '" + name + "=8')");
    return {};
  }
  if (!whole && !real)
    return python_error("TypeError", shown + "Valid '" + name + "' types are int (i.e. '" + name +
                                         "=0') or float (i.e. '" + name + "=0.5')");
  const double number = whole ? static_cast<double>(*whole) : *real;
  if (key.kind == Kind::fraction && (number < 0 || number > 1))
    return python_error("ValueError", "'" + name + "=" + python_repr(value) +
                                          "' is an invalid value. Valid '" + name +
                                          "' values are between 0.0 and 1.0.");
  return {};
}

// "imgsz = 640", "imgsz= 640" and "imgsz =640" become one word each; "[320," "640]" are joined until brackets
// balance.
Result<std::vector<std::string>> join_words(const std::vector<std::string>& words) {
  std::vector<std::string> joined;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word == "=" && !joined.empty() && i + 1 < words.size()) {
      joined.back() += "=" + words[++i];
    } else if (word.size() > 1 && word.back() == '=' && i + 1 < words.size() &&
               words[i + 1].find('=') == std::string::npos) {
      joined.push_back(word + words[++i]);
    } else if (word.size() > 1 && word.front() == '=' && !joined.empty()) {
      joined.back() += word;
    } else {
      joined.push_back(word);
    }
    auto depth = [](const std::string& text) {
      return std::count(text.begin(), text.end(), '[') - std::count(text.begin(), text.end(), ']');
    };
    while (depth(joined.back()) > 0 && i + 1 < words.size()) joined.back() += words[++i];
    if (depth(joined.back()) != 0)
      return python_error("SyntaxError", "brackets of '" + joined.back() + "' do not balance");
  }
  return joined;
}

}  // namespace

bool Arguments::flag(const std::string& key, bool otherwise) const {
  const auto found = values.find(key);
  const bool* value = found == values.end() ? nullptr : found->second.get<bool>();
  return value ? *value : otherwise;
}
double Arguments::number(const std::string& key, double otherwise) const {
  const auto found = values.find(key);
  if (found == values.end()) return otherwise;
  if (const auto* whole = found->second.get<int64_t>()) return static_cast<double>(*whole);
  const auto* real = found->second.get<double>();
  return real ? *real : otherwise;
}
std::string Arguments::text(const std::string& key, const std::string& otherwise) const {
  const auto found = values.find(key);
  if (found == values.end() || found->second.get<std::monostate>()) return otherwise;
  const auto* value = found->second.get<std::string>();
  return value ? *value : python_repr(found->second);
}
std::vector<int64_t> Arguments::integers(const std::string& key) const {
  std::vector<int64_t> out;
  const auto found = values.find(key);
  if (found == values.end()) return out;
  if (const auto* whole = found->second.get<int64_t>()) out.push_back(*whole);
  if (const auto* list = found->second.get<PythonValue::List>())
    for (const auto& item : *list)
      if (const auto* whole = item.get<int64_t>()) out.push_back(*whole);
  return out;
}

Result<Shape> Arguments::picture_size() const {
  const auto found = values.find("imgsz");
  if (found == values.end() || found->second.get<std::monostate>()) return Shape{};
  const auto size = integers("imgsz");
  if (size.empty() || found->second.get<std::string>())
    return python_error(
        "TypeError", "'imgsz=" + text("imgsz", "") + "' is of invalid type: use imgsz=640 or imgsz=736,1280");
  if (size.size() > 2 || size.front() < 1 || size.back() < 1 || std::ranges::max(size) > 65536)
    return python_error("ValueError", "'imgsz=" + text("imgsz", "") +
                                          "' must be one or two numbers (height, width) from 1 to 65536");
  return Shape{size.front(), size.back()};
}

Result<Arguments> parse_arguments(const std::vector<std::string>& typed) {
  Arguments a;
  HONE_ASSIGN(const auto words, join_words(typed));
  for (std::string word : words) {
    if (word == "help" || word == "-h" || word == "--help") {
      a.help = true;
      continue;
    }
    if (word == "version" || word == "--version" || word == "-v") {
      a.version = true;
      continue;
    }
    if (word.starts_with("--")) {
      a.warnings.push_back("argument '" + word + "' does not require leading dashes '--', updating to '" +
                           word.substr(2) + "'.");
      word = word.substr(2);
    }
    if (word.ends_with(",")) {
      a.warnings.push_back("argument '" + word + "' does not require trailing comma ',', updating to '" +
                           word.substr(0, word.size() - 1) + "'.");
      word.pop_back();
    }
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      const Key* key = find_key(word);
      if (contains(kTasks, word))
        a.task = word;
      else if (contains(kModes, word))
        a.mode = word;
      else if (key && (key->kind == Kind::boolean || word == "nms"))
        a.values[word] = {true};
      else if (key)
        return python_error(
            "SyntaxError",
            "'" + word +
                "' is a valid YOLO argument but is missing an '=' sign to set its value, i.e. try '" + word +
                "=" + std::string(key->shown) + "'");
      else
        return unknown(word);
      continue;
    }
    const std::string name = word.substr(0, equals), text = word.substr(equals + 1);
    const Key* key = find_key(name);
    if (!key) return unknown(name);
    if (text.empty())
      return python_error("SyntaxError", "'" + word + "' is not a valid YOLO argument: it has no value");
    PythonValue value = smart_value(name, text);
    HONE_TRY(check(*key, name, value));
    if (name == "task" || name == "mode")
      (name == "task" ? a.task : a.mode) = text;
    else
      a.values[name] = std::move(value);
  }
  if (!a.task.empty() && !contains(kTasks, a.task))
    return python_error("ValueError", "Invalid 'task=" + a.task + "'.");
  if (!a.mode.empty() && !contains(kModes, a.mode))
    return python_error("ValueError", "Invalid 'mode=" + a.mode + "'.");
  return a;
}

}  // namespace hone::yolo
