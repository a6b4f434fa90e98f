// ONNX MatMul (numpy rules: vectors, broadcast batches) and Gemm. Floats are summed in f64, integers in 64
// bits.
#include <algorithm>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

// Distances of one matrix product: element (row, k) of A, (k, column) of B.
struct Strides {
  int64_t a_row, a_k, b_k, b_column;
};
constexpr int64_t kStrip = 256;  // columns that are summed together

// sums[j] = sum_k a[k] b[k, j] for one row and up to kStrip columns.
template <class T>
void sum_row(double* sums, int64_t columns, const T* a, const T* b, int64_t depth, const Strides& s) {
  std::fill_n(sums, columns, 0.0);
  for (int64_t k = 0; k < depth; ++k) {
    const auto factor = static_cast<double>(widen(a[k * s.a_k]));
    const T* row = b + k * s.b_k;
    if (s.b_column == 1)
      for (int64_t j = 0; j < columns; ++j) sums[j] += factor * static_cast<double>(widen(row[j]));
    else
      for (int64_t j = 0; j < columns; ++j)
        sums[j] += factor * static_cast<double>(widen(row[j * s.b_column]));
  }
}

struct MatMulShape {
  Extents batch;              // of the output
  Dims a_batch{}, b_batch{};  // distances in matrices' elements
  int64_t rows = 1, depth = 1, columns = 1;
};

// A vector on the left is one row, on the right one column.
MatMulShape matmul_shape(std::span<const int64_t> a, std::span<const int64_t> b) {
  MatMulShape s;
  s.rows = a.size() == 1 ? 1 : a[a.size() - 2], s.depth = a.back(), s.columns = b.size() == 1 ? 1 : b.back();
  const auto a_outer = a.first(a.size() - std::min<size_t>(a.size(), 2));
  const auto b_outer = b.first(b.size() - std::min<size_t>(b.size(), 2));
  const size_t rank = std::max(a_outer.size(), b_outer.size());
  while (s.batch.size() < rank) s.batch.push_back(1);
  for (size_t i = 0; i < a_outer.size(); ++i) s.batch[rank - a_outer.size() + i] = a_outer[i];
  for (size_t i = 0; i < b_outer.size(); ++i) {
    int64_t& extent = s.batch[rank - b_outer.size() + i];
    if (extent == 1) extent = b_outer[i];
  }
  s.a_batch = broadcast_strides(a_outer, s.batch);
  s.b_batch = broadcast_strides(b_outer, s.batch);
  for (int64_t& d : s.a_batch) d *= s.rows * s.depth;
  for (int64_t& d : s.b_batch) d *= s.depth * s.columns;
  return s;
}

template <class T>
void multiply(const MatMulShape& s, const RunArgs& args) {
  const auto* a = static_cast<const T*>(args.inputs[0].data);
  const auto* b = static_cast<const T*>(args.inputs[1].data);
  auto* y = static_cast<T*>(args.outputs[0].data);
  const Strides strides{.a_row = s.depth, .a_k = 1, .b_k = s.columns, .b_column = 1};
  walk<2>(s.batch, {s.a_batch, s.b_batch}, [&](const Dims&, const auto& offset) {
    args.threads->run(static_cast<size_t>(s.rows), [&](size_t row) {
      double sums[kStrip];
      const auto r = static_cast<int64_t>(row);
      for (int64_t j = 0; j < s.columns; j += kStrip) {
        const int64_t columns = std::min(kStrip, s.columns - j);
        sum_row(sums, columns, a + offset[0] + r * strides.a_row, b + offset[1] + j, s.depth, strides);
        for (int64_t i = 0; i < columns; ++i) y[r * s.columns + j + i] = narrow<T>(sums[i]);
      }
    });
    y += s.rows * s.columns;
  });
}

void multiply_integers(const MatMulShape& s, const RunArgs& args) {
  const ReadInt a = int_reader(args.inputs[0].desc->type), b = int_reader(args.inputs[1].desc->type);
  const WriteInt write = int_writer(args.outputs[0].desc->type);
  int64_t at = 0;
  walk<2>(s.batch, {s.a_batch, s.b_batch}, [&](const Dims&, const auto& offset) {
    for (int64_t r = 0; r < s.rows; ++r)
      for (int64_t j = 0; j < s.columns; ++j) {
        uint64_t sum = 0;  // wraps around
        for (int64_t k = 0; k < s.depth; ++k)
          sum += static_cast<uint64_t>(a(args.inputs[0].data, offset[0] + r * s.depth + k)) *
                 static_cast<uint64_t>(b(args.inputs[1].data, offset[1] + k * s.columns + j));
        write(args.outputs[0].data, at++, static_cast<int64_t>(sum));
      }
  });
}

