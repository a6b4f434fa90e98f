// ONNX MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool over any number of spatial axes.
#include <limits>

#include "kernels/element.h"
#include "kernels/window.h"

namespace hone {
namespace {

struct Pooled {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  int64_t inside = 0;  // taps on the picture
  int64_t padded = 0;  // taps on the picture or its padding, not beyond it (where ceil_mode may reach)
};

Pooled pool_window(const Window& w, std::span<const int64_t> in_shape, const Dims& at, ReadReal read,
                   const void* x, int64_t base) {
  Pooled result;
  const Dims strides = dense_strides(in_shape);
  walk<0>(std::span(w.kernel).first(w.rank), {}, [&](const Dims& k, const auto&) {
    int64_t offset = base;
    bool inside = true, padded = true;
    for (size_t i = 0; i < w.rank; ++i) {
      const int64_t place = at[i] * w.stride[i] + k[i] * w.dilation[i] - w.pad_begin[i];
      inside = inside && place >= 0 && place < in_shape[i];
      padded = padded && place < in_shape[i] + w.pad_end[i];
      offset += place * strides[i];
    }
    result.padded += padded;
    if (!inside) return;
    ++result.inside;
    const double value = read(x, offset);
    result.sum += value;
    if (value > result.most || value != value) result.most = value;
  });
  return result;
}

void compute_pool(const Op& op, const RunArgs& args) {
  const Pool& pool = std::get<Pool>(op);
  const Shape &in = args.inputs[0].desc->shape, &out = args.outputs[0].desc->shape;
  const Window w = make_window(pool.kernel, pool.strides, pool.pads, pool.dilations);
  const auto in_plane = std::span(in).subspan(2), out_plane = std::span(out).subspan(2);
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(args.outputs[0].desc->type);
  const int64_t in_size = product(in_plane), out_size = product(out_plane);
  args.threads->run(static_cast<size_t>(out[0] * out[1]), [&](size_t job) {
    int64_t at_output = static_cast<int64_t>(job) * out_size;
    walk<0>(out_plane, {}, [&](const Dims& at, const auto&) {
      const Pooled p =
          pool_window(w, in_plane, at, read, args.inputs[0].data, static_cast<int64_t>(job) * in_size);
      const int64_t count = pool.count_include_pad ? p.padded : p.inside;
      const double mean = count > 0 ? p.sum / static_cast<double>(count) : 0;
      write(args.outputs[0].data, at_output++, pool.kind == PoolKind::max ? p.most : mean);
    });
  });
}

std::string check_types(const Problem& p, PoolKind kind) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.outputs[0]); !why.empty()) return why;
  const DType type = p.inputs[0].type;
  if (kind == PoolKind::max && (type == DType::i8 || type == DType::u8)) return {};
  return check_floating(p, 0);
}

std::string check_pool(const Problem& p) {
  const Pool& pool = std::get<Pool>(p.op);
  if (std::string why = check_types(p, pool.kind); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (in.size() != pool.kernel.size() + 2 || out.size() != in.size() || in[0] != out[0] || in[1] != out[1])
    return "has operands that do not fit its window";
  if (std::ranges::any_of(pool.kernel, [](int64_t k) { return k < 1; })) return "has an empty window";
  return check_window(pool.kernel.size(), pool.strides, pool.pads, pool.dilations);
}

void compute_global(const Op& op, const RunArgs& args) {
  const bool most = std::get<GlobalPool>(op).kind == PoolKind::max;
  const Shape& in = args.inputs[0].desc->shape;
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(args.outputs[0].desc->type);
  const int64_t size = product(std::span(in).subspan(2));
  for (int64_t plane = 0; plane < in[0] * in[1]; ++plane) {
    double best = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < size; ++i) {
      const double value = read(args.inputs[0].data, plane * size + i);
      sum += value;
      if (value > best || value != value) best = value;
    }
    write(args.outputs[0].data, plane, most ? best : sum / static_cast<double>(size));
  }
}

std::string check_global(const Problem& p) {
  if (std::string why = check_types(p, std::get<GlobalPool>(p.op).kind); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (in.size() < 2 || out.size() < 2 || product(out) != in[0] * in[1]) return "has operands of unequal rank";
  return {};
}

}  // namespace

const Kernel& pool_reference() {
  static const ReferenceKernel kernel("pool.reference", Pool::name, check_pool, compute_pool);
  return kernel;
}
const Kernel& global_pool_reference() {
  static const ReferenceKernel kernel("global_pool.reference", GlobalPool::name, check_global,
                                      compute_global);
  return kernel;
}

}  // namespace hone
