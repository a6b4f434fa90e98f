// Operators: plain structs in a variant. Inputs and outputs are the node's; what is here are attributes.
//
// Semantics are those of the ONNX specification (the newest opset hone reads), with these forms fixed:
// - axes, starts, sizes, shapes, pads and repeats that ONNX takes as inputs are inputs here too (i64
// tensors);
//   older opsets' attributes become constants at import.
// - Activations stand alone as Unary, or fused in Conv::activation.
// Every struct lists its attributes in visit(), once; printer, engine file, hash and comparison use that
// list.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hone/types.h"

namespace hone {

class Graph;
using Ints = std::vector<int64_t>;

enum class UnaryKind : uint8_t {
  identity,
  relu,
  leaky_relu,
  silu,
  sigmoid,
  hard_sigmoid,
  hard_swish,
  tanh,
  gelu,
  gelu_tanh,
  elu,
  selu,
  mish,
  softplus,
  softsign,
  clip,
  exp,
  log,
  sqrt,
  reciprocal,
  neg,
  abs,
  sign,
  floor,
  ceil,
  round,
  erf,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  logical_not,
  is_nan,
  is_inf,
  bitwise_not,
  count
};
enum class BinaryKind : uint8_t {
  add,
  sub,
  mul,
  div,
  pow,
  mod,
  fmod,
  min,
  max,
  prelu,
  equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  logical_xor,
  count
};
enum class PoolKind : uint8_t { max, average, count };
enum class ReduceKind : uint8_t {
  sum,
  mean,
  max,
  min,
  prod,
  l1,
  l2,
  log_sum,
  log_sum_exp,
  sum_square,
  count
};
enum class ResizeMode : uint8_t { nearest, linear, cubic, count };
enum class CoordinateMode : uint8_t {
  half_pixel,
  asymmetric,
  align_corners,
  pytorch_half_pixel,
  half_pixel_symmetric,
  count
};
enum class NearestMode : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil, count };
enum class PadMode : uint8_t { constant, reflect, edge, wrap, count };

std::string_view unary_name(UnaryKind kind);
std::string_view binary_name(BinaryKind kind);

// y = f(x). alpha, beta: leaky_relu slope; hard_sigmoid alpha*x+beta; elu alpha; clip lowest, highest (as
// f32).
struct Activation {
  UnaryKind kind = UnaryKind::identity;
  float alpha = 0, beta = 0;
  bool operator==(const Activation&) const = default;
  bool is_identity() const { return kind == UnaryKind::identity; }
};

