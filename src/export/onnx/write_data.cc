// What moves elements, reduces them, or looks at shapes; quantization; and the ops that hold graphs.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "export/onnx/graph_writer.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

std::vector<std::string> names(GraphWriter& w, const std::vector<ValueId>& ids) {
  std::vector<std::string> texts;
  for (ValueId id : ids) texts.push_back(w.name(id));
  return texts;
}

onnx_proto::Node& plain(GraphWriter& w, const Node& n, const char* op_type) {
  return w.add(n.name, op_type, names(w, n.inputs), names(w, n.outputs));
}

ValueId input(const Node& n, size_t index) { return index < n.inputs.size() ? n.inputs[index] : kNoValue; }

// A node whose further inputs are attributes in the writer's opset.
onnx_proto::Node& first_only(GraphWriter& w, const Node& n, const char* op_type) {
  return w.add(n.name, op_type, {w.name(n.inputs[0])}, names(w, n.outputs));
}

Result<> since(GraphWriter& w, const char* op_type, int opset) {
  if (w.opset() < opset) return too_old(w, op_type, opset);
  return {};
}

// axes: an attribute before `input_since`, an input from then on.
Result<> with_axes(GraphWriter& w, const Node& n, const char* op_type, int input_since) {
  if (w.opset() >= input_since) {
    plain(w, n, op_type);
    return {};
  }
  Ints axes;
  const bool has_axes = input(n, 1) != kNoValue;
  if (has_axes) {
    HONE_ASSIGN(axes, w.const_ints(n.inputs[1], "axes"));
  }
  if (w.opset() < 11 && std::any_of(axes.begin(), axes.end(), [](int64_t a) { return a < 0; })) {
    const TensorDesc& x = w.graph().desc(n.inputs[0]);
    if (!x.has_shape) return too_old(w, "axes counted from the end", 11);
    const auto rank =
        static_cast<int64_t>(x.shape.size() + (n.op.index() == Op(Unsqueeze{}).index() ? axes.size() : 0));
    for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
  }
  auto& node = first_only(w, n, op_type);
  if (has_axes) w.set_ints(node, "axes", axes);
  return {};
}

}  // namespace

