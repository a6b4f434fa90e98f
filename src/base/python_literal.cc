#include "base/python_literal.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace hone {
namespace {

constexpr int kMaxDepth = 32;
constexpr size_t kMaxText = size_t{16} << 20;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<PythonValue> whole() {
    if (text_.size() > kMaxText) return fail("it is too long");
    HONE_ASSIGN(PythonValue value, any(0));
    skip_blanks();
    if (at_ != text_.size()) return fail("there is text after the value");
    return value;
  }

 private:
  std::unexpected<Status> fail(const std::string& why) const {
    return error(StatusCode::invalid_argument,
                 "not a Python literal: " + why + " at character " + std::to_string(at_));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool eat(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool eat_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Result<PythonValue> any(int depth) {
    if (depth > kMaxDepth) return fail("it is nested too deeply");
    skip_blanks();
    if (at_ >= text_.size()) return fail("it ends early");
    const char c = text_[at_];
    if (c == '[' || c == '(') return list(c == '[' ? ']' : ')', depth);
    if (c == '{') return dict(depth);
    if (c == '\'' || c == '"') return string();
    if (eat_word("None")) return PythonValue{};
    if (eat_word("True")) return PythonValue{true};
    if (eat_word("False")) return PythonValue{false};
    return number();
  }

  Result<PythonValue> list(char close, int depth) {
    ++at_;
    PythonValue::List items;
    while (!eat(close)) {
      if (!items.empty() && !eat(',')) return fail("expected ','");
      if (eat(close)) break;
      HONE_ASSIGN(PythonValue item, any(depth + 1));
      items.push_back(std::move(item));
    }
    return PythonValue{std::move(items)};
  }

  Result<PythonValue> dict(int depth) {
    ++at_;
    PythonValue::Dict items;
    while (!eat('}')) {
      if (!items.empty() && !eat(',')) return fail("expected ','");
      if (eat('}')) break;
      HONE_ASSIGN(PythonValue key, any(depth + 1));
      if (!eat(':')) return fail("expected ':'");
      HONE_ASSIGN(PythonValue item, any(depth + 1));
      items.emplace_back(std::move(key), std::move(item));
    }
    return PythonValue{std::move(items)};
  }

  static void append_utf8(std::string& out, uint32_t code) {
    const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) return put(0xc0 | code >> 6), put(0x80 | (code & 63));
    if (code < 0x10000) return put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
    put(0xf0 | (code >> 18 & 7)), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)),
        put(0x80 | (code & 63));
  }

  Result<PythonValue> string() {
    const char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      char c = text_[at_++];
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) break;
      c = text_[at_++];
      const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
      if (digits > 0) {
        uint32_t code = 0;
        const auto hex = text_.substr(at_, digits);
        const auto [end, bad] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
        if (bad != std::errc{} || end != hex.data() + digits) return fail("a bad escape");
        append_utf8(out, code);
        at_ += digits;
      } else {
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
    }
    if (at_ >= text_.size()) return fail("a string does not end");
    ++at_;
    return PythonValue{std::move(out)};
  }

  Result<PythonValue> number() {
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    int64_t whole = 0;
    const auto [end, bad] = std::from_chars(first, last, whole);
    if (bad == std::errc{} && (end == last || (*end != '.' && *end != 'e' && *end != 'E'))) {
      at_ += static_cast<size_t>(end - first);
      return PythonValue{whole};
    }
    double real = 0;
    const auto [real_end, not_real] = std::from_chars(first, last, real);
    if (not_real != std::errc{}) return fail("unexpected text");
    at_ += static_cast<size_t>(real_end - first);
    return PythonValue{real};
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[40];
  const auto [end, bad] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

// What a dict key becomes in JSON: json.dumps writes 0 as "0", True as "true", None as "null".
std::string json_key(const PythonValue& key) {
  if (const auto* text = key.get<std::string>()) return json_string(*text);
  return json_string(python_to_json(key));
}

}  // namespace

Result<PythonValue> parse_python_literal(std::string_view text) { return Parser(text).whole(); }

std::string python_repr(std::string_view text) {
  const bool double_quotes =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else
      out += c;
  }
  return out + quote;
}

std::string python_repr(const PythonValue& value) {
  if (value.get<std::monostate>()) return "None";
  if (const auto* b = value.get<bool>()) return *b ? "True" : "False";
  if (const auto* i = value.get<int64_t>()) return std::to_string(*i);
  if (const auto* d = value.get<double>()) return number_text(*d);
  if (const auto* s = value.get<std::string>()) return python_repr(std::string_view(*s));
  std::string out;
  if (const auto* list = value.get<PythonValue::List>()) {
    for (const auto& item : *list) (out += out.empty() ? "" : ", ") += python_repr(item);
    return "[" + out + "]";
  }
  for (const auto& [key, item] : *value.get<PythonValue::Dict>())
    (out += out.empty() ? "" : ", ") += python_repr(key) + ": " + python_repr(item);
  return "{" + out + "}";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escaped;
    } else
      out += c;
  }
  return out + '"';
}

std::string python_to_json(const PythonValue& value) {
  if (value.get<std::monostate>()) return "null";
  if (const auto* b = value.get<bool>()) return *b ? "true" : "false";
  if (const auto* i = value.get<int64_t>()) return std::to_string(*i);
  if (const auto* d = value.get<double>()) return std::isfinite(*d) ? number_text(*d) : "null";
  if (const auto* s = value.get<std::string>()) return json_string(*s);
  std::string out;
  if (const auto* list = value.get<PythonValue::List>()) {
    for (const auto& item : *list) (out += out.empty() ? "" : ", ") += python_to_json(item);
    return "[" + out + "]";
  }
  for (const auto& [key, item] : *value.get<PythonValue::Dict>())
    (out += out.empty() ? "" : ", ") += json_key(key) + ": " + python_to_json(item);
  return "{" + out + "}";
}

}  // namespace hone
