// Ops that rename the axes and leave the bytes where they are. The plan aliases them; where it cannot, they
// copy.
#include <cstring>

#include "kernels/index_walk.h"

namespace hone {
namespace {

std::string check(const Problem& p) {
  if (std::string why = check_arity(p, 1, 2); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.outputs[0]); !why.empty()) return why;
  return product(p.inputs[0].shape) == product(p.outputs[0].shape) ? "" : "changes the number of elements";
}

void compute(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  if (x.data != y.data) std::memcpy(y.data, x.data, byte_count(y.desc->type, y.desc->shape).value_or(0));
}

}  // namespace

const Kernel& reshape_reference() {
  static const ReferenceKernel kernel("reshape.reference", Reshape::name, check, compute, true);
  return kernel;
}
const Kernel& flatten_reference() {
  static const ReferenceKernel kernel("flatten.reference", Flatten::name, check, compute, true);
  return kernel;
}
const Kernel& squeeze_reference() {
  static const ReferenceKernel kernel("squeeze.reference", Squeeze::name, check, compute, true);
  return kernel;
}
const Kernel& unsqueeze_reference() {
  static const ReferenceKernel kernel("unsqueeze.reference", Unsqueeze::name, check, compute, true);
  return kernel;
}

}  // namespace hone