Result<> write_op(GraphWriter& w, const Node& n, const Reduce& op) {
  constexpr std::array<const char*, static_cast<size_t>(ReduceKind::count)> kNames = {
      "ReduceSum", "ReduceMean", "ReduceMax",    "ReduceMin",       "ReduceProd",
      "ReduceL1",  "ReduceL2",   "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"};
  const char* type = kNames[static_cast<size_t>(op.kind) % kNames.size()];
  const int input_since = op.kind == ReduceKind::sum ? 13 : 18;
  const bool without_axes = input(n, 1) == kNoValue;
  if (without_axes && op.noop_with_empty_axes) {
    w.add(n.name, "Identity", {w.name(n.inputs[0])}, names(w, n.outputs));
    return {};
  }
  if (w.opset() >= input_since) {
    auto& node = plain(w, n, type);
    w.set(node, "keepdims", op.keep_dims);
    if (op.noop_with_empty_axes) w.set(node, "noop_with_empty_axes", 1);
    return {};
  }
  Ints axes;
  if (!without_axes) {
    HONE_ASSIGN(axes, w.const_ints(n.inputs[1], "axes"));
  }
  if (!without_axes && axes.empty() && op.noop_with_empty_axes) {
    w.add(n.name, "Identity", {w.name(n.inputs[0])}, names(w, n.outputs));
    return {};
  }
  auto& node = first_only(w, n, type);
  if (!axes.empty()) w.set_ints(node, "axes", axes);
  w.set(node, "keepdims", op.keep_dims);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const ArgReduce& op) {
  auto& node = plain(w, n, op.largest ? "ArgMax" : "ArgMin");
  w.set(node, "axis", op.axis);
  w.set(node, "keepdims", op.keep_dims);
  if (op.select_last) {
    HONE_TRY(since(w, "select_last_index", 12));
    w.set(node, "select_last_index", 1);
  }
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const TopK& op) {
  if (w.opset() < 11 && !op.largest) return too_old(w, "TopK of the smallest", 11);
  if (w.opset() < 10) {
    HONE_ASSIGN(const Ints k, w.const_ints(n.inputs[1], "k"));
    auto& node = first_only(w, n, "TopK");
    w.set(node, "axis", op.axis);
    w.set(node, "k", k.empty() ? 1 : k[0]);
    return {};
  }
  auto& node = plain(w, n, "TopK");
  w.set(node, "axis", op.axis);
  if (w.opset() >= 11) {
    w.set(node, "largest", op.largest);
    w.set(node, "sorted", op.sorted);
  }
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Concat& op) {
  w.set(plain(w, n, "Concat"), "axis", op.axis);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Split& op) {
  const bool has_sizes = input(n, 1) != kNoValue;
  if (w.opset() >= 13) {
    auto& node = plain(w, n, "Split");
    w.set(node, "axis", op.axis);
    if (!has_sizes && w.opset() >= 18) w.set(node, "num_outputs", static_cast<int64_t>(n.outputs.size()));
    return {};
  }
  Ints sizes;
  if (has_sizes) {
    HONE_ASSIGN(sizes, w.const_ints(n.inputs[1], "sizes"));
  }
  auto& node = first_only(w, n, "Split");
  w.set(node, "axis", op.axis);
  if (has_sizes) w.set_ints(node, "split", sizes);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Slice&) {
  if (w.opset() >= 10) {
    plain(w, n, "Slice");
    return {};
  }
  if (input(n, 4) != kNoValue) {
    HONE_ASSIGN(const Ints steps, w.const_ints(n.inputs[4], "steps"));
    if (std::any_of(steps.begin(), steps.end(), [](int64_t s) { return s != 1; }))
      return too_old(w, "Slice with steps", 10);
  }
  HONE_ASSIGN(const Ints starts, w.const_ints(n.inputs[1], "starts"));
  HONE_ASSIGN(const Ints ends, w.const_ints(n.inputs[2], "ends"));
  Ints axes;
  if (input(n, 3) != kNoValue) {
    HONE_ASSIGN(axes, w.const_ints(n.inputs[3], "axes"));
  }
  auto& node = first_only(w, n, "Slice");
  if (!axes.empty()) w.set_ints(node, "axes", axes);
  w.set_ints(node, "ends", ends);
  w.set_ints(node, "starts", starts);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Reshape& op) {
  auto& node = plain(w, n, "Reshape");
  if (w.opset() >= 14)
    w.set(node, "allowzero", op.allow_zero);
  else if (op.allow_zero)
    return too_old(w, "Reshape with allowzero", 14);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Flatten& op) {
  w.set(plain(w, n, "Flatten"), "axis", op.axis);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const Squeeze&) { return with_axes(w, n, "Squeeze", 13); }
Result<> write_op(GraphWriter& w, const Node& n, const Unsqueeze&) {
  return with_axes(w, n, "Unsqueeze", 13);
}

