// ONNX ConvTranspose: y[n, m, o] = act(bias[m] + sum x[n, c, i] w[c, m', k]) over i stride + k dilation - pad
// = o. Read from the output's side, so that every output has one owner. Sums are f64.
#include "kernels/conv/operands.h"
#include "kernels/elementwise/activation.h"

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
  const ConvOperands<T> o(conv, args);
  const auto in_plane = o.in_plane(), out_plane = o.out_plane();
  const int64_t in_size = product(in_plane), taps = product(o.kernel());
  const int64_t channels = o.in[1] / conv.group, per_group = o.filter[1];
  args.threads->run(static_cast<size_t>(o.out[0] * o.out[1]), [&](size_t job) {
    const int64_t n = static_cast<int64_t>(job) / o.out[1], m = static_cast<int64_t>(job) % o.out[1];
    const int64_t first = m / per_group * channels;
    int64_t at_output = static_cast<int64_t>(job) * product(out_plane);
    walk<0>(out_plane, {}, [&](const Dims& at, const auto&) {
      double sum = o.bias_of(m);
      int64_t tap = 0;
      walk<0>(o.kernel(), {}, [&](const Dims& k, const auto&) {
        const int64_t offset = source_of(o.window, in_plane, at, k);
        for (int64_t c = first; offset >= 0 && c < first + channels; ++c)
          sum += static_cast<double>(widen(o.x[(n * o.in[1] + c) * in_size + offset])) *
                 static_cast<double>(widen(o.weight[(c * per_group + m % per_group) * taps + tap]));
        ++tap;
      });
      o.y[at_output++] = narrow<T>(activate(conv.activation, sum));
    });
  });
}

std::string check(const Problem& p) {
  const auto& conv = std::get<ConvTranspose>(p.op);
  if (std::string why = check_conv_operands(p, conv, conv.has_bias ? 3 : 2); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &filter = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (in[1] != filter[0] || in[1] % conv.group || out[1] != filter[1] * conv.group)
    return "has channels that do not fit its groups";
  return {};
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
