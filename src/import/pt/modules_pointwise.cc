// torch.nn's activations and Upsample.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "import/pt/modules.h"

namespace hone::modules {
namespace {

struct Named {
  std::string_view kind, node;  // node: the operator's name in ONNX, or torch's where ONNX has none
  UnaryKind function;
  float alpha = 0, beta = 0;
};

constexpr Named kActivations[] = {
    {"nn.SiLU", "Silu", UnaryKind::silu},
    {"nn.ReLU", "Relu", UnaryKind::relu},
    {"nn.ReLU6", "Clip", UnaryKind::clip, 0, 6},
    {"nn.LeakyReLU", "LeakyRelu", UnaryKind::leaky_relu, 0.01f},
    {"nn.Sigmoid", "Sigmoid", UnaryKind::sigmoid},
    {"nn.Hardsigmoid", "HardSigmoid", UnaryKind::hard_sigmoid, 1.0f / 6, 0.5f},
    {"nn.Hardswish", "HardSwish", UnaryKind::hard_swish},
    {"nn.Tanh", "Tanh", UnaryKind::tanh},
    {"nn.GELU", "Gelu", UnaryKind::gelu},
    {"nn.ELU", "Elu", UnaryKind::elu, 1},
    {"nn.SELU", "Selu", UnaryKind::selu},
    {"nn.Mish", "Mish", UnaryKind::mish},
    {"nn.Softplus", "Softplus", UnaryKind::softplus},
};

// The scales of an Upsample, or its size; nn.Upsample takes one number for both axes, or a pair.
Result<std::array<double, 2>> two_numbers(ModuleBuilder& b, const Module& module, ObjectId id,
                                          std::string_view name) {
  const PickleObjects& objects = b.tree.objects();
  const auto number = [&](ObjectId from) -> double {
    const Object& o = objects[from];
    return o.kind == ObjectKind::real      ? o.real
           : o.kind == ObjectKind::integer ? static_cast<double>(o.integer)
                                           : -1;
  };
  std::array<double, 2> both = {number(id), number(id)};
  const std::vector<ObjectId>& items = objects[id].items;
  if (!items.empty() && items.size() != 2)
    return ModuleTree::bad(module, fmt::format("its '{}' is no pair", name));
  if (items.size() == 2) both = {number(items[0]), number(items[1])};
  for (double v : both)
    if (!(v > 0 && v <= 65536))
      return ModuleTree::bad(module, fmt::format("its '{}' is no number above 0", name));
  return both;
}

}  // namespace

Result<ValueIds> activation(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  const std::string kind = module_kind(b.tree.class_path(module));
  for (const Named& row : kActivations) {
    if (row.kind != kind) continue;
    Activation function{.kind = row.function, .alpha = row.alpha, .beta = row.beta};
    if (row.function == UnaryKind::leaky_relu) {
      HONE_ASSIGN(const double slope, b.tree.real(module, "negative_slope"));
      function.alpha = static_cast<float>(slope);
    } else if (row.function == UnaryKind::elu) {
      HONE_ASSIGN(const double alpha, b.tree.real(module, "alpha", 1.0));
      function.alpha = static_cast<float>(alpha);
    } else if (row.function == UnaryKind::gelu) {
      HONE_ASSIGN(const std::string_view form, b.tree.text(module, "approximate", "none"));
      if (form == "tanh") function.kind = UnaryKind::gelu_tanh;
    } else if (row.function == UnaryKind::softplus) {
      HONE_ASSIGN(const double beta, b.tree.real(module, "beta", 1.0));
      if (beta != 1.0)
        return error(StatusCode::unsupported, fmt::format("{}: beta {}; 1 is read", module.path, beta));
    }
    return ValueIds{b.add(module, row.node, Unary{.function = function}, {x}, b.channels(x))};
  }
  return ModuleTree::bad(module, fmt::format("no activation is called {}", kind));
}

// Coordinates as torch.nn.functional.interpolate has them: floor(i / scale) for nearest, pixel centres for
// the others.
Result<ValueIds> upsample(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const std::string_view mode, b.tree.text(module, "mode", "nearest"));
  Resize op;
  if (mode == "nearest") {
    op.mode = ResizeMode::nearest;
    op.coordinates = CoordinateMode::asymmetric;
    op.nearest = NearestMode::floor;
  } else if (mode == "bilinear" || mode == "bicubic") {
    op.mode = mode == "bilinear" ? ResizeMode::linear : ResizeMode::cubic;
    op.coordinates = CoordinateMode::pytorch_half_pixel;
    const std::optional<ObjectId> corners = b.tree.attribute(module, "align_corners");
    if (corners && *corners == PickleObjects::kTrue) op.coordinates = CoordinateMode::align_corners;
  } else {
    return error(StatusCode::unsupported,
                 fmt::format("{}: mode '{}'; nearest, bilinear and bicubic are read", module.path, mode));
  }
  const std::optional<ObjectId> scale = b.tree.attribute(module, "scale_factor");
  const std::optional<ObjectId> size = b.tree.attribute(module, "size");
  const bool has_size = size && !b.tree.objects().is(*size, ObjectKind::none);
  if (has_size) {
    HONE_ASSIGN(const auto extents, two_numbers(b, module, *size, "size"));
    op.axes = {2, 3};  // batch and channels stay, whatever they are
    const Ints sizes = {std::llround(extents[0]), std::llround(extents[1])};
    const ValueId target = b.constant(module, "Resize/sizes", Constant::ints(sizes));
    return ValueIds{b.add(module, "Resize", op, {x, kNoValue, kNoValue, target}, b.channels(x))};
  }
  if (!scale) return ModuleTree::bad(module, "it has neither a size nor a scale");
  HONE_ASSIGN(const auto factors, two_numbers(b, module, *scale, "scale_factor"));
  const float scales[] = {1, 1, static_cast<float>(factors[0]), static_cast<float>(factors[1])};
  const ValueId by = b.constant(module, "Resize/scales", Constant::floats({4}, scales));
  return ValueIds{b.add(module, "Resize", op, {x, kNoValue, by}, b.channels(x))};
}

}  // namespace hone::modules
