// ultralytics.nn.modules.conv: convolutions with their BatchNorm and activation. Files hold them unfused, or
// fused by model.fuse(): then the BatchNorm is gone and the convolution has a bias.
#include <fmt/format.h>

#include "import/pt/modules.h"

namespace hone::modules {
namespace {

// A file saved after fuse() has `forward` bound to forward_fuse, which passes over a BatchNorm that is still
// there.
bool is_fused(const ModuleBuilder& b, const Module& module) {
  const std::optional<ObjectId> forward = b.tree.attribute(module, "forward");
  if (!forward) return false;
  const PickleObjects& objects = b.tree.objects();
  const Object& call = objects[*forward];
  if (call.kind != ObjectKind::instance || objects[call.items[1]].items.size() != 2) return false;
  return objects[objects[call.items[1]].items[1]].text == "forward_fuse";
}

// act(bn(convolution(x))), of which bn may be absent.
Result<ValueId> normalised(ModuleBuilder& b, const Module& module, std::string_view convolution, ValueId x) {
  HONE_ASSIGN(ValueId y, b.run_child(module, convolution, x));
  if (b.tree.find_child(module, "bn") && !is_fused(b, module)) {
    HONE_ASSIGN(y, b.run_child(module, "bn", y));
  }
  return b.run_child(module, "act", y);
}

}  // namespace

Result<ValueIds> conv(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, normalised(b, module, "conv", x));
  return ValueIds{y};
}

Result<ValueIds> conv_transpose(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, normalised(b, module, "conv_transpose", x));
  return ValueIds{y};
}

// act(conv1(x) + conv2(x) + bn(x)), of which bn may be absent; one convolution once fused.
Result<ValueIds> rep_conv(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  ValueId y = kNoValue;
  if (b.tree.find_child(module, "conv")) {
    HONE_ASSIGN(y, b.run_child(module, "conv", x));
  } else {
    HONE_ASSIGN(const ValueId large, b.run_child(module, "conv1", x));
    HONE_ASSIGN(const ValueId small, b.run_child(module, "conv2", x));
    HONE_ASSIGN(y, b.sum(module, large, small));
    if (b.tree.find_child(module, "bn")) {
      HONE_ASSIGN(const ValueId through, b.run_child(module, "bn", x));
      HONE_ASSIGN(y, b.sum(module, y, through));
    }
  }
  HONE_ASSIGN(y, b.run_child(module, "act", y));
  return ValueIds{y};
}

// act(conv(x) + conv1(x)); one convolution once fused.
Result<ValueIds> rep_vgg_dw(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(ValueId y, b.run_child(module, "conv", x));
  if (b.tree.find_child(module, "conv1")) {
    HONE_ASSIGN(const ValueId small, b.run_child(module, "conv1", x));
    HONE_ASSIGN(y, b.sum(module, y, small));
  }
  HONE_ASSIGN(y, b.run_child(module, "act", y));
  return ValueIds{y};
}

Result<ValueIds> ghost_conv(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId primary, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const ValueId cheap, b.run_child(module, "cv2", primary));
  return ValueIds{b.concat(module, {primary, cheap})};
}

Result<ValueIds> concat(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const int64_t axis, b.tree.integer(module, "d", 1));
  if (axis != 1)
    return error(StatusCode::unsupported,
                 fmt::format("{}: it joins along axis {}; 1 is read", module.path, axis));
  if (inputs.empty()) return ModuleTree::bad(module, "it is given nothing to join");
  return ValueIds{b.concat(module, ValueIds(inputs.begin(), inputs.end()))};
}

}  // namespace hone::modules
