// LayerNormalization, BatchNormalization (inference) and InstanceNormalization of ONNX, in f64.
#include <cmath>

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(ReadReal read, const void* x, int64_t first, int64_t count) {
  Moments m;
  for (int64_t i = 0; i < count; ++i) m.mean += read(x, first + i);
  m.mean /= static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) m.variance += std::pow(read(x, first + i) - m.mean, 2);
  m.variance /= static_cast<double>(count);
  return m;
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over `count` neighbours, scale and bias given by
// index.
template <class Scale, class Bias>
void normalise(const RunArgs& args, int64_t first, int64_t count, const Moments& m, float epsilon,
               Scale&& scale, Bias&& bias) {
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(args.outputs[0].desc->type);
  const double deviation = std::sqrt(m.variance + static_cast<double>(epsilon));
  for (int64_t i = 0; i < count; ++i)
    write(args.outputs[0].data, first + i,
          (read(args.inputs[0].data, first + i) - m.mean) / deviation * scale(i) + bias(i));
}

std::string check_types(const Problem& p, size_t least, size_t most) {
  if (std::string why = check_arity(p, least, most); !why.empty()) return why;
  for (size_t i = 0; i < p.inputs.size(); ++i)
    if (std::string why = check_floating(p, i); !why.empty()) return why;
  if (p.inputs[0].type != p.outputs[0].type || p.inputs[0].shape != p.outputs[0].shape)
    return "changes its operand's desc";
  return {};
}

std::string check_layer(const Problem& p) {
  if (std::string why = check_types(p, 2, 3); !why.empty()) return why;
  const Shape& shape = p.inputs[0].shape;
  const size_t axis = normal_axis(std::get<LayerNorm>(p.op).axis, shape.size());
  if (axis == shape.size()) return "has no such axis";
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (is_present(p, i) && product(p.inputs[i].shape) != product(std::span(shape).subspan(axis)))
      return "has a scale or bias of another size than what it normalises";
  return {};
}

void compute_layer(const Op& op, const RunArgs& args) {
  const auto& norm = std::get<LayerNorm>(op);
  const std::span shape(args.inputs[0].desc->shape);
  const size_t axis = normal_axis(norm.axis, shape.size());
  const int64_t outer = product(shape.first(axis)), inner = product(shape.subspan(axis));
  const TensorArg& scale = args.inputs[1];
  const bool has_bias = args.inputs.size() > 2 && args.inputs[2].data;
  const ReadReal read = real_reader(args.inputs[0].desc->type), read_scale = real_reader(scale.desc->type);
  const ReadReal read_bias = has_bias ? real_reader(args.inputs[2].desc->type) : nullptr;
  for (int64_t o = 0; o < outer; ++o)
    normalise(
        args, o * inner, inner, moments(read, args.inputs[0].data, o * inner, inner), norm.epsilon,
        [&](int64_t i) { return read_scale(scale.data, i); },
        [&](int64_t i) { return has_bias ? read_bias(args.inputs[2].data, i) : 0; });
}

std::string check_channels(const Problem& p, size_t inputs) {
  if (std::string why = check_types(p, inputs, inputs); !why.empty()) return why;
  if (p.inputs[0].shape.size() < 2) return "wants channels on axis 1";
  for (size_t i = 1; i < inputs; ++i)
    if (product(p.inputs[i].shape) != p.inputs[0].shape[1])
      return "has parameters that are not one a channel";
  return {};
}
std::string check_batch(const Problem& p) { return check_channels(p, 5); }
std::string check_instance(const Problem& p) { return check_channels(p, 3); }

double parameter(const RunArgs& args, size_t input, int64_t channel) {
  return real_reader(args.inputs[input].desc->type)(args.inputs[input].data, channel);
}

// Calls f(channel, first element, elements) for every picture and channel.
template <class F>
void each_channel(const RunArgs& args, F&& f) {
  const std::span shape(args.inputs[0].desc->shape);
  const int64_t size = product(shape.subspan(2));
  for (int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) f(plane % shape[1], plane * size, size);
}

void compute_batch(const Op& op, const RunArgs& args) {
  each_channel(args, [&](int64_t channel, int64_t first, int64_t size) {
    const Moments m{.mean = parameter(args, 3, channel), .variance = parameter(args, 4, channel)};
    const double scale = parameter(args, 1, channel), bias = parameter(args, 2, channel);
    normalise(
        args, first, size, m, std::get<BatchNorm>(op).epsilon, [&](int64_t) { return scale; },
        [&](int64_t) { return bias; });
  });
}

void compute_instance(const Op& op, const RunArgs& args) {
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  each_channel(args, [&](int64_t channel, int64_t first, int64_t size) {
    const double scale = parameter(args, 1, channel), bias = parameter(args, 2, channel);
    normalise(
        args, first, size, moments(read, args.inputs[0].data, first, size),
        std::get<InstanceNorm>(op).epsilon, [&](int64_t) { return scale; }, [&](int64_t) { return bias; });
  });
}

}  // namespace

const Kernel& layer_norm_reference() {
  static const ReferenceKernel kernel("layer_norm.reference", LayerNorm::name, check_layer, compute_layer);
  return kernel;
}
const Kernel& batch_norm_reference() {
  static const ReferenceKernel kernel("batch_norm.reference", BatchNorm::name, check_batch, compute_batch);
  return kernel;
}
const Kernel& instance_norm_reference() {
  static const ReferenceKernel kernel("instance_norm.reference", InstanceNorm::name, check_instance,
                                      compute_instance);
  return kernel;
}

}  // namespace hone
