#include "hone/inspect_html.h"

#include <fmt/format.h>

#include <algorithm>

#include "hone/arguments.h"

namespace hone {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{0}</title><style>
body {{ font: 14px/1.4 sans-serif; margin: 2em; color: #222 }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .2em .8em; border-bottom: 1px solid #ddd; vertical-align: top }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
td.bar {{ width: 10em }}
td.bar div {{ background: #4a7fb5; height: .8em }}
code {{ font-size: 92% }}
details {{ color: #555 }}
</style></head><body><h1>{0}</h1>
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string text_of(const nlohmann::ordered_json& object, const char* key) {
  return escaped(object.at(key).get<std::string>());
}

// What else was weighed, folded away.
std::string candidates(const nlohmann::ordered_json& layer) {
  std::string lines;
  for (const auto& c : layer.at("candidates")) {
    if (c.contains("reason"))
      lines += fmt::format("<br><code>{}</code>: {}", text_of(c, "kernel"), text_of(c, "reason"));
    else if (const double ms = c.at("ms"); ms >= 0)
      lines += fmt::format("<br><code>{}</code>: {:.3f} ms", text_of(c, "kernel"), ms);
  }
  return lines.empty() ? "" : "<details><summary>weighed</summary>" + lines.substr(4) + "</details>";
}

}  // namespace

std::string inspect_html(const nlohmann::ordered_json& report) {
  double total_ms = 0, longest_ms = 0;
  for (const auto& layer : report.at("layers")) {
    const double ms = std::max(0.0, layer.at("ms").get<double>());
    total_ms += ms, longest_ms = std::max(longest_ms, ms);
  }
  std::string page = fmt::format(kHead, text_of(report, "model"));
  page += fmt::format(
      "<p>At {} on {}, {}: {:.2f} GFLOP, weights {}, activations {} in an arena of {}, {} steps{}.</p>\n"
      "<table><tr><th>layer<th>kernel<th>output<th class=number>GFLOP<th class=number>ms<th></tr>\n",
      text_of(report, "shapes"), text_of(report, "device"),
      report.at("tuned").get<bool>() ? "tuned" : "the cost model's choices", report.at("gflop").get<double>(),
      size_text(report.at("weight_bytes")), size_text(report.at("activation_bytes")),
      size_text(report.at("arena_bytes")), report.at("layers").size(),
      total_ms > 0 ? fmt::format(", {:.3f} ms by their own times", total_ms) : "");
  for (const auto& layer : report.at("layers")) {
    const double ms = layer.at("ms").get<double>();
    page += fmt::format(
        "<tr><td>{}<td><code>{}</code>{}<td><code>{}</code><td class=number>{:.3f}<td class=number>{}"
        "<td class=bar><div style=\"width:{:.0f}%\"></div></tr>\n",
        text_of(layer, "name"), text_of(layer, "kernel"), candidates(layer), text_of(layer, "output"),
        layer.at("flop").get<double>() / 1e9, ms >= 0 ? fmt::format("{:.3f}", ms) : "",
        longest_ms > 0 ? 100 * std::max(ms, 0.0) / longest_ms : 0.0);
  }
  return page + "</table></body></html>\n";
}

}  // namespace hone
