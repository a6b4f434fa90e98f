// Softmax and LogSoftmax along one axis: exp(x - max) / sum exp(x - max), in f64.
#include <cmath>
#include <limits>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

std::string check(const Problem& p) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  if (std::string why = check_floating(p, 0); !why.empty()) return why;
  if (p.inputs[0].type != p.outputs[0].type || p.inputs[0].shape != p.outputs[0].shape)
    return "changes its operand's desc";
  const size_t rank = p.inputs[0].shape.size();
  if (normal_axis(std::get<Softmax>(p.op).axis, rank) == rank) return "has no such axis";
  return {};
}

void compute(const Op& op, const RunArgs& args) {
  const auto& softmax = std::get<Softmax>(op);
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const std::span shape(x.desc->shape);
  const size_t axis = normal_axis(softmax.axis, shape.size());
  const int64_t outer = product(shape.first(axis)), length = shape[axis],
                inner = product(shape.subspan(axis + 1));
  const ReadReal read = real_reader(x.desc->type);
  const WriteReal write = real_writer(y.desc->type);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t first = o * length * inner + i;
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t k = 0; k < length; ++k) most = std::fmax(most, read(x.data, first + k * inner));
      for (int64_t k = 0; k < length; ++k) sum += std::exp(read(x.data, first + k * inner) - most);
      for (int64_t k = 0; k < length; ++k) {
        const double shifted = read(x.data, first + k * inner) - most;
        write(y.data, first + k * inner, softmax.log ? shifted - std::log(sum) : std::exp(shifted) / sum);
      }
    }
}

}  // namespace

const Kernel& softmax_reference() {
  static const ReferenceKernel kernel("softmax.reference", Softmax::name, check, compute, true);
  return kernel;
}

}  // namespace hone
