#include "engine/shape_range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace hone {
namespace {

bool contains(const ShapeRange& range, const Shape& shape) {
  if (range.min.size() != shape.size() || range.max.size() != shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < range.min[i] || shape[i] > range.max[i]) return false;
  return true;
}

bool contains(const Profile& profile, const std::string& name, const Shape& shape) {
  const auto range = profile.find(name);
  return range == profile.end() || contains(range->second, shape);
}

std::string range_text(const std::vector<Profile>& profiles, const std::string& name) {
  std::string text;
  for (const Profile& profile : profiles)
    if (const auto range = profile.find(name); range != profile.end())
      text += fmt::format("{}{} … {}", text.empty() ? "" : " and ", shape_text(range->second.min),
                          shape_text(range->second.max));
  return text;
}

std::string input_names(const EngineData& engine) {
  std::string text;
  for (const TensorInfo& input : engine.inputs) text += (text.empty() ? "" : ", ") + input.name;
  return text;
}

// The part of "a:1x3x4x4,b:2" that speaks about this input.
Shape tuned_shape(std::string_view shapes, std::string_view name) {
  while (!shapes.empty()) {
    const size_t comma = shapes.find(',');
    const std::string_view entry = shapes.substr(0, comma);
    shapes.remove_prefix(comma == std::string_view::npos ? shapes.size() : comma + 1);
    const size_t colon = entry.rfind(':');
    if (colon == std::string_view::npos || entry.substr(0, colon) != name) continue;
    auto shape = parse_shape(entry.substr(colon + 1));
    return shape ? std::move(*shape) : Shape{};
  }
  return {};
}

double distance(const Choices& choices, const InputShapes& shapes) {
  double sum = 0;
  for (const auto& [name, shape] : shapes) {
    const Shape tuned = tuned_shape(choices.shapes, name);
    if (tuned.size() != shape.size()) sum += 100;
    for (size_t i = 0; i < std::min(tuned.size(), shape.size()); ++i)
      if (tuned[i] > 0 && shape[i] > 0)
        sum += std::abs(std::log(static_cast<double>(tuned[i]) / static_cast<double>(shape[i])));
  }
  return sum;
}

// Parts of a fingerprint that make another's choices worth taking.
std::string_view whole(const std::string& fingerprint) { return fingerprint; }
std::string_view without_threads(const std::string& fingerprint) {
  return std::string_view(fingerprint).substr(0, fingerprint.rfind("/t"));
}
// "cuda/sm_90" of "cuda/sm_90/NVIDIA H200".
std::string_view architecture(const std::string& fingerprint) {
  const std::string_view text = fingerprint;
  return text.starts_with("cuda/") ? text.substr(0, text.find('/', 5)) : text;
}

}  // namespace

Result<> check_input_shape(const EngineData& engine, const std::string& name, const Shape& shape) {
  const auto input = std::ranges::find(engine.inputs, name, &TensorInfo::name);
  if (input == engine.inputs.end())
    return error(StatusCode::not_found,
                 fmt::format("the engine has no input {}; it has {}", name, input_names(engine)));
  bool fits = input->shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] >= 0 && (input->shape[i] == kUnknownDim || input->shape[i] == shape[i]);
  if (!fits)
    return error(StatusCode::out_of_range, fmt::format("input {}: {} does not fit the engine's {}", name,
                                                       shape_text(shape), shape_text(input->shape)));
  if (auto count = element_count(shape); !count) return error_in(fmt::format("input {}", name), count);
  const auto holds = [&](const Profile& profile) { return contains(profile, name, shape); };
  if (engine.profiles.empty() || std::ranges::any_of(engine.profiles, holds)) return {};
  return error(StatusCode::out_of_range,
               fmt::format("input {}: {} is outside the engine's profile{} {}", name, shape_text(shape),
                           engine.profiles.size() > 1 ? "s" : "", range_text(engine.profiles, name)));
}

Result<> check_profile(const EngineData& engine, const InputShapes& shapes) {
  const auto holds_all = [&](const Profile& profile) {
    return std::ranges::all_of(
        shapes, [&](const auto& entry) { return contains(profile, entry.first, entry.second); });
  };
  if (engine.profiles.empty() || std::ranges::any_of(engine.profiles, holds_all)) return {};
  std::string text;
  for (const auto& [name, shape] : shapes)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", name, shape_text(shape));
  return error(StatusCode::out_of_range, fmt::format("no profile of the engine holds {} together", text));
}

const DeviceTuning* tuning_for(const EngineData& engine, const std::string& fingerprint) {
  for (const auto form : {whole, without_threads, architecture})
    for (const DeviceTuning& tuning : engine.tunings)
      if (!tuning.choices.empty() && form(tuning.fingerprint) == form(fingerprint)) return &tuning;
  return nullptr;
}

DType compute_of(const DeviceTuning* tuning) {
  if (tuning == nullptr) return DType::f32;
  return tuning->precision == "f16" ? DType::f16 : tuning->precision == "bf16" ? DType::bf16 : DType::f32;
}

const Choices* nearest_choices(const EngineData& engine, const std::string& fingerprint,
                               const InputShapes& shapes) {
  const DeviceTuning* like = tuning_for(engine, fingerprint);
  if (like == nullptr) return nullptr;
  const Choices* best = nullptr;
  double best_distance = std::numeric_limits<double>::infinity();
  for (const DeviceTuning& tuning : engine.tunings) {
    if (tuning.fingerprint != like->fingerprint || tuning.precision != like->precision) continue;
    for (const Choices& choices : tuning.choices)
      if (const double d = distance(choices, shapes); d < best_distance) best = &choices, best_distance = d;
  }
  return best;
}

}  // namespace hone
