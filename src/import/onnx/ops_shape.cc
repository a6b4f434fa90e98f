// What moves elements about: reshape, slice, split, concat, pad, transpose, …
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

void reshape_attribute(OnnxNode& n) {
  n.emit(Reshape{}, {n.in(0), n.add_ints("shape", n.integers("shape"))});
}
void reshape(OnnxNode& n) { n.emit(Reshape{n.integer("allowzero", 0) != 0}, {n.in(0), n.in(1)}); }
void flatten(OnnxNode& n) { n.emit(Flatten{n.integer("axis", 1)}, {n.in(0)}); }
void expand(OnnxNode& n) { n.emit(Expand{}, {n.in(0), n.in(1)}); }
void tile(OnnxNode& n) { n.emit(Tile{}, {n.in(0), n.in(1)}); }
void transpose(OnnxNode& n) { n.emit(Transpose{n.integers("perm")}, {n.in(0)}); }
void concat(OnnxNode& n) {
  n.emit(Concat{n.integer("axis", 1)}, n.ins());
}  // 1: the default of opset 1, required since

void squeeze_attribute(OnnxNode& n) {
  if (!n.has("axes")) return n.emit(Squeeze{}, {n.in(0)});
  n.emit(Squeeze{}, {n.in(0), n.add_ints("axes", n.integers("axes"))});
}
void squeeze(OnnxNode& n) { n.emit(Squeeze{}, n.ins()); }
void unsqueeze_attribute(OnnxNode& n) {
  n.emit(Unsqueeze{}, {n.in(0), n.add_ints("axes", n.integers("axes"))});
}
void unsqueeze(OnnxNode& n) { n.emit(Unsqueeze{}, {n.in(0), n.in(1)}); }

void split_attribute(OnnxNode& n) {
  std::vector<ValueId> inputs = {n.in(0)};
  if (n.has_in(1)) inputs.push_back(n.in(1));  // opset 1 had it as an input, too
  if (n.has("split")) inputs = {n.in(0), n.add_ints("sizes", n.integers("split"))};
  n.emit(Split{n.integer("axis", 0)}, std::move(inputs), n.output_count());
}

void split(OnnxNode& n) {
  if (n.has("num_outputs") && n.integer("num_outputs", 0) != static_cast<int64_t>(n.output_count()))
    return n.fail("its num_outputs is " + std::to_string(n.integer("num_outputs", 0)) + ", but it has " +
                  std::to_string(n.output_count()) + " outputs");
  n.emit(Split{n.integer("axis", 0)}, n.ins(), n.output_count());
}

void slice_attribute(OnnxNode& n) {
  const Ints starts = n.integers("starts"), ends = n.integers("ends");
  if (starts.size() != ends.size()) return n.fail("its starts and ends are not equally many");
  std::vector<ValueId> inputs = {n.in(0), n.add_ints("starts", starts), n.add_ints("ends", ends)};
  if (n.has("axes")) inputs.push_back(n.add_ints("axes", n.integers("axes")));
  n.emit(Slice{}, std::move(inputs));
}
void slice(OnnxNode& n) { n.emit(Slice{}, n.ins()); }

bool read_pad_mode(OnnxNode& n, PadMode& mode) {
  const std::string text = n.text("mode", "constant");
  if (text == "constant")
    mode = PadMode::constant;
  else if (text == "reflect")
    mode = PadMode::reflect;
  else if (text == "edge")
    mode = PadMode::edge;
  else if (text == "wrap")
    mode = PadMode::wrap;
  else
    n.fail("its mode is '" + text + "'");
  return !n.failed();
}

void pad_attribute(OnnxNode& n) {
  Pad op;
  if (!read_pad_mode(n, op.mode)) return;
  const float value = n.real("value", 0);
  std::vector<ValueId> inputs = {n.in(0),
                                 n.add_ints("pads", n.integers(n.opset() < 2 ? "paddings" : "pads"))};
  if (value != 0) inputs.push_back(n.add_scalar("value", value, n.in(0)));
  n.emit(op, std::move(inputs));
}

void pad(OnnxNode& n) {
  Pad op;
  if (read_pad_mode(n, op.mode)) n.emit(op, n.ins());
}

