// torch.nn modules. Semantics: the torch.nn documentation of each, in evaluation mode.
#include <fmt/format.h>

#include <cmath>

#include "import/pt/modules.h"

namespace hone::modules {
namespace {

struct ConvAttributes {
  Ints strides, pads, dilations;  // pads: begins, then ends
  int64_t group = 1;
};

Result<> all_at_least(const Module& module, const Ints& values, int64_t least, std::string_view name) {
  for (int64_t v : values)
    if (v < least) return ModuleTree::bad(module, fmt::format("its attribute '{}' holds {}", name, v));
  return {};
}

// padding is a number, a pair, "valid" or "same"; "same" puts an odd row at the end.
Result<Ints> read_pads(ModuleBuilder& b, const Module& module, const Ints& kernel, const Ints& dilations) {
  const std::optional<ObjectId> id = b.tree.attribute(module, "padding");
  if (!id || !b.tree.objects().is(*id, ObjectKind::text)) {
    HONE_ASSIGN(const Ints half, b.tree.pair(module, "padding", 0));
    HONE_TRY(all_at_least(module, half, 0, "padding"));
    return Ints{half[0], half[1], half[0], half[1]};
  }
  const std::string_view text = b.tree.objects()[*id].text;
  if (text == "valid") return Ints{0, 0, 0, 0};
  if (text != "same") return ModuleTree::bad(module, "its attribute 'padding' is neither 'same' nor 'valid'");
  const int64_t rows = dilations[0] * (kernel[0] - 1), columns = dilations[1] * (kernel[1] - 1);
  return Ints{rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
}

Result<ConvAttributes> read_conv(ModuleBuilder& b, const Module& module, const Ints& kernel) {
  ConvAttributes a;
  HONE_ASSIGN(a.strides, b.tree.pair(module, "stride", 1));
  HONE_ASSIGN(a.dilations, b.tree.pair(module, "dilation", 1));
  HONE_ASSIGN(a.group, b.tree.integer(module, "groups", 1));
  HONE_TRY(all_at_least(module, a.strides, 1, "stride"));
  HONE_TRY(all_at_least(module, a.dilations, 1, "dilation"));
  HONE_TRY(all_at_least(module, {a.group}, 1, "groups"));
  HONE_ASSIGN(a.pads, read_pads(b, module, kernel, a.dilations));
  HONE_ASSIGN(const std::string_view mode, b.tree.text(module, "padding_mode", "zeros"));
  if (mode != "zeros")
    return error(StatusCode::unsupported,
                 fmt::format("{}: padding mode '{}'; zeros is read", module.path, mode));
  return a;
}

// The weight's desc: rank 4, no extent of 0.
Result<Shape> weight_shape(ModuleBuilder& b, const Module& module) {
  HONE_ASSIGN(const ConstantPtr weight, b.tensor(module, "weight"));
  const Shape& shape = weight->desc().shape;
  if (shape.size() != 4 || shape[0] < 1 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1)
    return ModuleTree::bad(module,
                           fmt::format("its weight is {}, where four extents are wanted", shape_text(shape)));
  return shape;
}

Result<> check_channels(ModuleBuilder& b, const Module& module, ValueId x, int64_t wanted) {
  if (b.channels(x) == wanted) return {};
  return ModuleTree::bad(module,
                         fmt::format("it wants {} input channels and gets {}", wanted, b.channels(x)));
}

// A vector of `size` floats.
Result<ValueId> vector(ModuleBuilder& b, const Module& module, std::string_view name, int64_t size) {
  HONE_ASSIGN(const ConstantPtr value, b.tensor(module, name));
  if (value->desc().shape != Shape{size})
    return ModuleTree::bad(module, fmt::format("its '{}' is {}, where {} are wanted", name,
                                               shape_text(value->desc().shape), size));
  return b.weight(module, name);
}

ValueId filled(ModuleBuilder& b, const Module& module, std::string_view name, int64_t size, float value) {
  return b.constant(module, name,
                    Constant::floats({size}, std::vector<float>(static_cast<size_t>(size), value)));
}

}  // namespace

Result<ValueIds> sequential(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const std::vector<Module> children, b.tree.children(module));
  ValueIds values(inputs.begin(), inputs.end());
  for (const Module& child : children) {
    HONE_ASSIGN(values, b.run(child, values));
  }
  return values;
}

Result<ValueIds> identity(ModuleBuilder&, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  return ValueIds{x};
}

Result<ValueIds> conv2d(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const Shape shape, weight_shape(b, module));  // [M, C / group, kh, kw]
  HONE_ASSIGN(ConvAttributes a, read_conv(b, module, {shape[2], shape[3]}));
  HONE_TRY(check_channels(b, module, x, shape[1] * a.group));
  if (shape[0] % a.group != 0)
    return ModuleTree::bad(module,
                           fmt::format("its {} filters do not divide into {} groups", shape[0], a.group));
  HONE_ASSIGN(const ValueId weight, b.weight(module, "weight"));
  ValueIds operands = {x, weight};
  const bool has_bias = b.tree.find_tensor(module, "bias").has_value();
  if (has_bias) {
    HONE_ASSIGN(const ValueId bias, vector(b, module, "bias", shape[0]));
    operands.push_back(bias);
  }
  Conv op{
      .strides = a.strides, .pads = a.pads, .dilations = a.dilations, .group = a.group, .has_bias = has_bias};
  return ValueIds{b.add(module, "Conv", std::move(op), std::move(operands), shape[0])};
}

