// Everything that only moves elements by a rule of the shapes, on a GPU: Transpose, Slice, Expand, Tile, Pad,
// Concat, Split, and the ops that rename axes. All but Pad are strided copies.
#include <algorithm>

#include "kernels/elementwise/pointwise.h"
#include "kernels/movement/strided.h"

namespace hone {
namespace {

std::vector<cuda::Program> copy_programs(const Problem& p) { return {copy_program(p.outputs[0].type)}; }

// Yes when the reference takes the problem and the host knows the inputs that say where.
Verdict check_settings(const Problem& p, const CudaTraits& traits = {}) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (std::string why = check_host_constants(p, 1); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, traits);
}
Verdict check_any_layout(const Problem& p) { return check_settings(p); }
Verdict check_plain(const Problem& p) {
  return all_plain(p) ? check_settings(p) : Verdict::no("takes plain layouts");
}

void copy(const CudaCall& call, std::span<const int64_t> shape, const PointwiseOperand& to,
          const PointwiseOperand& from) {
  const PointwiseOperand operands[] = {to, from};
  run_pointwise(call, 0, shape, operands);
}

// --- Transpose: any layouts on either side ---

std::vector<LayoutSignature> transpose_layouts(const Op&, std::span<const TensorDesc> inputs,
                                               std::span<const TensorDesc>) {
  if (inputs[0].shape.size() != 4) return {{.inputs = {Layout::plain}, .outputs = {Layout::plain}}};
  std::vector<LayoutSignature> all;
  for (const Layout from : {Layout::nhwc, Layout::plain})
    for (const Layout to : {Layout::plain, Layout::nhwc}) all.push_back({.inputs = {from}, .outputs = {to}});
  return all;
}
void enqueue_transpose(const CudaCall& call) {
  const Ints& perm = std::get<Transpose>(call.op).perm;
  const Dims own = cuda_strides(input(call, 0));
  const size_t rank = input(call, 0).desc->shape.size();
  Dims strides{};
  for (size_t i = 0; i < rank; ++i)
    strides[i] = own[perm.empty() ? rank - 1 - i : static_cast<size_t>(perm[i])];
  copy(call, output(call).desc->shape, pointwise_operand(output(call), cuda_strides(output(call))),
       pointwise_operand(input(call, 0), strides));
}

// --- Slice ---

std::vector<LayoutSignature> slice_layouts(const Op&, std::span<const TensorDesc> inputs,
                                           std::span<const TensorDesc> outputs) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : {Layout::nhwc, Layout::plain}) {
    if (layout == Layout::nhwc && (inputs[0].shape.size() != 4 || outputs[0].shape.size() != 4)) continue;
    LayoutSignature s{.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {layout}};
    s.inputs[0] = layout;
    all.push_back(std::move(s));
  }
  return all;
}
void enqueue_slice(const CudaCall& call) {
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape& in = x.desc->shape;
  const RunArgs host = host_args(call);
  Dims strides = cuda_strides(x);
  int64_t first = 0;
  for (int64_t i = 0; i < index_count(host, 1); ++i) {
    const size_t axis = normal_axis(index_at(host, 3, i, i), in.size());
    if (axis == in.size()) continue;
    const int64_t step = index_at(host, 4, i, 1), extent = in[axis];
    int64_t start = index_at(host, 1, i, 0);
    if (start < 0) start = start < -extent ? 0 : start + extent;
    start = std::min(start, step < 0 ? extent - 1 : extent);
    first += start * strides[axis];
    strides[axis] *= step;
  }
  copy(call, y.desc->shape, pointwise_operand(y, cuda_strides(y)), pointwise_operand(x, strides, first));
}
// The shape was inferred from the same starts and steps, so that every index lies inside; one that does not
// is refused.
Verdict check_slice(const Problem& p) {
  Verdict verdict = check_settings(p);
  if (!verdict.legal) return verdict;
  if (p.inputs[0].layout != p.outputs[0].layout) return Verdict::no("wants input and output of one layout");
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  const auto values = [&](size_t input) {
    return input < p.constants.size() && p.constants[input] ? p.constants[input]->to_ints().value_or(Ints{})
                                                            : Ints{};
  };
  const Ints starts = values(1), axes = values(3), steps = values(4);
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t axis = normal_axis(i < axes.size() ? axes[i] : static_cast<int64_t>(i), in.size());
    if (axis == in.size()) continue;
    const int64_t step = i < steps.size() ? steps[i] : 1, extent = in[axis];
    int64_t start = starts[i] < 0 ? std::max<int64_t>(starts[i] + extent, 0) : starts[i];
    start = std::min(start, step < 0 ? extent - 1 : extent);
    if (out[axis] == 0) continue;
    const int64_t last = start + (out[axis] - 1) * step;
    if (start < 0 || start >= extent || last < 0 || last >= extent)
      return Verdict::no("has indices outside its operand");
  }
  return verdict;
}

