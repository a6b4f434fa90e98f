// Tensors out of little: ShapeOf, Range, ConstantOfShape.
#include <algorithm>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

std::string check_shape_of(const Problem& p) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  return p.outputs[0].type == DType::i64 ? "" : "gives another type than i64";
}

int64_t clamped(int64_t place, int64_t rank) {
  return std::min(std::max<int64_t>(place < 0 ? place + rank : place, 0), rank);
}

void compute_shape_of(const Op& op, const RunArgs& args) {
  const auto& range = std::get<ShapeOf>(op);
  const Shape& in = args.inputs[0].desc->shape;
  const auto rank = static_cast<int64_t>(in.size());
  const int64_t start = clamped(range.start, rank);
  auto* y = static_cast<int64_t*>(args.outputs[0].data);
  const int64_t count = std::min(product(args.outputs[0].desc->shape), rank - start);
  for (int64_t i = 0; i < count; ++i) y[i] = in[static_cast<size_t>(start + i)];
}

std::string check_range(const Problem& p) {
  if (std::string why = check_arity(p, 3, 3); !why.empty()) return why;
  for (const TensorDesc& desc : p.inputs) {
    if (std::string why = check_same_type(p.outputs[0], desc); !why.empty()) return why;
    if (product(desc.shape) != 1) return "takes scalars";
  }
  return {};
}

// start + i * delta
void compute_range(const Op&, const RunArgs& args) {
  const TensorArg& y = args.outputs[0];
  const int64_t count = product(y.desc->shape);
  if (is_floating(y.desc->type)) {
    const ReadReal read = real_reader(y.desc->type);
    const WriteReal write = real_writer(y.desc->type);
    const double start = read(args.inputs[0].data, 0), delta = read(args.inputs[2].data, 0);
    for (int64_t i = 0; i < count; ++i) write(y.data, i, start + static_cast<double>(i) * delta);
    return;
  }
  const ReadInt read = int_reader(y.desc->type);
  const WriteInt write = int_writer(y.desc->type);
  auto value = static_cast<uint64_t>(read(args.inputs[0].data, 0));
  for (int64_t i = 0; i < count; ++i, value += static_cast<uint64_t>(read(args.inputs[2].data, 0)))
    write(y.data, i, static_cast<int64_t>(value));
}

std::string check_constant(const Problem& p) {
  if (std::string why = check_arity(p, 0, 1); !why.empty()) return why;
  return p.outputs[0].type == std::get<ConstantOfShape>(p.op).type ? "" : "gives another type than it names";
}

void compute_constant(const Op& op, const RunArgs& args) {
  const double value = std::get<ConstantOfShape>(op).value;
  const WriteReal write = real_writer(args.outputs[0].desc->type);
  const int64_t count = product(args.outputs[0].desc->shape);
  for (int64_t i = 0; i < count; ++i) write(args.outputs[0].data, i, value);
}

}  // namespace

const Kernel& shape_of_reference() {
  static const ReferenceKernel kernel("shape_of.reference", ShapeOf::name, check_shape_of, compute_shape_of);
  return kernel;
}
const Kernel& range_reference() {
  static const ReferenceKernel kernel("range.reference", Range::name, check_range, compute_range);
  return kernel;
}
const Kernel& constant_of_shape_reference() {
  static const ReferenceKernel kernel("constant_of_shape.reference", ConstantOfShape::name, check_constant,
                                      compute_constant);
  return kernel;
}

}  // namespace hone