// One extent of x as i64[1].
ValueId extent(OnnxNode& n, int64_t axis) { return n.add("extent", ShapeOf{axis, axis + 1}, {n.in(0)}); }

ValueId joined(OnnxNode& n, const char* suffix, std::vector<ValueId> parts) {
  return n.add(suffix, Concat{0}, std::move(parts));
}

bool read_block(OnnxNode& n, int64_t& block) {
  block = n.integer("blocksize", 0);
  if (block < 1 || block > (1 << 15)) n.fail("its blocksize is " + std::to_string(block));
  return !n.failed();
}

// [N, C, H, W] → [N, C/b², H*b, W*b]; the block's two axes stand before (DCR) or behind (CRD) the channels.
void depth_to_space(OnnxNode& n) {
  int64_t block = 0;
  if (!read_block(n, block)) return;
  const bool crd = n.text("mode", "DCR") == "CRD";
  const ValueId b = n.add_ints("block", {block}), b2 = n.add_ints("block_squared", {block * block});
  const ValueId batch = extent(n, 0), height = extent(n, 2), width = extent(n, 3);
  const ValueId channels = n.add("channels", Binary{BinaryKind::div}, {extent(n, 1), b2});
  const ValueId apart = crd ? joined(n, "apart_shape", {batch, channels, b, b, height, width})
                            : joined(n, "apart_shape", {batch, b, b, channels, height, width});
  const ValueId x = n.add("apart", Reshape{}, {n.in(0), apart});
  const ValueId mixed = n.add("mixed", Transpose{crd ? Ints{0, 1, 4, 2, 5, 3} : Ints{0, 3, 4, 1, 5, 2}}, {x});
  const ValueId out = joined(n, "shape",
                             {batch, channels, n.add("height", Binary{BinaryKind::mul}, {height, b}),
                              n.add("width", Binary{BinaryKind::mul}, {width, b})});
  n.emit(Reshape{}, {mixed, out});
}

// [N, C, H, W] → [N, C*b², H/b, W/b]
void space_to_depth(OnnxNode& n) {
  int64_t block = 0;
  if (!read_block(n, block)) return;
  const ValueId b = n.add_ints("block", {block}), b2 = n.add_ints("block_squared", {block * block});
  const ValueId batch = extent(n, 0), channels = extent(n, 1);
  const ValueId height = n.add("height", Binary{BinaryKind::div}, {extent(n, 2), b});
  const ValueId width = n.add("width", Binary{BinaryKind::div}, {extent(n, 3), b});
  const ValueId x =
      n.add("apart", Reshape{}, {n.in(0), joined(n, "apart_shape", {batch, channels, height, b, width, b})});
  const ValueId mixed = n.add("mixed", Transpose{{0, 3, 5, 1, 2, 4}}, {x});
  const ValueId out = joined(
      n, "shape", {batch, n.add("out_channels", Binary{BinaryKind::mul}, {channels, b2}), height, width});
  n.emit(Reshape{}, {mixed, out});
}

constexpr OperatorRow kRows[] = {
    {"Reshape", 1, 4, reshape_attribute},
    {"Reshape", 5, 22, reshape},
    {"Flatten", 1, 22, flatten},
    {"Expand", 8, 22, expand},
    {"Tile", 6, 22, tile},
    {"Transpose", 1, 22, transpose},
    {"Concat", 1, 22, concat},
    {"Squeeze", 1, 12, squeeze_attribute},
    {"Squeeze", 13, 22, squeeze},
    {"Unsqueeze", 1, 12, unsqueeze_attribute},
    {"Unsqueeze", 13, 22, unsqueeze},
    {"Split", 1, 12, split_attribute},
    {"Split", 13, 22, split},
    {"Slice", 1, 9, slice_attribute},
    {"Slice", 10, 22, slice},
    {"Pad", 1, 10, pad_attribute},
    {"Pad", 11, 22, pad},
    {"DepthToSpace", 1, 22, depth_to_space},
    {"SpaceToDepth", 1, 22, space_to_depth},
};

}  // namespace

std::span<const OperatorRow> shape_operators() { return kRows; }

}  // namespace hone
