// Gather of plain operands: rows of bytes, threaded. Indices are data, so one outside its axis gives zeros.
#include <cstring>

#include "kernels/cpu_kernel.h"
#include "kernels/element.h"

namespace hone {
namespace {

Verdict check(const Problem& p) {
  if (p.inputs.size() != 2 || p.outputs.size() != 1 || !p.inputs[0].has_shape || !p.inputs[1].has_shape)
    return Verdict::no("takes two inputs");
  if (!all_plain(p)) return Verdict::no("wants plain operands");
  const DType type = p.inputs[1].type;
  if (type != DType::i64 && type != DType::i32) return Verdict::no("wants i64 or i32 indices");
  const std::span in(p.inputs[0].shape);
  const size_t axis = normal_axis(std::get<Gather>(p.op).axis, in.size());
  if (axis == in.size()) return Verdict::no("has no such axis");
  if (p.inputs[0].type != p.outputs[0].type ||
      product(p.outputs[0].shape) !=
          product(in.first(axis)) * product(p.inputs[1].shape) * product(in.subspan(axis + 1)))
    return Verdict::no("has operands that do not fit");
  return yes_to(p, {.image_stride = false});
}

void compute(const Op& op, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &indices = args.inputs[1];
  const std::span in(x.desc->shape);
  const size_t axis = normal_axis(std::get<Gather>(op).axis, in.size());
  const int64_t extent = in[axis], count = product(indices.desc->shape);
  const int64_t row = product(in.subspan(axis + 1)) * static_cast<int64_t>(element_size(x.desc->type));
  const ReadInt read = int_reader(indices.desc->type);
  parallel_ranges(*args.threads, product(in.first(axis)) * count, (32 << 10) / (row + 1) + 1,
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) {
                      int64_t index = read(indices.data, i % count);
                      if (index < 0) index += extent;
                      auto* to = static_cast<std::byte*>(args.outputs[0].data) + i * row;
                      if (index < 0 || index >= extent)
                        std::memset(to, 0, static_cast<size_t>(row));
                      else
                        std::memcpy(
                            to, static_cast<const std::byte*>(x.data) + (i / count * extent + index) * row,
                            static_cast<size_t>(row));
                    }
                  });
}

}  // namespace

const Kernel& gather_cpu() {
  static const CpuKernel kernel("gather.cpu", Gather::name, check, compute);
  return kernel;
}

}  // namespace hone
