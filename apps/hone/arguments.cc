#include "hone/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/log.h"

namespace hone {
namespace {

// A number that is finite and not negative, and the letters after it.
std::optional<std::pair<double, std::string>> number_and_unit(const std::string& text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || !(value >= 0) || std::isinf(value)) return std::nullopt;
  return std::pair(value, std::string(end, text.data() + text.size()));
}

}  // namespace

Result<Shape> parse_imgsz(const std::string& text) {
  std::string shape = text;
  std::replace(shape.begin(), shape.end(), ',', 'x');
  auto parsed = parse_shape(shape);
  if (parsed && parsed->size() == 1) parsed->push_back(parsed->front());
  if (!parsed || parsed->size() != 2 || (*parsed)[0] < 1 || (*parsed)[1] < 1 || (*parsed)[0] > 1 << 16 ||
      (*parsed)[1] > 1 << 16)
    return error(StatusCode::invalid_argument,
                 "--imgsz " + text + " is not a size such as 640 or 736x1280 (height x width)");
  return parsed;
}

Result<std::pair<std::string, Shape>> parse_named_shape(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return error(StatusCode::invalid_argument,
                 "'" + text + "' is not NAME:SHAPE, such as images:1x3x640x640");
  HONE_ASSIGN(Shape shape, parse_shape(std::string_view(text).substr(colon + 1)));
  return std::pair(text.substr(0, colon), std::move(shape));
}

Result<std::map<std::string, Shape>> parse_named_shapes(const std::vector<std::string>& texts) {
  std::map<std::string, Shape> shapes;
  for (const auto& text : texts) {
    HONE_ASSIGN(auto named, parse_named_shape(text));
    shapes[named.first] = std::move(named.second);
  }
  return shapes;
}

Result<size_t> parse_size_bytes(const std::string& option, const std::string& text) {
  const auto wrong =
      error(StatusCode::invalid_argument, option + " " + text + " is not a size such as 512MiB or 2GiB");
  const auto parsed = number_and_unit(text);
  if (!parsed) return wrong;
  auto [value, unit] = *parsed;
  const std::string units = "BKMGT";
  const size_t power = unit.empty() ? 0 : units.find(static_cast<char>(std::toupper(unit[0])));
  const std::string rest = unit.empty() ? "" : unit.substr(1);
  if (power == std::string::npos || (rest != "" && rest != "B" && rest != "iB")) return wrong;
  for (size_t i = 0; i < power; ++i) value *= 1024;
  if (value > 1e18) return wrong;
  return static_cast<size_t>(value);
}

Result<std::chrono::milliseconds> parse_time(const std::string& option, const std::string& text) {
  constexpr double kMostMs = 1e12;  // 30 years
  const auto parsed = number_and_unit(text).value_or(std::pair(0.0, std::string("?")));
  const auto& [value, unit] = parsed;
  const double factor = unit == "ms"                   ? 1
                        : unit.empty() || unit == "s"  ? 1000
                        : unit == "m" || unit == "min" ? 60000
                                                       : 0;
  if (factor == 0 || value * factor > kMostMs)
    return error(StatusCode::invalid_argument,
                 option + " " + text + " is not a time such as 500ms, 60s or 2m");
  return std::chrono::milliseconds(static_cast<int64_t>(value * factor));
}

std::string not_a_share(const std::string& text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fits = failure == std::errc{} && end == text.data() + text.size() && value >= 0 && value <= 1;
  return fits ? "" : text + " is not a number from 0 to 1";
}

void add_threads(CLI::App& command, size_t& threads) {
  command.add_option("--threads", threads, "CPU threads (default: every core)")->check(CLI::Range(0, 1024));
}

std::function<void(const std::string&, double)> progress_line() {
  return [](const std::string& stage, double done) {
    log_info(fmt::format("[{:3.0f} %] {}", done * 100, stage));
  };
}

void DeviceArguments::add_to(CLI::App& command) {
  command.add_option(
      "--device", device,
      "cpu, cuda:0, or auto: a GPU where the engine was built for one, or where --precision allows "
      "f16");
  command
      .add_option("--precision", precisions,
                  "What kernels may compute in, for a .pt or .onnx: f32, f16, bf16")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "f16", "bf16", "tf32"}));
}

void DeviceArguments::apply(BuildOptions& options) const {
  options.precisions = precisions;
  if (device != "auto") options.targets = {device};
}

std::string size_text(size_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", size / 1024);
  return fmt::format("{:.1f} MiB", size / 1024 / 1024);
}

}  // namespace hone
