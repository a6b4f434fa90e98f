// Concat and Split along one axis: rows of bytes.
#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

// Bytes of one row of a tensor: everything from `axis` on.
size_t row_bytes(const TensorDesc& desc, size_t axis) {
  return static_cast<size_t>(product(std::span(desc.shape).subspan(axis))) * element_size(desc.type);
}

// The parts lie beside each other along `axis` of the whole.
std::string check_parts(const TensorDesc& whole, std::span<const TensorDesc> parts, int64_t wanted_axis) {
  const size_t rank = whole.shape.size(), axis = normal_axis(wanted_axis, rank);
  if (axis == rank) return "has no such axis";
  if (dtype_bits(whole.type) < 8) return "does not take elements of four bits";
  int64_t total = 0;
  for (const TensorDesc& part : parts) {
    if (std::string why = check_same_type(whole, part); !why.empty()) return why;
    Shape expected = whole.shape;
    if (part.shape.size() != rank) return "has operands of unequal rank";
    expected[axis] = part.shape[axis];
    if (part.shape != expected) return "has a part of the shape " + shape_text(part.shape);
    total += part.shape[axis];
  }
  return total == whole.shape[axis] ? "" : "has parts that do not add up to the whole";
}

std::string check_concat(const Problem& p) {
  if (std::string why = check_arity(p, 1, ~size_t{0}); !why.empty()) return why;
  if (std::string why = check_present(p, p.inputs.size()); !why.empty()) return why;
  return check_parts(p.outputs[0], p.inputs, std::get<Concat>(p.op).axis);
}

std::string check_split(const Problem& p) {
  if (std::string why = check_arity(p, 1, 2, p.outputs.size()); !why.empty()) return why;
  return check_parts(p.inputs[0], p.outputs, std::get<Split>(p.op).axis);
}

// Copies between the whole and its parts, whichever way `to_whole` says.
void copy_parts(const TensorArg& whole, std::span<const TensorArg> parts, int64_t wanted_axis,
                bool to_whole) {
  const size_t axis = normal_axis(wanted_axis, whole.desc->shape.size());
  const int64_t rows = product(std::span(whole.desc->shape).first(axis));
  const size_t whole_row = row_bytes(*whole.desc, axis);
  size_t offset = 0;
  for (const TensorArg& part : parts) {
    const size_t part_row = row_bytes(*part.desc, axis);
    for (size_t row = 0; row < static_cast<size_t>(rows) && part_row > 0; ++row) {
      auto* in_whole = static_cast<std::byte*>(whole.data) + row * whole_row + offset;
      auto* in_part = static_cast<std::byte*>(part.data) + row * part_row;
      std::memcpy(to_whole ? in_whole : in_part, to_whole ? in_part : in_whole, part_row);
    }
    offset += part_row;
  }
}

void compute_concat(const Op& op, const RunArgs& args) {
  copy_parts(args.outputs[0], args.inputs, std::get<Concat>(op).axis, true);
}
void compute_split(const Op& op, const RunArgs& args) {
  copy_parts(args.inputs[0], args.outputs, std::get<Split>(op).axis, false);
}

}  // namespace

const Kernel& concat_reference() {
  static const ReferenceKernel kernel("concat.reference", Concat::name, check_concat, compute_concat);
  return kernel;
}
const Kernel& split_reference() {
  static const ReferenceKernel kernel("split.reference", Split::name, check_split, compute_split);
  return kernel;
}

}  // namespace hone
