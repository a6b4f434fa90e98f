// What slides a window: convolutions and pools; and the matrix products.
#include "import/onnx/auto_pad.h"
#include "import/onnx/onnx_node.h"
#include "import/onnx/operators.h"

namespace hone {
namespace {

// The window's extents of a weight [M, C, k…]; empty where they are unknown.
Ints window_of(OnnxNode& n, ValueId weight) {
  const TensorDesc* w = n.desc(weight);
  if (!w || w->shape.size() < 3 || !w->concrete()) return {};
  return {w->shape.begin() + 2, w->shape.end()};
}

int64_t read_group(OnnxNode& n) {
  const int64_t group = n.integer("group", 1);
  if (group < 1) n.fail("its group is " + std::to_string(group));
  return group;
}

void conv(OnnxNode& n) {
  Window w = read_window(n, window_of(n, n.in(1)));
  Conv op;
  op.group = read_group(n);
  op.strides = std::move(w.strides), op.pads = std::move(w.pads), op.dilations = std::move(w.dilations);
  op.has_bias = n.has_in(2);
  n.emit(std::move(op), n.ins());
}

// Total padding and its split when the output's extents are given (output_shape), or are stride * input
// (auto_pad SAME).
void transpose_pads(OnnxNode& n, const Window& w, const std::string& auto_pad, ConvTranspose& op) {
  const size_t spatial = w.kernel.size();
  Ints wanted = n.integers("output_shape");
  if (wanted.size() == spatial + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (wanted.empty() && !same) return;
  const TensorDesc* x = n.desc(n.in(0));
  const bool known = x && x->shape.size() == spatial + 2 && x->concrete();
  if (!wanted.empty() && !known)
    return n.unsupported("output_shape and an input whose extents are not fixed");
  if (!wanted.empty() && wanted.size() != spatial)
    return n.fail("its output_shape has a wrong number of entries");
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t reach = (w.kernel[i] - 1) * w.dilations[i] + 1;
    int64_t total = reach + op.output_padding[i] - w.strides[i];  // output = stride * input
    if (!wanted.empty())
      total = w.strides[i] * (x->shape[i + 2] - 1) + op.output_padding[i] + reach - wanted[i];
    if (total < 0) {  // the window does not reach that far: zeros behind it
      op.output_padding[i] -= total;
      total = 0;
    }
    // As ONNX Runtime does: the odd one at the end for SAME_UPPER, else at the beginning.
    const int64_t begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    op.pads[i] = begin;
    op.pads[i + spatial] = total - begin;
  }
}

void conv_transpose(OnnxNode& n) {
  const std::string auto_pad = n.text("auto_pad", "NOTSET");
  Window w;
  if (auto_pad == "NOTSET" || auto_pad == "VALID") {
    w = read_window(n, window_of(n, n.in(1)));
  } else {
    w.kernel = window_of(n, n.in(1));
    if (w.kernel.empty()) w.kernel = n.integers("kernel_shape");
    w.strides = n.integers("strides"), w.dilations = n.integers("dilations");
    const size_t spatial = w.kernel.size();
    if (w.strides.empty()) w.strides.assign(spatial, 1);
    if (w.dilations.empty()) w.dilations.assign(spatial, 1);
    w.pads.assign(2 * spatial, 0);
    if (w.strides.size() != spatial || w.dilations.size() != spatial)
      return n.fail("its strides or dilations have a wrong number of entries");
  }
  if (n.failed()) return;
  ConvTranspose op;
  op.group = read_group(n);
  op.strides = w.strides, op.pads = w.pads, op.dilations = w.dilations;
  op.output_padding = n.integers("output_padding");
  if (op.output_padding.empty()) op.output_padding.assign(w.kernel.size(), 0);
  if (op.output_padding.size() != w.kernel.size())
    return n.fail("its output_padding has a wrong number of entries");
  transpose_pads(n, w, auto_pad, op);
  op.has_bias = n.has_in(2);
  n.emit(std::move(op), n.ins());
}

void pool(OnnxNode& n, PoolKind kind) {
  Window w = read_window(n, {});
  Pool op;
  op.kind = kind;
  op.ceil_mode = n.integer("ceil_mode", 0) != 0;
  op.count_include_pad = n.integer("count_include_pad", 0) != 0;
  op.kernel = std::move(w.kernel), op.strides = std::move(w.strides), op.pads = std::move(w.pads),
  op.dilations = std::move(w.dilations);
  n.emit(std::move(op), {n.in(0)});
}

void max_pool(OnnxNode& n) { pool(n, PoolKind::max); }
void average_pool(OnnxNode& n) { pool(n, PoolKind::average); }

template <PoolKind kind>
void global_pool(OnnxNode& n) {
  n.emit(GlobalPool{kind}, {n.in(0)});
}

void matmul(OnnxNode& n) { n.emit(MatMul{}, {n.in(0), n.in(1)}); }

void gemm(OnnxNode& n) {
  Gemm op;
  op.alpha = n.real("alpha", 1), op.beta = n.real("beta", 1);
  op.transpose_a = n.integer("transA", 0) != 0, op.transpose_b = n.integer("transB", 0) != 0;
  n.emit(op, n.ins());
}

constexpr OperatorRow kRows[] = {
    {"Conv", 1, 22, conv},
    {"ConvTranspose", 1, 22, conv_transpose},
    {"MaxPool", 1, 22, max_pool},
    {"AveragePool", 1, 22, average_pool},
    {"GlobalMaxPool", 1, 22, global_pool<PoolKind::max>},
    {"GlobalAveragePool", 1, 22, global_pool<PoolKind::average>},
    {"MatMul", 1, 22, matmul},
    {"Gemm", 1, 22, gemm},
};

}  // namespace

std::span<const OperatorRow> window_operators() { return kRows; }

}  // namespace hone