Result<> write_op(GraphWriter& w, const Node& n, const Transpose& op) {
  auto& node = plain(w, n, "Transpose");
  if (!op.perm.empty()) w.set_ints(node, "perm", op.perm);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const Expand&) {
  plain(w, n, "Expand");
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const Tile&) {
  plain(w, n, "Tile");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Pad& op) {
  constexpr std::array<const char*, static_cast<size_t>(PadMode::count)> kModes = {"constant", "reflect",
                                                                                   "edge", "wrap"};
  const char* mode = kModes[static_cast<size_t>(op.mode) % kModes.size()];
  if (op.mode == PadMode::wrap) HONE_TRY(since(w, "Pad with wrap", 19));
  if (input(n, 3) != kNoValue) HONE_TRY(since(w, "Pad with axes", 18));
  if (w.opset() >= 11) {
    w.set_text(plain(w, n, "Pad"), "mode", mode);
    return {};
  }
  HONE_ASSIGN(const Ints pads, w.const_ints(n.inputs[1], "pads"));
  std::vector<float> value = {0};
  if (input(n, 2) != kNoValue) {
    if (!w.graph().is_constant(n.inputs[2])) return too_old(w, "Pad with a computed value", 11);
    HONE_ASSIGN(value, w.graph().value(n.inputs[2]).constant->to_floats());
  }
  auto& node = first_only(w, n, "Pad");
  w.set_text(node, "mode", mode);
  w.set_ints(node, "pads", pads);
  w.set_float(node, "value", value.empty() ? 0 : value[0]);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Gather& op) {
  w.set(plain(w, n, "Gather"), "axis", op.axis);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const GatherElements& op) {
  HONE_TRY(since(w, "GatherElements", 11));
  w.set(plain(w, n, "GatherElements"), "axis", op.axis);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const GatherNd& op) {
  HONE_TRY(since(w, "GatherND", op.batch_dims == 0 ? 11 : 12));
  auto& node = plain(w, n, "GatherND");
  if (w.opset() >= 12) w.set(node, "batch_dims", op.batch_dims);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const ScatterNd&) {
  HONE_TRY(since(w, "ScatterND", 11));
  plain(w, n, "ScatterND");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const ShapeOf& op) {
  const ShapeOf whole;
  if (op.start == whole.start && op.end >= whole.end) {
    plain(w, n, "Shape");
    return {};
  }
  if (w.opset() >= 15) {
    auto& node = plain(w, n, "Shape");
    w.set(node, "start", op.start);
    if (op.end < whole.end) w.set(node, "end", op.end);
    return {};
  }
  const std::string shape = w.step(n.name, "Shape", {w.name(n.inputs[0])});
  if (w.opset() >= 10) {
    const auto list = [&](const char* what, int64_t value) {
      return w.ints(fmt::format("{}/{}", n.name, what), std::array{value});
    };
    w.add(n.name + "/Slice", "Slice", {shape, list("start", op.start), list("end", op.end), list("axis", 0)},
          names(w, n.outputs));
    return {};
  }
  auto& node = w.add(n.name + "/Slice", "Slice", {shape}, names(w, n.outputs));
  w.set_ints(node, "axes", {0});
  w.set_ints(node, "ends", {op.end});
  w.set_ints(node, "starts", {op.start});
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Range&) {
  HONE_TRY(since(w, "Range", 11));
  plain(w, n, "Range");
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const ConstantOfShape& op) {
  w.set_tensor(plain(w, n, "ConstantOfShape"), "value", op.type, op.value);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const NonZero&) {
  plain(w, n, "NonZero");
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const Resize& op) {
  constexpr std::array<const char*, static_cast<size_t>(ResizeMode::count)> kModes = {"nearest", "linear",
                                                                                      "cubic"};
  constexpr std::array<const char*, static_cast<size_t>(CoordinateMode::count)> kCoordinates = {
      "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"};
  constexpr std::array<const char*, static_cast<size_t>(NearestMode::count)> kNearest = {
      "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  const ValueId scales = input(n, 2), sizes = input(n, 3);
  const char* mode = kModes[static_cast<size_t>(op.mode) % kModes.size()];
  if (w.opset() < 11) {  // divides coordinates by the scale, and rounds down
    const bool same =
        op.coordinates == CoordinateMode::asymmetric && op.mode != ResizeMode::cubic && op.axes.empty() &&
        (op.mode != ResizeMode::nearest || op.nearest == NearestMode::floor) && scales != kNoValue;
    if (!same) return too_old(w, "this form of Resize", 11);
    w.set_text(w.add(n.name, w.opset() == 10 ? "Resize" : "Upsample", {w.name(n.inputs[0]), w.name(scales)},
                     names(w, n.outputs)),
               "mode", mode);
    return {};
  }
  if (op.coordinates == CoordinateMode::half_pixel_symmetric) HONE_TRY(since(w, "half_pixel_symmetric", 19));
  if (!op.axes.empty()) HONE_TRY(since(w, "Resize with axes", 18));
  std::string roi, scales_name = w.name(scales);
  if (w.opset() < 13) {  // roi and scales had to be there: empty tensors stand for absent ones
    roi = w.constant(n.name + "/roi", Constant::floats({0}, {}));
    if (scales == kNoValue) scales_name = w.constant(n.name + "/scales", Constant::floats({0}, {}));
  }
  auto& node =
      w.add(n.name, "Resize", {w.name(n.inputs[0]), roi, scales_name, w.name(sizes)}, names(w, n.outputs));
  w.set_text(node, "coordinate_transformation_mode",
             kCoordinates[static_cast<size_t>(op.coordinates) % kCoordinates.size()]);
  w.set_float(node, "cubic_coeff_a", op.cubic_coefficient);
  if (op.exclude_outside) w.set(node, "exclude_outside", 1);
  w.set_text(node, "mode", mode);
  w.set_text(node, "nearest_mode", kNearest[static_cast<size_t>(op.nearest) % kNearest.size()]);
  if (!op.axes.empty()) w.set_ints(node, "axes", op.axes);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const QuantizeLinear& op) {
  HONE_TRY(since(w, "QuantizeLinear", 10));
  std::vector<std::string> inputs = names(w, n.inputs);
  const bool has_zero = input(n, 2) != kNoValue;
  const TensorDesc& scale = w.graph().desc(n.inputs[1]);
  const bool per_axis = !scale.has_shape || !scale.shape.empty();
  if (!has_zero && op.to != DType::u8 && w.opset() < 21) {
    if (per_axis) return too_old(w, "QuantizeLinear with output_dtype", 21);
    inputs.resize(2);
    inputs.push_back(w.constant(
        n.name + "/zero_point",
        Constant::of(TensorDesc(op.to, {}), Bytes::of(std::vector<std::byte>((dtype_bits(op.to) + 7) / 8)))));
  }
  auto& node = w.add(n.name, "QuantizeLinear", std::move(inputs), names(w, n.outputs));
  if (!has_zero && op.to != DType::u8 && w.opset() >= 21) w.set(node, "output_dtype", onnx_of_dtype(op.to));
  if (w.opset() >= 13) w.set(node, "axis", op.axis);
  return {};
}
Result<> write_op(GraphWriter& w, const Node& n, const DequantizeLinear& op) {
  HONE_TRY(since(w, "DequantizeLinear", 10));
  auto& node = plain(w, n, "DequantizeLinear");
  if (w.opset() >= 13) w.set(node, "axis", op.axis);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const NonMaxSuppression& op) {
  HONE_TRY(since(w, "NonMaxSuppression", 10));
  w.set(plain(w, n, "NonMaxSuppression"), "center_point_box", op.center_point_box);
  return {};
}

Result<> write_op(GraphWriter& w, const Node& n, const If& op) {
  auto& node = plain(w, n, "If");
  if (!op.then_branch || !op.else_branch) return error(StatusCode::invalid_argument, "it lacks a branch");
  HONE_TRY(w.set_graph(node, "then_branch", *op.then_branch));
  return w.set_graph(node, "else_branch", *op.else_branch);
}
Result<> write_op(GraphWriter& w, const Node& n, const Loop& op) {
  auto& node = plain(w, n, "Loop");
  if (!op.body) return error(StatusCode::invalid_argument, "it lacks its body");
  return w.set_graph(node, "body", *op.body);
}

Result<> write_node(GraphWriter& w, const Node& node) {
  return std::visit(
      [&](const auto& op) -> Result<> {
        using T = std::decay_t<decltype(op)>;
        if constexpr (std::is_same_v<T, Letterbox> || std::is_same_v<T, DetectionNms> ||
                      std::is_same_v<T, DecodeBoxes>)
          return error(StatusCode::unsupported, "ONNX has no such operator");
        else
          return write_op(w, node, op);
      },
      node.op);
}

}  // namespace hone
