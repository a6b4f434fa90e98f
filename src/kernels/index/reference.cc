// TopK and NonZero of ONNX. NonZero's result has room for every element; columns after the last are zero.
#include "kernels/movement/strided.h"

namespace hone {
namespace {

std::string check_top_k(const Problem& p) {
  if (std::string why = check_arity(p, 1, 2, 2); !why.empty()) return why;
  const std::span in(p.inputs[0].shape);
  const size_t axis = normal_axis(std::get<TopK>(p.op).axis, in.size());
  if (axis == in.size()) return "has no such axis";
  if (dtype_bits(p.inputs[0].type) < 8) return "does not take elements of four bits";
  for (const TensorDesc& out : p.outputs) {
    if (out.shape.size() != in.size() || out.shape[axis] > in[axis]) return "wants more than there is";
    for (size_t i = 0; i < in.size(); ++i)
      if (i != axis && out.shape[i] != in[i]) return "has results of another shape";
  }
  if (p.outputs[0].type != p.inputs[0].type || p.outputs[1].type != DType::i64) return "gives other types";
  return p.outputs[0].shape == p.outputs[1].shape ? "" : "has results of unequal shapes";
}

// One row of TopK: elements first + i * step of x, results first_out + j * step, kept in order while the row
// is read. Of equal elements the earlier one comes first.
struct Row {
  const TensorArg &x, &values, &indices;
  int64_t length, k, first, first_out, step;
  bool largest;

  void select() const {
    const ReadReal read = real_reader(x.desc->type);
    const size_t size = element_size(x.desc->type);
    auto* index = static_cast<int64_t*>(indices.data) + first_out;
    int64_t filled = 0;
    for (int64_t i = 0; i < length && k > 0; ++i) {
      const double value = read(x.data, first + i * step);
      const auto before = [&](int64_t j) {
        const double other = read(x.data, first + index[j * step] * step);
        return largest ? value > other : value < other;
      };
      if (filled == k && !before(k - 1)) continue;
      int64_t j = filled < k ? filled++ : k - 1;
      for (; j > 0 && before(j - 1); --j) index[j * step] = index[(j - 1) * step];
      index[j * step] = i;
    }
    for (int64_t j = 0; j < k; ++j)
      copy_element(values.data, first_out + j * step, x.data, first + index[j * step] * step, size);
  }
};

void compute_top_k(const Op& op, const RunArgs& args) {
  const auto& top = std::get<TopK>(op);
  const std::span in(args.inputs[0].desc->shape);
  const size_t axis = normal_axis(top.axis, in.size());
  const int64_t inner = product(in.subspan(axis + 1)), k = args.outputs[0].desc->shape[axis];
  const auto rows = static_cast<size_t>(product(in.first(axis)) * inner);
  args.threads->run(rows, [&](size_t r) {
    const int64_t o = static_cast<int64_t>(r) / inner, i = static_cast<int64_t>(r) % inner;
    Row{args.inputs[0],           args.outputs[0],   args.outputs[1], in[axis],   k,
        o * in[axis] * inner + i, o * k * inner + i, inner,           top.largest}
        .select();
  });
}

std::string check_non_zero(const Problem& p) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  const Shape& out = p.outputs[0].shape;
  if (p.outputs[0].type != DType::i64) return "gives another type than i64";
  // A scalar counts as one element of rank 1 for some readers; ONNX gives it no coordinate.
  return out.size() == 2 && out[0] == static_cast<int64_t>(p.inputs[0].shape.size())
             ? ""
             : "has a result of another shape";
}

void compute_non_zero(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  const int64_t capacity = y.desc->shape[1];
  auto* places = static_cast<int64_t*>(y.data);
  std::memset(places, 0, static_cast<size_t>(product(y.desc->shape)) * sizeof(int64_t));
  const ReadReal read = real_reader(x.desc->type);
  int64_t at_input = 0, found = 0;
  walk<0>(in, {}, [&](const Dims& at, const auto&) {
    if (read(x.data, at_input++) == 0 || found == capacity) return;
    for (size_t i = 0; i < in.size(); ++i) places[static_cast<int64_t>(i) * capacity + found] = at[i];
    ++found;
  });
}

}  // namespace

const Kernel& top_k_reference() {
  static const ReferenceKernel kernel("top_k.reference", TopK::name, check_top_k, compute_top_k);
  return kernel;
}
const Kernel& non_zero_reference() {
  static const ReferenceKernel kernel("non_zero.reference", NonZero::name, check_non_zero, compute_non_zero);
  return kernel;
}

}  // namespace hone
