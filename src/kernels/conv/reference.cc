// y[n, m, o] = act(bias[m] + sum_{c, k} w[m, c, k] x[n, g C/group + c, o stride + k dilation - pad]) +
// residual[n, m, o], or act(… + residual[n, m, o / 2]) of an upsampled one. Sums are f64. ONNX Conv, any
// number of spatial axes.
#include <algorithm>

#include "kernels/conv/operands.h"
#include "kernels/elementwise/activation.h"

namespace hone {
namespace {

constexpr int64_t kStrip = 256;  // outputs of one row that are summed together

// acc[i] += weight * row[(first + i) * stride + shift] for the i whose input lies inside the row.
template <class T>
void add_tap(double* acc, int64_t first, int64_t count, const T* row, int64_t width, double weight,
             int64_t stride, int64_t shift) {
  const int64_t begin = std::max<int64_t>(first, shift >= 0 ? 0 : (-shift + stride - 1) / stride) - first;
  const int64_t end = width <= shift ? 0 : std::min(first + count, (width - 1 - shift) / stride + 1) - first;
  const T* x = row + first * stride + shift;
  if (stride == 1)
    for (int64_t i = begin; i < end; ++i) acc[i] += weight * static_cast<double>(widen(x[i]));
  else
    for (int64_t i = begin; i < end; ++i) acc[i] += weight * static_cast<double>(widen(x[i * stride]));
}

// One strip of one output row: every tap of every channel of the group. `at` is the row's place on the outer
// axes.
template <class T>
void sum_strip(double* acc, int64_t first, int64_t count, const T* x, std::span<const int64_t> in_shape,
               const T* weight, int64_t channels, const Window& w, const Dims& at) {
  const size_t last = w.rank - 1;
  const Dims in_strides = dense_strides(in_shape);
  const int64_t plane = product(in_shape), taps = product(std::span(w.kernel).first(w.rank));
  const int64_t row_taps = w.kernel[last], width = in_shape[last];
  walk<0>(std::span(w.kernel).first(last), {}, [&](const Dims& k, const auto&) {
    int64_t offset = 0, tap = 0;
    for (size_t i = 0; i < last; ++i) {
      const int64_t place = at[i] * w.stride[i] + k[i] * w.dilation[i] - w.pad_begin[i];
      if (place < 0 || place >= in_shape[i]) return;
      offset += place * in_strides[i];
      tap = tap * w.kernel[i] + k[i];
    }
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t kx = 0; kx < row_taps; ++kx)
        add_tap(acc, first, count, x + c * plane + offset, width,
                static_cast<double>(widen(weight[c * taps + tap * row_taps + kx])), w.stride[last],
                kx * w.dilation[last] - w.pad_begin[last]);
  });
}

template <class T>
void convolve(const Conv& conv, const RunArgs& args) {
  const ConvOperands<T> o(conv, args);
  const auto* residual =
      conv.has_residual ? static_cast<const T*>(args.inputs[conv.has_bias ? 3 : 2].data) : nullptr;
  const auto in_plane = o.in_plane(), out_plane = o.out_plane();
  const int64_t m_count = o.out[1], per_group = o.filter[1], m_per_group = m_count / conv.group;
  const int64_t in_size = product(in_plane), out_size = product(out_plane), width = out_plane.back();
  args.threads->run(static_cast<size_t>(o.out[0] * m_count), [&](size_t job) {
    const int64_t n = static_cast<int64_t>(job) / m_count, m = static_cast<int64_t>(job) % m_count;
    const T* first_channel = o.x + (n * o.in[1] + m / m_per_group * per_group) * in_size;
    const T* taps = o.weight + m * product(std::span(o.filter).subspan(1));
    int64_t at_output = static_cast<int64_t>(job) * out_size;
    double acc[kStrip];
    walk<0>(out_plane.first(o.window.rank - 1), {}, [&](const Dims& at, const auto&) {
      const T* low_row = nullptr;  // of an upsampled residual
      if (conv.residual_upsampled) {
        int64_t row = static_cast<int64_t>(job);
        for (size_t i = 0; i + 1 < o.window.rank; ++i) row = row * (out_plane[i] / 2) + at[i] / 2;
        low_row = residual + row * (width / 2);
      }
      for (int64_t first = 0; first < width; first += kStrip) {
        const int64_t count = std::min(kStrip, width - first);
        std::fill_n(acc, count, o.bias_of(m));
        sum_strip(acc, first, count, first_channel, in_plane, taps, per_group, o.window, at);
        for (int64_t i = 0; i < count; ++i, ++at_output) {
          if (low_row) acc[i] += static_cast<double>(widen(low_row[(first + i) / 2]));
          double value = activate(conv.activation, acc[i]);
          if (residual && !low_row) value += static_cast<double>(widen(residual[at_output]));
          o.y[at_output] = narrow<T>(value);
        }
      }
    });
  });
}

std::string check(const Problem& p) {
  const Conv& conv = std::get<Conv>(p.op);
  const size_t inputs = 2 + (conv.has_bias ? 1u : 0u) + (conv.has_residual ? 1u : 0u);
  if (std::string why = check_conv_operands(p, conv, inputs); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &filter = p.inputs[1].shape, &out = p.outputs[0].shape;
  if (in[1] != filter[1] * conv.group || out[1] != filter[0] || out[1] % conv.group)
    return "has channels that do not fit its groups";
  if (conv.residual_upsampled && !conv.has_residual) return "has no residual to upsample";
  return {};
}

void compute(const Op& op, const RunArgs& args) {
  visit_floating(args.outputs[0].desc->type,
                 [&](auto t) { convolve<decltype(t)>(std::get<Conv>(op), args); });
}

}  // namespace

const Kernel& conv_reference() {
  static const ReferenceKernel kernel("conv.reference", Conv::name, check, compute);
  return kernel;
}

}  // namespace hone
