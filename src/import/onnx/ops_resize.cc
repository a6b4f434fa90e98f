// Resize and what it was called before.
#include <algorithm>
#include <utility>

#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

template <class Kind, size_t count>
bool choose(OnnxNode& n, const char* attribute, const std::string& text,
            const std::pair<const char*, Kind> (&choices)[count], Kind& chosen) {
  for (const auto& [name, kind] : choices)
    if (text == name) {
      chosen = kind;
      return true;
    }
  n.unsupported(std::string(attribute) + " '" + text + "'");
  return false;
}

bool read_mode(OnnxNode& n, ResizeMode& mode) {
  // "bilinear" and "trilinear" are opset 7's words for linear in rank 4 and 5.
  constexpr std::pair<const char*, ResizeMode> kModes[] = {{"nearest", ResizeMode::nearest},
                                                           {"linear", ResizeMode::linear},
                                                           {"bilinear", ResizeMode::linear},
                                                           {"cubic", ResizeMode::cubic}};
  return choose(n, "mode", n.text("mode", "nearest"), kModes, mode);
}

// An empty tensor stands for an absent input in opset 11's files.
ValueId unless_empty(OnnxNode& n, size_t index) {
  const ConstantPtr held = n.constant(n.in(index));
  return held && held->size_bytes() == 0 ? kNoValue : n.in(index);
}

// Upsample (7: scales are an attribute, 9: an input) and Resize of opset 10: coordinates are divided by the
// scale.
void resize_asymmetric(OnnxNode& n) {
  Resize op;
  op.coordinates = CoordinateMode::asymmetric;
  op.nearest = NearestMode::floor;
  if (!read_mode(n, op.mode)) return;
  ValueId scales = n.in(1);
  std::optional<std::vector<float>> known = n.const_floats(1);
  if (scales == kNoValue) {
    known = n.reals("scales");
    scales = n.add_constant("scales", Constant::floats({static_cast<int64_t>(known->size())}, *known));
  }
  // Opset 10 leaves the rounding of shrinking open; ONNX Runtime takes the ceiling.
  if (n.opset() == 10 && op.mode == ResizeMode::nearest && known &&
      std::any_of(known->begin(), known->end(), [](float s) { return s < 1; }))
    op.nearest = NearestMode::ceil;
  n.emit(op, {n.in(0), kNoValue, scales});
}

void resize(OnnxNode& n) {
  constexpr std::pair<const char*, CoordinateMode> kCoordinates[] = {
      {"half_pixel", CoordinateMode::half_pixel},
      {"asymmetric", CoordinateMode::asymmetric},
      {"align_corners", CoordinateMode::align_corners},
      {"pytorch_half_pixel", CoordinateMode::pytorch_half_pixel},
      {"half_pixel_symmetric", CoordinateMode::half_pixel_symmetric}};
  constexpr std::pair<const char*, NearestMode> kNearest[] = {
      {"round_prefer_floor", NearestMode::round_prefer_floor},
      {"round_prefer_ceil", NearestMode::round_prefer_ceil},
      {"floor", NearestMode::floor},
      {"ceil", NearestMode::ceil}};
  Resize op;
  if (!read_mode(n, op.mode) ||
      !choose(n, "coordinate_transformation_mode", n.text("coordinate_transformation_mode", "half_pixel"),
              kCoordinates, op.coordinates) ||
      !choose(n, "nearest_mode", n.text("nearest_mode", "round_prefer_floor"), kNearest, op.nearest))
    return;
  op.cubic_coefficient = n.real("cubic_coeff_a", -0.75f);
  op.exclude_outside = n.integer("exclude_outside", 0) != 0;
  op.axes = n.integers("axes");
  const ValueId scales = unless_empty(n, 2), sizes = unless_empty(n, 3);
  if (n.integer("antialias", 0) != 0) return n.unsupported("antialias");
  if (sizes != kNoValue && n.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    return n.unsupported("keep_aspect_ratio_policy '" + n.text("keep_aspect_ratio_policy", "stretch") + "'");
  if (scales == kNoValue && sizes == kNoValue) return n.fail("it has neither scales nor sizes");
  if (scales != kNoValue && sizes != kNoValue) return n.fail("it has both scales and sizes");
  n.emit(op, {n.in(0), kNoValue, scales, sizes});  // roi matters for tf_crop_and_resize alone
}

constexpr OperatorRow kRows[] = {
    {"Upsample", 7, 9, resize_asymmetric},
    {"Resize", 10, 10, resize_asymmetric},
    {"Resize", 11, 22, resize},
};

}  // namespace

std::span<const OperatorRow> resize_operators() { return kRows; }

}  // namespace hone
