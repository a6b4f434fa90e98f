// ultralytics.nn.modules.head: the anchor-free detection head of YOLOv8 and its like.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "import/pt/modules.h"

namespace hone::modules {
namespace {

constexpr int64_t kMaxLevels = 16, kMaxRegMax = 1024;

// DecodeBoxes computes the expectation over 0 … reg_max-1: the fixed weights of the DFL module.
Result<> check_dfl(ModuleBuilder& b, const Module& module, int64_t reg_max) {
  HONE_ASSIGN(const Module dfl, b.tree.child(module, "dfl"));
  HONE_ASSIGN(const Module conv, b.tree.child(dfl, "conv"));
  HONE_ASSIGN(const ConstantPtr weight, b.tensor(conv, "weight"));
  HONE_ASSIGN(const std::vector<float> values, weight->to_floats());
  bool is_range = static_cast<int64_t>(values.size()) == reg_max;
  for (size_t i = 0; is_range && i < values.size(); ++i) is_range = values[i] == static_cast<float>(i);
  if (is_range) return {};
  return error(StatusCode::unsupported,
               fmt::format("{}: its weights are not 0 to {}", conv.path, reg_max - 1));
}

Result<std::vector<float>> read_strides(ModuleBuilder& b, const Module& module, size_t levels) {
  HONE_ASSIGN(const ConstantPtr stride, b.tensor(module, "stride"));
  HONE_ASSIGN(const std::vector<float> values, stride->to_floats());
  const bool is_sane = values.size() == levels &&
                       std::all_of(values.begin(), values.end(), [](float s) { return s > 0 && s <= 65536; });
  if (!is_sane)
    return ModuleTree::bad(module,
                           fmt::format("its {} strides are not {} numbers above 0", values.size(), levels));
  return values;
}

// One branch: each level's map through its own convolutions.
Result<ValueIds> run_levels(ModuleBuilder& b, const Module& module, std::string_view name,
                            std::span<const ValueId> maps, int64_t channels) {
  HONE_ASSIGN(const Module list, b.tree.child(module, name));
  HONE_ASSIGN(const std::vector<Module> levels, b.tree.children(list));
  if (levels.size() != maps.size())
    return ModuleTree::bad(list,
                           fmt::format("it has {} levels and is given {} maps", levels.size(), maps.size()));
  ValueIds outputs;
  for (size_t i = 0; i < levels.size(); ++i) {
    HONE_ASSIGN(const ValueId y, b.run(levels[i], maps[i]));
    if (b.channels(y) != channels)
      return ModuleTree::bad(
          levels[i], fmt::format("it gives {} channels where {} are wanted", b.channels(y), channels));
    outputs.push_back(y);
  }
  return outputs;
}

}  // namespace

Result<ValueIds> detect(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  const auto levels = static_cast<int64_t>(inputs.size());
  if (levels < 1 || levels > kMaxLevels)
    return ModuleTree::bad(module, fmt::format("it is given {} maps; 1 to {} are read", levels, kMaxLevels));
  // A YOLO10 or YOLO26 head has a one-to-one branch beside this one; Ultralytics exports it only when asked
  // to (nms=False).
  if (!b.tree.find_child(module, "cv2") && b.tree.find_child(module, "one2one_cv2"))
    return error(StatusCode::unsupported,
                 fmt::format("{}: it holds the one-to-one head alone, which is not read yet", module.path));
  HONE_ASSIGN(const int64_t class_count, b.tree.integer(module, "nc"));
  HONE_ASSIGN(const int64_t reg_max, b.tree.integer(module, "reg_max"));
  if (class_count < 1) return ModuleTree::bad(module, fmt::format("it has {} classes", class_count));
  if (reg_max < 1 || reg_max > kMaxRegMax)
    return ModuleTree::bad(module, fmt::format("its reg_max is {}", reg_max));
  if (reg_max > 1) HONE_TRY(check_dfl(b, module, reg_max));

  DecodeBoxes op{.levels = levels, .reg_max = reg_max, .strides = {}, .xyxy = false};
  HONE_ASSIGN(op.strides, read_strides(b, module, inputs.size()));
  HONE_ASSIGN(ValueIds maps, run_levels(b, module, "cv2", inputs, 4 * reg_max));
  HONE_ASSIGN(const ValueIds classes, run_levels(b, module, "cv3", inputs, class_count));
  maps.insert(maps.end(), classes.begin(), classes.end());
  return ValueIds{b.add(module, "DecodeBoxes", std::move(op), std::move(maps), 4 + class_count)};
}

}  // namespace hone::modules
