// ONNX ConvTranspose: y[n, m, o] = act(bias[m] + sum x[n, c, i] w[c, m', k]) over i stride + k dilation - pad
// = o. Read from the output's side, so that every output has one owner. Sums are f64.
#include "kernels/element.h"
#include "kernels/elementwise/activation.h"
#include "kernels/window.h"

namespace hone {
namespace {

// Where tap k of output `at` reads the input plane, or -1.
int64_t source_of(const Window& w, std::span<const int64_t> in_shape, const Dims& at, const Dims& k) {
  int64_t offset = 0;
  for (size_t i = 0; i < w.rank; ++i) {
    const int64_t place = at[i] + w.pad_begin[i] - k[i] * w.dilation[i];
    if (place < 0 || place % w.stride[i] != 0 || place / w.stride[i] >= in_shape[i]) return -1;
    offset = offset * in_shape[i] + place / w.stride[i];
  }
  return offset;
}

template <class T>
void convolve(const ConvTranspose& conv, const RunArgs& args) {
  const Shape& in = args.inputs[0].desc->shape;
  const Shape& filter = args.inputs[1].desc->shape;
  const Shape& out = args.outputs[0].desc->shape;
  const auto* x = static_cast<const T*>(args.inputs[0].data);
  const auto* weight = static_cast<const T*>(args.inputs[1].data);
  const auto* bias = conv.has_bias ? static_cast<const T*>(args.inputs[2].data) : nullptr;
  auto* y = static_cast<T*>(args.outputs[0].data);
  const Window w = make_window(std::span(filter).subspan(2), conv.strides, conv.pads, conv.dilations);
  const auto in_plane = std::span(in).subspan(2), out_plane = std::span(out).subspan(2);
  const int64_t in_size = product(in_plane), taps = product(std::span(filter).subspan(2));
  const int64_t channels = in[1] / conv.group, per_group = filter[1];
  args.threads->run(static_cast<size_t>(out[0] * out[1]), [&](size_t job) {
    const int64_t n = static_cast<int64_t>(job) / out[1], m = static_cast<int64_t>(job) % out[1];
    const int64_t first = m / per_group * channels;
    int64_t at_output = static_cast<int64_t>(job) * product(out_plane);
    walk<0>(out_plane, {}, [&](const Dims& at, const auto&) {
      double sum = bias ? static_cast<double>(widen(bias[m])) : 0;
      int64_t tap = 0;
      walk<0>(std::span(w.kernel).first(w.rank), {}, [&](const Dims& k, const auto&) {
        const int64_t offset = source_of(w, in_plane, at, k);
        for (int64_t c = first; offset >= 0 && c < first + channels; ++c)
          sum += static_cast<double>(widen(x[(n * in[1] + c) * in_size + offset])) *
                 static_cast<double>(widen(weight[(c * per_group + m % per_group) * taps + tap]));
        ++tap;
      });
      y[at_output++] = narrow<T>(activate(conv.activation, sum));
    });
  });
}

std::string check(const Problem& p) {
  const auto& conv = std::get<ConvTranspose>(p.op);
  const size_t inputs = conv.has_bias ? 3 : 2;
  if (std::string why = check_arity(p, inputs, inputs); !why.empty()) return why;
  if (std::string why = check_floating(p, 0); !why.empty()) return why;
  for (const TensorDesc& desc : p.inputs)
    if (std::string why = check_same_type(p.outputs[0], desc); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &filter = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (in.size() < 3 || filter.size() != in.size() || out.size() != in.size())
    return "has operands of unequal rank";
  if (conv.group < 1 || in[1] != filter[0] || in[1] % conv.group || out[1] != filter[1] * conv.group)
    return "has channels that do not fit its groups";
  return check_window(in.size() - 2, conv.strides, conv.pads, conv.dilations);
}

void compute(const Op& op, const RunArgs& args) {
  visit_floating(args.outputs[0].desc->type,
                 [&](auto t) { convolve<decltype(t)>(std::get<ConvTranspose>(op), args); });
}

}  // namespace

const Kernel& conv_transpose_reference() {
  static const ReferenceKernel kernel("conv_transpose.reference", ConvTranspose::name, check, compute);
  return kernel;
}

}  // namespace hone
