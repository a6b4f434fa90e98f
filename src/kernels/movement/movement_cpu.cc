// Transpose, Slice, Expand, Pad (constant) and the view ops as strided copies.
#include <cstring>

#include "kernels/element.h"
#include "kernels/movement/copy.h"
#include "kernels/movement/strided.h"

namespace hone {
namespace {

// Types agree, inputs that say where are plain.
std::string check_operands(const Problem& p) {
  if (p.inputs.empty() || !p.inputs[0].has_shape || p.outputs.size() != 1) return "lacks an operand";
  if (p.inputs[0].type != p.outputs[0].type) return "changes the type";
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.inputs[i].layout != Layout::plain) return "wants plain indices";
  return {};
}

size_t size_of(const TensorArg& arg) { return dtype_bits(arg.desc->type) / 8; }

Verdict check_transpose(const Problem& p) {
  if (std::string why = check_operands(p); !why.empty()) return Verdict::no(why);
  const Ints& perm = std::get<Transpose>(p.op).perm;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (!all_plain(p)) return Verdict::no("wants plain operands");
  if (in.size() != out.size() || (!perm.empty() && perm.size() != in.size()))
    return Verdict::no("has a permutation of another rank");
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t from = perm.empty() ? static_cast<int64_t>(in.size() - 1 - i) : perm[i];
    if (from < 0 || from >= static_cast<int64_t>(in.size()) || in[static_cast<size_t>(from)] != out[i])
      return Verdict::no("has a permutation that does not give its result's shape");
  }
  return yes_to(p);
}

void compute_transpose(const Op& op, const RunArgs& args) {
  const Ints& perm = std::get<Transpose>(op).perm;
  const LayoutView to = view_of(args.outputs[0]), from = view_of(args.inputs[0]);
  Dims strides{};
  const size_t rank = to.shape.size();
  for (size_t i = 0; i < rank; ++i)
    strides[i] = from.stride[perm.empty() ? rank - 1 - i : static_cast<size_t>(perm[i])];
  copy_strided(copy_loop(to.shape, to.stride, strides), size_of(args.outputs[0]), args.outputs[0].data,
               args.inputs[0].data, *args.threads);
}

// First element and step along each axis, as the inputs after x say.
struct SliceStart {
  Dims start{}, step{};
};
template <class Read>
SliceStart slice_start(const Shape& in, Read&& read, int64_t count) {
  SliceStart s;
  s.step.fill(1);
  for (int64_t i = 0; i < count; ++i) {
    const size_t axis = normal_axis(read(3, i, i), in.size());
    if (axis == in.size()) continue;
    const int64_t extent = in[axis], step = read(4, i, 1);
    int64_t start = read(1, i, 0);
    if (start < 0) start = start < -extent ? 0 : start + extent;
    s.start[axis] = std::min(start, step < 0 ? extent - 1 : extent);
    s.step[axis] = step;
  }
  return s;
}

// Starts and steps are read when the kernel is asked, so that run() cannot leave the input: they must be
// constant.
Verdict check_slice(const Problem& p) {
  if (std::string why = check_operands(p); !why.empty()) return Verdict::no(why);
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.layout != y.layout || x.shape.size() != y.shape.size())
    return Verdict::no("wants input and output of one layout and rank");
  std::array<std::vector<int64_t>, 5> values;
  for (size_t i = 1; i < p.inputs.size() && i < 5; ++i) {
    if (!p.inputs[i].has_shape) continue;
    if (i >= p.constants.size() || !p.constants[i])
      return Verdict::no("wants constant starts, axes and steps");
    auto ints = p.constants[i]->to_ints(kMaxRank);
    if (!ints) return Verdict::no(ints.error().message);
    values[i] = std::move(*ints);
  }
  const auto read = [&](size_t input, int64_t i, int64_t otherwise) {
    const auto& list = values[input];
    return static_cast<size_t>(i) < list.size() ? list[static_cast<size_t>(i)] : otherwise;
  };
  const SliceStart s = slice_start(x.shape, read, static_cast<int64_t>(values[1].size()));
  const int64_t block = channel_block(x.layout);
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (y.shape[i] == 0) continue;
    const int64_t last = s.start[i] + (y.shape[i] - 1) * s.step[i];
    if (s.start[i] < 0 || s.start[i] >= x.shape[i] || last < 0 || last >= x.shape[i])
      return Verdict::no("leaves its input");
    const bool to_the_end = s.start[i] + y.shape[i] == x.shape[i];
    if (i == 1 && block > 1 && (s.step[i] != 1 || s.start[i] % block || (y.shape[i] % block && !to_the_end)))
      return Verdict::no("cuts a block of channels");
  }
  return yes_to(p);
}

void compute_slice(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const SliceStart s = slice_start(
      x.desc->shape,
      [&](size_t input, int64_t i, int64_t otherwise) { return index_at(args, input, i, otherwise); },
      index_count(args, 1));
  const LayoutView to = view_of(y), from = view_of(x);
  Dims strides = from.stride;
  int64_t first = 0;
  const int64_t block = channel_block(x.desc->layout);
  for (size_t i = 0; i < x.desc->shape.size(); ++i) {
    first += (i == 1 ? s.start[i] / block : s.start[i]) * from.stride[i];
    strides[i] *= s.step[i];
  }
  copy_strided(copy_loop(to.shape, to.stride, strides), size_of(y), y.data, element_address(x, first),
               *args.threads);
}