std::string check_matmul(const Problem& p) {
  if (std::string why = check_arity(p, 2, 2); !why.empty()) return why;
  if (!is_integer(p.inputs[0].type))
    if (std::string why = check_floating(p, 0); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.inputs[1]); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.outputs[0]); !why.empty()) return why;
  if (p.inputs[0].shape.empty() || p.inputs[1].shape.empty()) return "does not take scalars";
  const MatMulShape s = matmul_shape(p.inputs[0].shape, p.inputs[1].shape);
  if (product(s.batch) * s.rows * s.columns != product(p.outputs[0].shape))
    return "has operands that do not fit";
  return {};
}

void compute_matmul(const Op&, const RunArgs& args) {
  const MatMulShape s = matmul_shape(args.inputs[0].desc->shape, args.inputs[1].desc->shape);
  if (is_integer(args.inputs[0].desc->type)) return multiply_integers(s, args);
  visit_floating(args.outputs[0].desc->type, [&](auto t) { multiply<decltype(t)>(s, args); });
}

template <class T>
void gemm(const Gemm& g, const RunArgs& args) {
  const Shape &a = args.inputs[0].desc->shape, &b = args.inputs[1].desc->shape,
              &out = args.outputs[0].desc->shape;
  const auto* left = static_cast<const T*>(args.inputs[0].data);
  const auto* right = static_cast<const T*>(args.inputs[1].data);
  const T* added = args.inputs.size() > 2 ? static_cast<const T*>(args.inputs[2].data) : nullptr;
  const Dims c = added ? broadcast_strides(args.inputs[2].desc->shape, out) : Dims{};
  auto* y = static_cast<T*>(args.outputs[0].data);
  const int64_t depth = g.transpose_a ? a[0] : a[1];
  const Strides s{.a_row = g.transpose_a ? 1 : a[1],
                  .a_k = g.transpose_a ? a[1] : 1,
                  .b_k = g.transpose_b ? 1 : b[1],
                  .b_column = g.transpose_b ? b[1] : 1};
  args.threads->run(static_cast<size_t>(out[0]), [&](size_t row) {
    const auto r = static_cast<int64_t>(row);
    double sums[kStrip];
    for (int64_t j = 0; j < out[1]; j += kStrip) {
      const int64_t columns = std::min(kStrip, out[1] - j);
      sum_row(sums, columns, left + r * s.a_row, right + j * s.b_column, depth, s);
      for (int64_t i = 0; i < columns; ++i) {
        double value = static_cast<double>(g.alpha) * sums[i];
        if (added)
          value += static_cast<double>(g.beta) * static_cast<double>(widen(added[r * c[0] + (j + i) * c[1]]));
        y[r * out[1] + j + i] = narrow<T>(value);
      }
    }
  });
}

std::string check_gemm(const Problem& p) {
  if (std::string why = check_arity(p, 2, 3); !why.empty()) return why;
  if (std::string why = check_floating(p, 0); !why.empty()) return why;
  for (size_t i = 0; i < p.inputs.size(); ++i)
    if (is_present(p, i))
      if (std::string why = check_same_type(p.inputs[i], p.outputs[0]); !why.empty()) return why;
  const auto& g = std::get<Gemm>(p.op);
  const Shape &a = p.inputs[0].shape, &b = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (a.size() != 2 || b.size() != 2 || out.size() != 2) return "takes matrices";
  const int64_t depth = g.transpose_a ? a[0] : a[1];
  if (depth != (g.transpose_b ? b[1] : b[0]) || out[0] != (g.transpose_a ? a[1] : a[0]) ||
      out[1] != (g.transpose_b ? b[0] : b[1]))
    return "has operands that do not fit";
  if (is_present(p, 2)) {
    const Shape& c = p.inputs[2].shape;
    if (c.size() > 2) return "adds more than a matrix";
    for (size_t i = 0; i < c.size(); ++i)
      if (c[i] != 1 && c[i] != out[2 - c.size() + i]) return "adds a matrix of another shape";
  }
  return {};
}

void compute_gemm(const Op& op, const RunArgs& args) {
  visit_floating(args.outputs[0].desc->type, [&](auto t) { gemm<decltype(t)>(std::get<Gemm>(op), args); });
}

}  // namespace

const Kernel& matmul_reference() {
  static const ReferenceKernel kernel("matmul.reference", MatMul::name, check_matmul, compute_matmul);
  return kernel;
}
const Kernel& gemm_reference() {
  static const ReferenceKernel kernel("gemm.reference", Gemm::name, check_gemm, compute_gemm);
  return kernel;
}

}  // namespace hone
