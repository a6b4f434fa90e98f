// Concat and Split in any layout; on axis 1 of a blocked one where the parts meet between blocks.
#include "kernels/movement/copy.h"

namespace hone {
namespace {

// Parts lie beside each other along `axis` of the whole, all in one layout.
Verdict check_parts(const Problem& p, const TensorDesc& whole, std::span<const TensorDesc> parts,
                    int64_t wanted_axis) {
  const size_t axis = normal_axis(wanted_axis, whole.shape.size());
  if (axis == whole.shape.size()) return Verdict::no("has no such axis");
  const int64_t block = channel_block(whole.layout);
  int64_t start = 0;
  for (const TensorDesc& part : parts) {
    if (!part.has_shape || part.type != whole.type || part.shape.size() != whole.shape.size())
      return Verdict::no("has parts of another type or rank than the whole");
    if (part.layout != whole.layout) return Verdict::no("wants all operands in one layout");
    for (size_t i = 0; i < part.shape.size(); ++i)
      if (i != axis && part.shape[i] != whole.shape[i])
        return Verdict::no("has parts that do not fit the whole");
    if (axis == 1 && start % block != 0)
      return Verdict::no("has a part that starts at channel " + std::to_string(start) +
                         ", inside a block of " + std::to_string(block));
    start += part.shape[axis];
  }
  if (start != whole.shape[axis]) return Verdict::no("has parts that do not add up to the whole");
  return yes_to(p);
}

Verdict check_concat(const Problem& p) {
  if (p.outputs.size() != 1) return Verdict::no("gives one output");
  return check_parts(p, p.outputs[0], p.inputs, std::get<Concat>(p.op).axis);
}
Verdict check_split(const Problem& p) {
  if (p.inputs.empty()) return Verdict::no("lacks its input");
  if (p.inputs.size() > 1 && p.inputs[1].layout != Layout::plain) return Verdict::no("wants plain sizes");
  return check_parts(p, p.inputs[0], p.outputs, std::get<Split>(p.op).axis);
}

void copy_parts(const TensorArg& whole, std::span<const TensorArg> parts, int64_t wanted_axis, bool to_whole,
                ThreadPool& threads) {
  const size_t axis = normal_axis(wanted_axis, whole.desc->shape.size());
  const LayoutView all = view_of(whole);
  const size_t size = dtype_bits(whole.desc->type) / 8;
  int64_t start = 0;
  for (const TensorArg& part : parts) {
    LayoutView view = view_of(part);
    void* in_whole = element_address(whole, start * all.stride[axis]);
    start += view.shape[axis];
    const StridedLoop<2> loop = to_whole ? copy_loop(view.shape, all.stride, view.stride)
                                         : copy_loop(view.shape, view.stride, all.stride);
    copy_strided(loop, size, to_whole ? in_whole : part.data, to_whole ? part.data : in_whole, threads);
  }
}

void compute_concat(const Op& op, const RunArgs& args) {
  copy_parts(args.outputs[0], args.inputs, std::get<Concat>(op).axis, true, *args.threads);
}
void compute_split(const Op& op, const RunArgs& args) {
  copy_parts(args.inputs[0], args.outputs, std::get<Split>(op).axis, false, *args.threads);
}

template <class Axis>
std::vector<LayoutSignature> layouts(const Op& op, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return shared_layouts(inputs, outputs,
                        static_cast<int>(normal_axis(std::get<Axis>(op).axis, inputs[0].shape.size())));
}

}  // namespace

const Kernel& concat_cpu() {
  static const CpuKernel kernel("concat.cpu", Concat::name, check_concat, compute_concat, layouts<Concat>);
  return kernel;
}
const Kernel& split_cpu() {
  static const CpuKernel kernel("split.cpu", Split::name, check_split, compute_split, layouts<Split>);
  return kernel;
}

}  // namespace hone