// Inputs x, weight [M, C/group, k…], bias [M]?, residual? (same shape as the output, added after the
// activation; or, upsampled, half as high and wide, each element added to a square of four before it).
// strides, dilations: one a spatial axis; pads: begins then ends. Empty means 1s and 0s.
struct Conv {
  Ints strides = {}, pads = {}, dilations = {};
  int64_t group = 1;
  Activation activation;                        // set by fusion
  bool has_bias = false, has_residual = false;  // which optional inputs follow the weight
  bool residual_upsampled = false;
  static constexpr const char* name = "Conv";
  template <class V>
  void visit(V& v) {
    v("strides", strides), v("pads", pads), v("dilations", dilations), v("group", group);
    v("activation", activation), v("has_bias", has_bias), v("has_residual", has_residual);
    v("residual_upsampled", residual_upsampled);
  }
};
// Inputs x, weight [C, M/group, k…], bias?
struct ConvTranspose {
  Ints strides = {}, pads = {}, dilations = {}, output_padding = {};
  int64_t group = 1;
  Activation activation;
  bool has_bias = false;
  static constexpr const char* name = "ConvTranspose";
  template <class V>
  void visit(V& v) {
    v("strides", strides), v("pads", pads), v("dilations", dilations), v("output_padding", output_padding);
    v("group", group), v("activation", activation), v("has_bias", has_bias);
  }
};
struct Pool {
  PoolKind kind = PoolKind::max;
  Ints kernel = {}, strides = {}, pads = {}, dilations = {};
  bool ceil_mode = false, count_include_pad = false;
  static constexpr const char* name = "Pool";
  template <class V>
  void visit(V& v) {
    v("kind", kind), v("kernel", kernel), v("strides", strides), v("pads", pads), v("dilations", dilations);
    v("ceil_mode", ceil_mode), v("count_include_pad", count_include_pad);
  }
};
struct GlobalPool {
  PoolKind kind = PoolKind::average;
  static constexpr const char* name = "GlobalPool";
  template <class V>
  void visit(V& v) {
    v("kind", kind);
  }
};
struct MatMul {
  static constexpr const char* name = "MatMul";
  template <class V>
  void visit(V&) {}
};
// alpha * A' B' + beta * C; C is optional.
struct Gemm {
  float alpha = 1, beta = 1;
  bool transpose_a = false, transpose_b = false;
  static constexpr const char* name = "Gemm";
  template <class V>
  void visit(V& v) {
    v("alpha", alpha), v("beta", beta), v("transpose_a", transpose_a), v("transpose_b", transpose_b);
  }
};
struct Unary {
  Activation function;
  static constexpr const char* name = "Unary";
  template <class V>
  void visit(V& v) {
    v("function", function);
  }
};
struct Binary {
  BinaryKind kind = BinaryKind::add;
  static constexpr const char* name = "Binary";
  template <class V>
  void visit(V& v) {
    v("kind", kind);
  }
};
struct Where {
  static constexpr const char* name = "Where";
  template <class V>
  void visit(V&) {}
};
struct Cast {
  DType to = DType::f32;
  static constexpr const char* name = "Cast";
  template <class V>
  void visit(V& v) {
    v("to", to);
  }
};
struct Softmax {
  int64_t axis = -1;
  bool log = false;
  static constexpr const char* name = "Softmax";
  template <class V>
  void visit(V& v) {
    v("axis", axis), v("log", log);
  }
};
// Inputs x, scale, bias?, normalised over [axis, rank).
struct LayerNorm {
  int64_t axis = -1;
  float epsilon = 1e-5f;
  static constexpr const char* name = "LayerNorm";
  template <class V>
  void visit(V& v) {
    v("axis", axis), v("epsilon", epsilon);
  }
};
// Inputs x, scale, bias, mean, variance, each [C].
struct BatchNorm {
  float epsilon = 1e-5f;
  static constexpr const char* name = "BatchNorm";
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon);
  }
};
// Inputs x, scale [C], bias [C].
struct InstanceNorm {
  float epsilon = 1e-5f;
  static constexpr const char* name = "InstanceNorm";
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon);
  }
};
// Inputs x, axes (i64 constant; absent or empty: all, or none when noop_with_empty_axes).
struct Reduce {
  ReduceKind kind = ReduceKind::sum;
  bool keep_dims = true, noop_with_empty_axes = false;
  static constexpr const char* name = "Reduce";
  template <class V>
  void visit(V& v) {
    v("kind", kind), v("keep_dims", keep_dims), v("noop_with_empty_axes", noop_with_empty_axes);
  }
};
struct ArgReduce {
  bool largest = true;  // ArgMax, else ArgMin
  int64_t axis = 0;
  bool keep_dims = true, select_last = false;
  static constexpr const char* name = "ArgReduce";
  template <class V>
  void visit(V& v) {
    v("largest", largest), v("axis", axis), v("keep_dims", keep_dims), v("select_last", select_last);
  }
};
// Inputs x, k. Outputs values, indices (i64).
struct TopK {
  int64_t axis = -1;
  bool largest = true, sorted = true;
  static constexpr const char* name = "TopK";
  template <class V>
  void visit(V& v) {
    v("axis", axis), v("largest", largest), v("sorted", sorted);
  }
};
struct Concat {
  int64_t axis = 0;
  static constexpr const char* name = "Concat";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
// Inputs x, sizes (i64)?; without sizes: equal parts, as many as outputs (the last may be smaller).
struct Split {
  int64_t axis = 0;
  static constexpr const char* name = "Split";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
// Inputs x, starts, ends, axes?, steps?.
struct Slice {
  static constexpr const char* name = "Slice";
  template <class V>
  void visit(V&) {}
};
// Inputs x, shape.
struct Reshape {
  bool allow_zero = false;
  static constexpr const char* name = "Reshape";
  template <class V>
  void visit(V& v) {
    v("allow_zero", allow_zero);
  }
};
struct Flatten {
  int64_t axis = 1;
  static constexpr const char* name = "Flatten";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
// Inputs x, axes?.
struct Squeeze {
  static constexpr const char* name = "Squeeze";
  template <class V>
  void visit(V&) {}
};
// Inputs x, axes.
struct Unsqueeze {
  static constexpr const char* name = "Unsqueeze";
  template <class V>
  void visit(V&) {}
};
struct Transpose {
  Ints perm = {};  // empty: reversed
  static constexpr const char* name = "Transpose";
  template <class V>
  void visit(V& v) {
    v("perm", perm);
  }
};
// Inputs x, shape.
struct Expand {
  static constexpr const char* name = "Expand";
  template <class V>
  void visit(V&) {}
};
// Inputs x, repeats.
struct Tile {
  static constexpr const char* name = "Tile";
  template <class V>
  void visit(V&) {}
};
// Inputs x, pads, value?, axes?.
struct Pad {
  PadMode mode = PadMode::constant;
  static constexpr const char* name = "Pad";
  template <class V>
  void visit(V& v) {
    v("mode", mode);
  }
};
// Inputs x, indices.
struct Gather {
  int64_t axis = 0;
  static constexpr const char* name = "Gather";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
struct GatherElements {
  int64_t axis = 0;
  static constexpr const char* name = "GatherElements";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
struct GatherNd {
  int64_t batch_dims = 0;
  static constexpr const char* name = "GatherNd";
  template <class V>
  void visit(V& v) {
    v("batch_dims", batch_dims);
  }
};
// Inputs x, indices, updates.
struct ScatterNd {
  static constexpr const char* name = "ScatterNd";
  template <class V>
  void visit(V&) {}
};
// i64[rank] (or the slice [start, end) of it).
struct ShapeOf {
  int64_t start = 0, end = 1 << 20;
  static constexpr const char* name = "ShapeOf";
  template <class V>
  void visit(V& v) {
    v("start", start), v("end", end);
  }
};
// Inputs start, limit, delta.
struct Range {
  static constexpr const char* name = "Range";
  template <class V>
  void visit(V&) {}
};
// Input shape. Every element is `value` (integers are exact up to 2^53).
struct ConstantOfShape {
  DType type = DType::f32;
  double value = 0;
  static constexpr const char* name = "ConstantOfShape";
  template <class V>
  void visit(V& v) {
    v("type", type), v("value", value);
  }
};
// Input x. Output i64[rank, n], n known after the op.
struct NonZero {
  static constexpr const char* name = "NonZero";
  template <class V>
  void visit(V&) {}
};
// Inputs x, roi?, scales?, sizes? (an absent one is kNoValue).
struct Resize {
  ResizeMode mode = ResizeMode::nearest;
  CoordinateMode coordinates = CoordinateMode::half_pixel;
  NearestMode nearest = NearestMode::round_prefer_floor;
  float cubic_coefficient = -0.75f;
  bool exclude_outside = false;
  Ints axes = {};  // empty: all
  static constexpr const char* name = "Resize";
  template <class V>
  void visit(V& v) {
    v("mode", mode), v("coordinates", coordinates), v("nearest", nearest),
        v("cubic_coefficient", cubic_coefficient);
    v("exclude_outside", exclude_outside), v("axes", axes);
  }
};
// Inputs x, scale, zero_point?.
struct QuantizeLinear {
  int64_t axis = 1;
  DType to = DType::u8;  // the type when there is no zero point
  static constexpr const char* name = "QuantizeLinear";
  template <class V>
  void visit(V& v) {
    v("axis", axis), v("to", to);
  }
};
struct DequantizeLinear {
  int64_t axis = 1;
  static constexpr const char* name = "DequantizeLinear";
  template <class V>
  void visit(V& v) {
    v("axis", axis);
  }
};
// ONNX NonMaxSuppression: boxes [B, n, 4], scores [B, C, n], max_output?, iou?, score?. Output i64[m, 3], m
// known after.
struct NonMaxSuppression {
  bool center_point_box = false;
  static constexpr const char* name = "NonMaxSuppression";
  template <class V>
  void visit(V& v) {
    v("center_point_box", center_point_box);
  }
};

// Kept as read: both branches see the outer graph's values by Graph::captures.
struct If {
  std::shared_ptr<Graph> then_branch = nullptr, else_branch = nullptr;
  static constexpr const char* name = "If";
  template <class V>
  void visit(V& v) {
    v("then_branch", then_branch), v("else_branch", else_branch);
  }
};
struct Loop {
  std::shared_ptr<Graph> body = nullptr;
  static constexpr const char* name = "Loop";
  template <class V>
  void visit(V& v) {
    v("body", body);
  }
};

// ---- Detection: pictures in, detections out, are part of the graph (reference/detection_math.md) ----

// u8 pictures to the network's input: resize (OpenCV's bilinear, to the bit), pad with 114, BGR to RGB, HWC
// to CHW, /255. Input: u8 [N, h, w, 3]. Output: f32 or f16 [N, 3, height, width].
struct Letterbox {
  int64_t height = 640, width = 640;
  bool centered = true, scale_up = true, bgr = true;
  int64_t pad_value = 114;
  DType to = DType::f32;
  static constexpr const char* name = "Letterbox";
  template <class V>
  void visit(V& v) {
    v("height", height), v("width", width), v("centered", centered), v("scale_up", scale_up), v("bgr", bgr);
    v("pad_value", pad_value), v("to", to);
  }
};
// The anchor-free YOLO head after its convolutions. Inputs: for each level a box map [N, 4*reg_max, h, w],
// then for each level a class map [N, nc, h, w]. Output [N, 4+nc, A], A = sum of h*w: boxes (cx, cy, w, h, or
// x1, y1, x2, y2 when xyxy) in input pixels, then sigmoid scores. reg_max > 1: softmax expectation (DFL); 1:
// distances as they are.
struct DecodeBoxes {
  int64_t levels = 3, reg_max = 16;
  std::vector<float> strides = {};
  bool xyxy = false;
  static constexpr const char* name = "DecodeBoxes";
  template <class V>
  void visit(V& v) {
    v("levels", levels), v("reg_max", reg_max), v("strides", strides), v("xyxy", xyxy);
  }
};
// Input [N, 4+nc(+extra), A] (cx cy w h, scores). Outputs: rows f32 [N, max_det, 6+extra] (x1 y1 x2 y2 score
// class extra…, zeros after the last) and count i32 [N]. Ultralytics' order and rounding (detection_math.md,
// section 3).
struct DetectionNms {
  float conf = 0.25f, iou = 0.7f;
  int64_t max_det = 300, extra = 0;
  bool agnostic = false, multi_label = false;
  Ints classes = {};  // empty: all
  static constexpr const char* name = "DetectionNms";
  template <class V>
  void visit(V& v) {
    v("conf", conf), v("iou", iou), v("max_det", max_det), v("extra", extra), v("agnostic", agnostic);
    v("multi_label", multi_label), v("classes", classes);
  }
};

using Op =
    std::variant<Conv, ConvTranspose, Pool, GlobalPool, MatMul, Gemm, Unary, Binary, Where, Cast, Softmax,
                 LayerNorm, BatchNorm, InstanceNorm, Reduce, ArgReduce, TopK, Concat, Split, Slice, Reshape,
                 Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile, Pad, Gather, GatherElements, GatherNd,
                 ScatterNd, ShapeOf, Range, ConstantOfShape, NonZero, Resize, QuantizeLinear,
                 DequantizeLinear, NonMaxSuppression, If, Loop, Letterbox, DecodeBoxes, DetectionNms>;

std::string_view op_name(const Op& op);
// A default-constructed op of that name, or an error: how the engine file's reader begins.
Result<Op> make_op(std::string_view name);
// Version of the attribute list above, written in the engine file; raised when a field changes its meaning.
int op_version(const Op& op);
// Equal operators with equal attributes have equal hashes on every machine.
uint64_t op_hash(const Op& op);
bool op_equal(const Op& a, const Op& b);
// "Conv(strides=[2,2], pads=[1,1,1,1], activation=silu)": attributes at their defaults are left out.
std::string op_text(const Op& op);

}  // namespace hone
