// Where(condition, a, b) with broadcasting, and Cast.
#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

std::string check_where(const Problem& p) {
  if (std::string why = check_arity(p, 3, 3); !why.empty()) return why;
  const TensorDesc& y = p.outputs[0];
  if (p.inputs[0].type != DType::boolean) return "has a condition that is no boolean";
  if (p.inputs[1].type != y.type || p.inputs[2].type != y.type) return "mixes types";
  if (dtype_bits(y.type) < 8) return "does not take elements of four bits";
  for (const TensorDesc& operand : p.inputs) {
    if (operand.shape.size() > y.shape.size()) return "has an operand of higher rank than its result";
    const size_t missing = y.shape.size() - operand.shape.size();
    for (size_t i = 0; i < operand.shape.size(); ++i)
      if (operand.shape[i] != 1 && operand.shape[i] != y.shape[missing + i])
        return "cannot broadcast " + shape_text(operand.shape) + " to " + shape_text(y.shape);
  }
  return {};
}

void compute_where(const Op&, const RunArgs& args) {
  const TensorArg& y = args.outputs[0];
  const size_t size = element_size(y.desc->type);
  std::array<Dims, 3> strides;
  for (size_t i = 0; i < 3; ++i) strides[i] = broadcast_strides(args.inputs[i].desc->shape, y.desc->shape);
  int64_t at_output = 0;
  walk<3>(y.desc->shape, strides, [&](const Dims&, const auto& offset) {
    const size_t chosen = static_cast<const uint8_t*>(args.inputs[0].data)[offset[0]] ? 1 : 2;
    copy_element(y.data, at_output++, args.inputs[chosen].data, offset[chosen], size);
  });
}

std::string check_cast(const Problem& p) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  if (p.outputs[0].type != std::get<Cast>(p.op).to) return "gives another type than it names";
  if (product(p.inputs[0].shape) != product(p.outputs[0].shape)) return "changes the shape";
  return {};
}

void compute_cast(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const DType from = x.desc->type, to = y.desc->type;
  const int64_t count = product(x.desc->shape);
  if (!is_floating(from) && !is_floating(to)) {
    const ReadInt read = int_reader(from);
    const WriteInt write = int_writer(to);
    for (int64_t i = 0; i < count; ++i) write(y.data, i, read(x.data, i));
    return;
  }
  const ReadReal read = real_reader(from);
  const WriteReal write = real_writer(to);
  for (int64_t i = 0; i < count; ++i) write(y.data, i, read(x.data, i));
}

}  // namespace

const Kernel& where_reference() {
  static const ReferenceKernel kernel("where.reference", Where::name, check_where, compute_where);
  return kernel;
}
const Kernel& cast_reference() {
  static const ReferenceKernel kernel("cast.reference", Cast::name, check_cast, compute_cast);
  return kernel;
}

}  // namespace hone
