// Which device computes which steps, and why.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan/plan.h"

namespace hone {
namespace {

const char* kind_name(DeviceKind kind) { return kind == DeviceKind::cuda ? "cuda" : "cpu"; }

// Why no row of the GPU computes the step.
std::string why_cpu(const Step& step, const Choices& choices) {
  const auto found = choices.by_node.find(step.node_id);
  if (found != choices.by_node.end())
    for (const Candidate& candidate : found->second.candidates)
      if (const Kernel* kernel = find_kernel(candidate.kernel);
          kernel != nullptr && kernel->device() == DeviceKind::cuda && !candidate.reason.empty())
        return fmt::format("{} {}", candidate.kernel, candidate.reason);
  return "as told";
}

}  // namespace

std::vector<Segment> segments_of(const Plan& plan) {
  std::vector<Segment> segments;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const DeviceKind device = plan.steps[s].kernel->device();
    if (segments.empty() || segments.back().device != device)
      segments.push_back({.device = device, .first = s, .count = 0});
    ++segments.back().count;
  }
  return segments;
}

std::string segments_text(const Plan& plan) {
  const std::vector<Segment> segments = segments_of(plan);
  if (segments.empty()) return "no steps";
  if (segments.size() == 1) return fmt::format("one segment, {}", kind_name(segments[0].device));
  constexpr size_t kShown = 12;
  std::string text = fmt::format("{} segments: ", segments.size());
  for (size_t i = 0; i < std::min(segments.size(), kShown); ++i)
    text +=
        fmt::format("{}{} of {} steps", i == 0 ? "" : ", ", kind_name(segments[i].device), segments[i].count);
  return segments.size() > kShown ? text + ", …" : text;
}

std::string cpu_part_text(const Plan& plan, const Choices& choices) {
  std::map<std::string, std::pair<size_t, std::string>> by_op;  // how many, and why the first
  size_t count = 0;
  for (const Step& step : plan.steps) {
    if (step.kernel->device() == DeviceKind::cuda) continue;
    auto& [steps, why] = by_op[std::string(op_name(step.op))];
    if (steps++ == 0) why = why_cpu(step, choices);
    ++count;
  }
  if (count == 0) return {};
  std::string text = fmt::format("{} of {} steps run on the CPU: ", count, plan.steps.size());
  const char* separator = "";
  for (const auto& [op, entry] : by_op) {
    text += fmt::format("{}{}{} ({})", separator, op, entry.first > 1 ? fmt::format(" x{}", entry.first) : "",
                        entry.second);
    separator = ", ";
  }
  return text;
}

}  // namespace hone
