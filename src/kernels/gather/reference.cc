// Gather, GatherElements, GatherND and ScatterND of ONNX. A negative index counts from the end. Indices are
// data, so one outside its axis reads zeros and writes nothing.
#include "kernels/movement/strided.h"

namespace hone {
namespace {

struct Index {
  int64_t value;
  bool valid;
};
Index checked(int64_t index, int64_t extent) {
  if (index < 0) index += extent;
  return {index, index >= 0 && index < extent};
}

// Copies `count` elements, or zeros when the source does not exist.
void copy_run(const TensorArg& y, int64_t to, const TensorArg& x, int64_t from, int64_t count, bool valid) {
  const size_t size = element_size(y.desc->type), bytes = static_cast<size_t>(count) * size;
  auto* target = static_cast<std::byte*>(y.data) + static_cast<size_t>(to) * size;
  if (!valid)
    std::memset(target, 0, bytes);
  else
    std::memcpy(target, static_cast<const std::byte*>(x.data) + static_cast<size_t>(from) * size, bytes);
}

std::string check_axis(const Problem& p, int64_t axis) {
  if (std::string why = check_movement(p, 2, 2); !why.empty()) return why;
  if (std::string why = check_indices(p, 1); !why.empty()) return why;
  const size_t rank = p.inputs[0].shape.size();
  return normal_axis(axis, rank) == rank ? "has no such axis" : "";
}

std::string check_gather(const Problem& p) {
  const int64_t wanted = std::get<Gather>(p.op).axis;
  if (std::string why = check_axis(p, wanted); !why.empty()) return why;
  const std::span in(p.inputs[0].shape);
  const size_t axis = normal_axis(wanted, in.size());
  if (product(p.outputs[0].shape) !=
      product(in.first(axis)) * product(p.inputs[1].shape) * product(in.subspan(axis + 1)))
    return "has operands that do not fit";
  return {};
}

void compute_gather(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &indices = args.inputs[1];
  const std::span in(x.desc->shape);
  const size_t axis = normal_axis(std::get<Gather>(op).axis, in.size());
  const int64_t outer = product(in.first(axis)), inner = product(in.subspan(axis + 1));
  const int64_t count = product(indices.desc->shape);
  const ReadInt read = int_reader(indices.desc->type);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < count; ++i) {
      const Index index = checked(read(indices.data, i), in[axis]);
      copy_run(args.outputs[0], (o * count + i) * inner, x, (o * in[axis] + index.value) * inner, inner,
               index.valid);
    }
}

std::string check_elements(const Problem& p) {
  if (std::string why = check_axis(p, std::get<GatherElements>(p.op).axis); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (p.inputs[1].shape != out || in.size() != out.size())
    return "has indices of another shape than its result";
  const size_t axis = normal_axis(std::get<GatherElements>(p.op).axis, in.size());
  for (size_t i = 0; i < in.size(); ++i)
    if (i != axis && out[i] > in[i]) return "has more indices than elements";
  return {};
}

void compute_elements(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &indices = args.inputs[1], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  const size_t axis = normal_axis(std::get<GatherElements>(op).axis, in.size());
  const ReadInt read = int_reader(indices.desc->type);
  Dims strides = dense_strides(in);
  const int64_t step = strides[axis];
  strides[axis] = 0;
  int64_t at = 0;
  walk<1>(y.desc->shape, {strides}, [&](const Dims&, const auto& offset) {
    const Index index = checked(read(indices.data, at), in[axis]);
    copy_run(y, at++, x, offset[0] + index.value * step, 1, index.valid);
  });
}

// The place that a tuple of indices names in `extents`, in slices.
Index tuple_place(ReadInt read, const TensorArg& indices, int64_t first, std::span<const int64_t> extents) {
  Index place{0, true};
  for (size_t i = 0; i < extents.size(); ++i) {
    const Index index = checked(read(indices.data, first + static_cast<int64_t>(i)), extents[i]);
    place = {place.value * extents[i] + index.value, place.valid && index.valid};
    if (!place.valid) return place;
  }
  return place;
}

std::string check_tuples(const Problem& p, size_t batch_dims) {
  if (std::string why = check_movement(p, 2, 3); !why.empty()) return why;
  if (p.inputs[1].type != DType::i64 && p.inputs[1].type != DType::i32)
    return "has indices that are no integers";
  const Shape &in = p.inputs[0].shape, &indices = p.inputs[1].shape;
  if (indices.size() <= batch_dims || in.size() < batch_dims) return "has fewer axes than batch axes";
  const int64_t depth = indices.back();
  if (depth < 0 || static_cast<size_t>(depth) > in.size() - batch_dims)
    return "has indices deeper than its operand";
  return {};
}

std::string check_gather_nd(const Problem& p) {
  const int64_t batch_dims = std::get<GatherNd>(p.op).batch_dims;
  if (batch_dims < 0) return "has a negative number of batch axes";
  const auto b = static_cast<size_t>(batch_dims);
  if (std::string why = check_tuples(p, b); !why.empty()) return why;
  const std::span in(p.inputs[0].shape), indices(p.inputs[1].shape);
  for (size_t i = 0; i < b; ++i)
    if (in[i] != indices[i]) return "has batch axes of unequal extents";
  const int64_t tuples = product(indices.first(indices.size() - 1));
  if (product(p.outputs[0].shape) != tuples * product(in.subspan(b + static_cast<size_t>(indices.back()))))
    return "has operands that do not fit";
  return {};
}

void compute_gather_nd(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &indices = args.inputs[1];
  const std::span in(x.desc->shape), shape(indices.desc->shape);
  const auto b = static_cast<size_t>(std::get<GatherNd>(op).batch_dims),
             depth = static_cast<size_t>(shape.back());
  const int64_t batches = product(in.first(b)), run = product(in.subspan(b + depth)),
                batch_size = product(in.subspan(b));
  const int64_t tuples = product(shape.subspan(b).first(shape.size() - 1 - b));
  const ReadInt read = int_reader(indices.desc->type);
  for (int64_t i = 0; i < batches * tuples; ++i) {
    const Index place = tuple_place(read, indices, i * shape.back(), in.subspan(b, depth));
    copy_run(args.outputs[0], i * run, x, i / tuples * batch_size + place.value * run, run, place.valid);
  }
}

std::string check_scatter_nd(const Problem& p) {
  if (std::string why = check_arity(p, 3, 3); !why.empty()) return why;
  if (std::string why = check_tuples(p, 0); !why.empty()) return why;
  const std::span in(p.inputs[0].shape), indices(p.inputs[1].shape);
  if (p.inputs[2].type != p.inputs[0].type || p.inputs[0].shape != p.outputs[0].shape)
    return "mixes shapes or types";
  if (product(p.inputs[2].shape) !=
      product(indices.first(indices.size() - 1)) * product(in.subspan(static_cast<size_t>(indices.back()))))
    return "has updates that do not fit";
  return {};
}

void compute_scatter_nd(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &indices = args.inputs[1], &y = args.outputs[0];
  const std::span in(x.desc->shape), shape(indices.desc->shape);
  const auto depth = static_cast<size_t>(shape.back());
  const int64_t run = product(in.subspan(depth)), tuples = product(shape.first(shape.size() - 1));
  if (x.data != y.data) copy_run(y, 0, x, 0, product(in), true);
  const ReadInt read = int_reader(indices.desc->type);
  for (int64_t i = 0; i < tuples; ++i)
    if (const Index place = tuple_place(read, indices, i * shape.back(), in.first(depth)); place.valid)
      copy_run(y, place.value * run, args.inputs[2], i * run, run, true);
}

}  // namespace

const Kernel& gather_reference() {
  static const ReferenceKernel kernel("gather.reference", Gather::name, check_gather, compute_gather);
  return kernel;
}
const Kernel& gather_elements_reference() {
  static const ReferenceKernel kernel("gather_elements.reference", GatherElements::name, check_elements,
                                      compute_elements);
  return kernel;
}
const Kernel& gather_nd_reference() {
  static const ReferenceKernel kernel("gather_nd.reference", GatherNd::name, check_gather_nd,
                                      compute_gather_nd);
  return kernel;
}
const Kernel& scatter_nd_reference() {
  static const ReferenceKernel kernel("scatter_nd.reference", ScatterNd::name, check_scatter_nd,
                                      compute_scatter_nd, true);
  return kernel;
}

}  // namespace hone
