#include <fmt/format.h>

#include "plan/plan.h"

namespace hone {
namespace {

std::string operand_text(const Operand& o) {
  const std::string desc = desc_text(o.desc);
  const std::string slice = o.place != Operand::Place::none && !o.desc.shape.empty() && o.desc.shape[0] > 1 &&
                                    o.image_stride != dense_image_stride(o.desc)
                                ? fmt::format("/{}", o.image_stride)
                                : "";
  switch (o.place) {
    case Operand::Place::none:
      return "-";
    case Operand::Place::arena:
      return fmt::format("@{}{} {}", o.offset_bytes, slice, desc);
    case Operand::Place::input:
      return fmt::format("in{}+{}{} {}", o.index, o.offset_bytes, slice, desc);
    case Operand::Place::output:
      return fmt::format("out{}+{}{} {}", o.index, o.offset_bytes, slice, desc);
    case Operand::Place::constant:
      return fmt::format("const{} {}", o.index, desc);
    case Operand::Place::packed:
      return fmt::format("packed {}", desc);
  }
  return "?";
}

std::string list_text(const std::vector<Operand>& operands) {
  std::string text;
  for (const Operand& o : operands) text += (text.empty() ? "" : ", ") + operand_text(o);
  return text;
}

}  // namespace

// A line a step: what, by which kernel, from where to where. @offset is in the arena; /n is the distance
// between images.
std::string print(const Plan& plan) {
  std::string text = "plan for";
  for (const auto& [name, shape] : plan.shapes) text += fmt::format(" {}:{}", name, shape_text(shape));
  text += '\n';
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    text += fmt::format("{:4} {} {} [{}] ({}) -> ({})", s, step.name, op_text(step.op), step.kernel->name(),
                        list_text(step.inputs), list_text(step.outputs));
    if (step.workspace_bytes > 0)
      text += fmt::format(" workspace @{}+{}", step.workspace_offset, step.workspace_bytes);
    if (step.packed >= 0)
      text += fmt::format(" pack {:016x}", plan.packed[static_cast<size_t>(step.packed)].key);
    if (plan.lanes > 1) text += fmt::format(" lane {}", step.lane);
    for (const uint32_t other : step.waits)
      text += fmt::format("{}{}", other == step.waits[0] ? " after " : ",", other);
    if (step.expected_ms >= 0) text += fmt::format(" {:.3f} ms", step.expected_ms);
    text += '\n';
  }
  if (segments_of(plan).size() > 1) text += segments_text(plan) + '\n';
  text += fmt::format("{} steps, {} packed weights, arena {} bytes, planned in {:.2f} ms\n",
                      plan.steps.size(), plan.packed.size(), plan.arena_bytes, plan.planning_ms);
  return text;
}

}  // namespace hone