Result<ValueIds> conv_transpose2d(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const Shape shape, weight_shape(b, module));  // [C, M / group, kh, kw]
  HONE_ASSIGN(ConvAttributes a, read_conv(b, module, {shape[2], shape[3]}));
  HONE_ASSIGN(Ints output_padding, b.tree.pair(module, "output_padding", 0));
  HONE_TRY(all_at_least(module, output_padding, 0, "output_padding"));
  HONE_TRY(check_channels(b, module, x, shape[0]));
  if (shape[0] % a.group != 0)
    return ModuleTree::bad(module,
                           fmt::format("its {} channels do not divide into {} groups", shape[0], a.group));
  HONE_ASSIGN(const ValueId weight, b.weight(module, "weight"));
  ValueIds operands = {x, weight};
  const int64_t channels = shape[1] * a.group;
  const bool has_bias = b.tree.find_tensor(module, "bias").has_value();
  if (has_bias) {
    HONE_ASSIGN(const ValueId bias, vector(b, module, "bias", channels));
    operands.push_back(bias);
  }
  ConvTranspose op{.strides = a.strides,
                   .pads = a.pads,
                   .dilations = a.dilations,
                   .output_padding = output_padding,
                   .group = a.group,
                   .activation = {},
                   .has_bias = has_bias};
  return ValueIds{b.add(module, "ConvTranspose", std::move(op), std::move(operands), channels)};
}

Result<ValueIds> batch_norm2d(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  const int64_t channels = b.channels(x);
  HONE_ASSIGN(const double epsilon, b.tree.real(module, "eps"));
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    return ModuleTree::bad(module, fmt::format("its eps is {}", epsilon));
  ValueIds operands = {x};
  if (b.tree.find_tensor(module, "weight")) {
    for (const char* name : {"weight", "bias"}) {
      HONE_ASSIGN(const ValueId id, vector(b, module, name, channels));
      operands.push_back(id);
    }
  } else {  // affine=False
    operands.push_back(filled(b, module, "weight", channels, 1));
    operands.push_back(filled(b, module, "bias", channels, 0));
  }
  for (const char* name : {"running_mean", "running_var"}) {
    HONE_ASSIGN(const ValueId id, vector(b, module, name, channels));
    operands.push_back(id);
  }
  return ValueIds{b.add(module, "BatchNormalization", BatchNorm{.epsilon = static_cast<float>(epsilon)},
                        std::move(operands), channels)};
}

Result<ValueIds> max_pool2d(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  Pool op{.kind = PoolKind::max, .kernel = {}, .strides = {}, .pads = {}, .dilations = {}};
  HONE_ASSIGN(op.kernel, b.tree.pair(module, "kernel_size"));
  const std::optional<ObjectId> stride = b.tree.attribute(module, "stride");
  op.strides = op.kernel;
  if (stride && !b.tree.objects().is(*stride, ObjectKind::none)) {
    HONE_ASSIGN(op.strides, b.tree.pair(module, "stride"));
  }
  HONE_ASSIGN(op.dilations, b.tree.pair(module, "dilation", 1));
  HONE_ASSIGN(const Ints pads, b.tree.pair(module, "padding", 0));
  HONE_ASSIGN(op.ceil_mode, b.tree.flag(module, "ceil_mode", false));
  HONE_ASSIGN(const bool gives_indices, b.tree.flag(module, "return_indices", false));
  HONE_TRY(all_at_least(module, op.kernel, 1, "kernel_size"));
  HONE_TRY(all_at_least(module, op.strides, 1, "stride"));
  HONE_TRY(all_at_least(module, op.dilations, 1, "dilation"));
  HONE_TRY(all_at_least(module, pads, 0, "padding"));
  if (gives_indices)
    return error(StatusCode::unsupported, fmt::format("{}: it returns indices", module.path));
  op.pads = {pads[0], pads[1], pads[0], pads[1]};
  return ValueIds{b.add(module, "MaxPool", std::move(op), {x}, b.channels(x))};
}

// padding: left, right, top, bottom.
Result<ValueIds> zero_pad2d(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  const std::optional<ObjectId> id = b.tree.attribute(module, "padding");
  Ints sides;
  if (id && b.tree.objects()[*id].items.size() == 4)
    for (ObjectId item : b.tree.objects()[*id].items)
      if (b.tree.objects().is(item, ObjectKind::integer)) sides.push_back(b.tree.objects()[item].integer);
  if (sides.size() != 4) return ModuleTree::bad(module, "its attribute 'padding' is no tuple of four ints");
  HONE_TRY(all_at_least(module, sides, 0, "padding"));
  const Ints pads = {0, 0, sides[2], sides[0], 0, 0, sides[3], sides[1]};
  const ValueId amounts = b.constant(module, "Pad/pads", Constant::ints(pads));
  return ValueIds{b.add(module, "Pad", Pad{.mode = PadMode::constant}, {x, amounts}, b.channels(x))};
}

}  // namespace hone::modules