// --- Expand and Tile ---

void enqueue_expand(const CudaCall& call) {
  const Shape& shape = output(call).desc->shape;
  copy(call, shape, pointwise_operand(output(call), cuda_strides(output(call))),
       pointwise_operand(input(call, 0), cuda_broadcast(input(call, 0), shape)));
}

// Every axis becomes two: the repeats, which read the same place, and the axis itself.
Verdict check_tile(const Problem& p) {
  if (p.inputs[0].shape.size() > kMaxRank / 2) return Verdict::no("takes up to 8 axes");
  return check_plain(p);
}
void enqueue_tile(const CudaCall& call) {
  const Shape &in = input(call, 0).desc->shape, &out = output(call).desc->shape;
  const Dims from = cuda_strides(input(call, 0)), to = cuda_strides(output(call));
  Extents shape;
  Dims target{}, source{};
  for (size_t i = 0; i < in.size(); ++i) {
    target[2 * i] = to[i] * in[i], target[2 * i + 1] = to[i], source[2 * i + 1] = from[i];
    shape.push_back(in[i] ? out[i] / in[i] : 0);
    shape.push_back(in[i]);
  }
  copy(call, shape, pointwise_operand(output(call), target), pointwise_operand(input(call, 0), source));
}

// --- Concat and Split: one copy a part ---

template <class Axis>
void enqueue_parts(const CudaCall& call) {
  constexpr bool to_whole = std::is_same_v<Axis, Concat>;
  const TensorArg& whole = to_whole ? output(call) : input(call, 0);
  const auto parts = to_whole ? call.args.inputs : call.args.outputs;
  const size_t axis = normal_axis(std::get<Axis>(call.op).axis, whole.desc->shape.size());
  int64_t begin = 0;
  for (const TensorArg& part : parts) {
    const Dims strides = cuda_strides(whole);
    const PointwiseOperand in_whole = pointwise_operand(whole, strides, begin * strides[axis]),
                           in_part = pointwise_operand(part, cuda_strides(part));
    copy(call, part.desc->shape, to_whole ? in_whole : in_part, to_whole ? in_part : in_whole);
    begin += part.desc->shape[axis];
  }
}
template <class Axis>
std::vector<LayoutSignature> parts_layouts(const Op& op, std::span<const TensorDesc> inputs,
                                           std::span<const TensorDesc> outputs) {
  return cuda_shared_layouts(inputs, outputs,
                             static_cast<int>(normal_axis(std::get<Axis>(op).axis, inputs[0].shape.size())));
}
Verdict check_parts(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p);
}

// --- Reshape, Flatten, Squeeze, Unsqueeze: where the plan cannot alias ---

Verdict check_view(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.in_place = true, .image_stride = false});
}
void enqueue_view(const CudaCall& call) {
  const int64_t count[] = {product(output(call).desc->shape)};
  if (input(call, 0).data == output(call).data) return;
  copy(call, count, pointwise_operand(output(call), {1}), pointwise_operand(input(call, 0), {1}));
}

}  // namespace

#define HONE_MOVEMENT_ROW(row, text, type, ...)                    \
  const Kernel& row() {                                            \
    static const CudaKernel kernel(text, type::name, __VA_ARGS__); \
    return kernel;                                                 \
  }
HONE_MOVEMENT_ROW(transpose_cuda, "transpose.cuda", Transpose, check_any_layout, copy_programs,
                  enqueue_transpose, transpose_layouts)
HONE_MOVEMENT_ROW(slice_cuda, "slice.cuda", Slice, check_slice, copy_programs, enqueue_slice, slice_layouts)
HONE_MOVEMENT_ROW(expand_cuda, "expand.cuda", Expand, check_plain, copy_programs, enqueue_expand)
HONE_MOVEMENT_ROW(tile_cuda, "tile.cuda", Tile, check_tile, copy_programs, enqueue_tile)
HONE_MOVEMENT_ROW(concat_cuda, "concat.cuda", Concat, check_parts, copy_programs, enqueue_parts<Concat>,
                  parts_layouts<Concat>)
HONE_MOVEMENT_ROW(split_cuda, "split.cuda", Split, check_parts, copy_programs, enqueue_parts<Split>,
                  parts_layouts<Split>)
HONE_MOVEMENT_ROW(reshape_cuda, "reshape.cuda", Reshape, check_view, copy_programs, enqueue_view)
HONE_MOVEMENT_ROW(flatten_cuda, "flatten.cuda", Flatten, check_view, copy_programs, enqueue_view)
HONE_MOVEMENT_ROW(squeeze_cuda, "squeeze.cuda", Squeeze, check_view, copy_programs, enqueue_view)
HONE_MOVEMENT_ROW(unsqueeze_cuda, "unsqueeze.cuda", Unsqueeze, check_view, copy_programs, enqueue_view)
#undef HONE_MOVEMENT_ROW

}  // namespace hone