std::vector<LayoutSignature> slice_layouts(const Op&, std::span<const TensorDesc> inputs,
                                           std::span<const TensorDesc> outputs) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : preferred_layouts()) {
    if (layout != Layout::plain && (inputs[0].shape.size() != 4 || outputs[0].shape.size() != 4)) continue;
    all.push_back({.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {layout}});
    all.back().inputs[0] = layout;
  }
  return all;
}

Verdict check_expand(const Problem& p) {
  if (std::string why = check_operands(p); !why.empty()) return Verdict::no(why);
  if (!all_plain(p)) return Verdict::no("wants plain operands");
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (in.size() > out.size()) return Verdict::no("lowers the rank");
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i] != 1 && in[i] != out[out.size() - in.size() + i])
      return Verdict::no("cannot broadcast its input");
  return yes_to(p);
}

void compute_expand(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const LayoutView to = view_of(y), from = view_of(x);
  const Shape& in = x.desc->shape;
  const size_t missing = y.desc->shape.size() - in.size();
  Dims strides{};
  for (size_t i = 0; i < in.size(); ++i) strides[missing + i] = in[i] == 1 ? 0 : from.stride[i];
  copy_strided(copy_loop(to.shape, to.stride, strides), size_of(y), y.data, x.data, *args.threads);
}

Verdict check_pad(const Problem& p) {
  if (std::string why = check_operands(p); !why.empty()) return Verdict::no(why);
  if (std::get<Pad>(p.op).mode != PadMode::constant) return Verdict::no("pads with a constant only");
  if (!all_plain(p)) return Verdict::no("wants plain operands");
  if (p.inputs.size() > 2 && p.inputs[2].has_shape && p.inputs[2].type != p.inputs[0].type)
    return Verdict::no("has a value of another type");
  if (p.inputs[0].shape.size() != p.outputs[0].shape.size() || p.inputs[0].shape.empty())
    return Verdict::no("changes the rank");
  return yes_to(p);
}

// Fills the result, then copies the part of the input that is not cropped away.
void compute_pad(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  const LayoutView to = view_of(y), from = view_of(x);
  const int64_t zero = 0;
  const void* value = args.inputs.size() > 2 && args.inputs[2].data ? args.inputs[2].data : &zero;
  copy_strided(copy_loop(to.shape, to.stride, Dims{}), size_of(y), y.data, value, *args.threads);
  Dims begin{};
  for (int64_t i = 0; i < index_count(args, 1) / 2; ++i)
    if (const size_t axis = normal_axis(index_at(args, 3, i, i), in.size()); axis < in.size())
      begin[axis] = index_at(args, 1, i, 0);
  Extents inner;
  int64_t target = 0, source = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t first = std::max<int64_t>(-begin[i], 0), place = std::max<int64_t>(begin[i], 0);
    const int64_t count = std::min(in[i] - first, y.desc->shape[i] - place);
    if (count <= 0) return;
    inner.push_back(count);
    target += place * to.stride[i];
    source += first * from.stride[i];
  }
  copy_strided(copy_loop(inner, to.stride, from.stride), size_of(y), element_address(y, target),
               element_address(x, source), *args.threads);
}

// Only the number of images may differ in distance: what is inside an image is dense on both sides.
Verdict check_view(const Problem& p) {
  if (std::string why = check_operands(p); !why.empty()) return Verdict::no(why);
  if (!all_plain(p)) return Verdict::no("wants plain operands");
  if (product(p.inputs[0].shape) != product(p.outputs[0].shape))
    return Verdict::no("changes the number of elements");
  return yes_to(p, {.in_place = true, .image_stride = false});
}

void compute_view(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  if (x.data == y.data) return;
  StridedLoop<2> loop;
  loop.add_axis(product(x.desc->shape), {1, 1});
  copy_strided(loop, size_of(y), y.data, x.data, *args.threads);
}

}  // namespace

const Kernel& transpose_cpu() {
  static const CpuKernel kernel("transpose.cpu", Transpose::name, check_transpose, compute_transpose);
  return kernel;
}
const Kernel& slice_cpu() {
  static const CpuKernel kernel("slice.cpu", Slice::name, check_slice, compute_slice, slice_layouts);
  return kernel;
}
const Kernel& expand_cpu() {
  static const CpuKernel kernel("expand.cpu", Expand::name, check_expand, compute_expand);
  return kernel;
}
const Kernel& pad_cpu() {
  static const CpuKernel kernel("pad.cpu", Pad::name, check_pad, compute_pad);
  return kernel;
}
const Kernel& reshape_cpu() {
  static const CpuKernel kernel("reshape.cpu", Reshape::name, check_view, compute_view);
  return kernel;
}

}  // namespace hone
