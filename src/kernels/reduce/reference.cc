// ONNX Reduce* and ArgMax, ArgMin. Floats are summed in f64, integers in 64 bits.
#include <cmath>
#include <limits>

#include "kernels/movement/strided.h"

namespace hone {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What is kept (the output's indices) and what is reduced, with the input's distances along each.
struct Axes {
  Extents kept, reduced;
  Dims kept_strides{}, reduced_strides{};
};

Axes split_axes(const Shape& in, std::span<const bool> is_reduced) {
  Axes axes;
  const Dims strides = dense_strides(in);
  for (size_t i = 0; i < in.size(); ++i) {
    Extents& shape = is_reduced[i] ? axes.reduced : axes.kept;
    (is_reduced[i] ? axes.reduced_strides : axes.kept_strides)[shape.size()] = strides[i];
    shape.push_back(in[i]);
  }
  return axes;
}

double reduce_reals(ReduceKind kind, ReadReal read, const void* x, int64_t first, const Axes& axes) {
  const auto each = [&](auto&& f) {
    walk<1>(axes.reduced, {axes.reduced_strides},
            [&](const Dims&, const auto& offset) { f(read(x, first + offset[0])); });
  };
  double result = kind == ReduceKind::prod  ? 1
                  : kind == ReduceKind::min ? kInfinity
                  : kind == ReduceKind::max ? -kInfinity
                                            : 0;
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::log_sum:
    case ReduceKind::mean:
      each([&](double v) { result += v; });
      break;
    case ReduceKind::max:
      each([&](double v) { result = v > result || v != v ? v : result; });
      break;
    case ReduceKind::min:
      each([&](double v) { result = v < result || v != v ? v : result; });
      break;
    case ReduceKind::prod:
      each([&](double v) { result *= v; });
      break;
    case ReduceKind::l1:
      each([&](double v) { result += std::fabs(v); });
      break;
    case ReduceKind::l2:
    case ReduceKind::sum_square:
      each([&](double v) { result += v * v; });
      break;
    case ReduceKind::log_sum_exp: {
      double most = -kInfinity;
      each([&](double v) { most = std::fmax(most, v); });
      if (!std::isfinite(most)) return most;
      each([&](double v) { result += std::exp(v - most); });
      return most + std::log(result);
    }
    case ReduceKind::count:
      break;
  }
  if (kind == ReduceKind::mean) return result / static_cast<double>(product(axes.reduced));
  if (kind == ReduceKind::l2) return std::sqrt(result);
  return kind == ReduceKind::log_sum ? std::log(result) : result;
}

int64_t reduce_integers(ReduceKind kind, ReadInt read, const void* x, int64_t first, const Axes& axes) {
  uint64_t sum = kind == ReduceKind::prod ? 1 : 0;  // wraps around
  int64_t best =
      kind == ReduceKind::max ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  walk<1>(axes.reduced, {axes.reduced_strides}, [&](const Dims&, const auto& offset) {
    const int64_t v = read(x, first + offset[0]);
    const auto u = static_cast<uint64_t>(v);
    switch (kind) {
      case ReduceKind::max:
        best = std::max(best, v);
        break;
      case ReduceKind::min:
        best = std::min(best, v);
        break;
      case ReduceKind::prod:
        sum *= u;
        break;
      case ReduceKind::l1:
        sum += v < 0 ? 0 - u : u;
        break;
      case ReduceKind::l2:
      case ReduceKind::sum_square:
        sum += u * u;
        break;
      default:
        sum += u;
    }
  });
  if (kind == ReduceKind::max || kind == ReduceKind::min) return best;
  if (kind == ReduceKind::mean)
    return static_cast<int64_t>(sum) / std::max<int64_t>(product(axes.reduced), 1);
  if (kind == ReduceKind::l2) return static_cast<int64_t>(std::sqrt(static_cast<double>(sum)));
  return static_cast<int64_t>(sum);
}

std::string check_reduce(const Problem& p) {
  if (std::string why = check_arity(p, 1, 2); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.outputs[0]); !why.empty()) return why;
  const ReduceKind kind = std::get<Reduce>(p.op).kind;
  if (!is_floating(p.inputs[0].type) && (kind == ReduceKind::log_sum || kind == ReduceKind::log_sum_exp))
    return "takes logarithms of integers";
  return check_indices(p, 1);
}

void compute_reduce(const Op& op, const RunArgs& args) {
  const auto& reduce = std::get<Reduce>(op);
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  std::array<bool, kMaxRank> reduced{};
  const int64_t named = index_count(args, 1);
  if (named == 0 && !reduce.noop_with_empty_axes) reduced.fill(true);
  for (int64_t i = 0; i < named; ++i)
    if (const size_t axis = normal_axis(index_at(args, 1, i, 0), in.size()); axis < in.size())
      reduced[axis] = true;
  const Axes axes = split_axes(in, reduced);
  if (product(axes.kept) != product(y.desc->shape))
    return;  // axes that were not those the shape was inferred from
  int64_t at = 0;
  if (is_floating(x.desc->type)) {
    const ReadReal read = real_reader(x.desc->type);
    const WriteReal write = real_writer(y.desc->type);
    walk<1>(axes.kept, {axes.kept_strides}, [&](const Dims&, const auto& offset) {
      write(y.data, at++, reduce_reals(reduce.kind, read, x.data, offset[0], axes));
    });
    return;
  }
  const ReadInt read = int_reader(x.desc->type);
  const WriteInt write = int_writer(y.desc->type);
  walk<1>(axes.kept, {axes.kept_strides}, [&](const Dims&, const auto& offset) {
    write(y.data, at++, reduce_integers(reduce.kind, read, x.data, offset[0], axes));
  });
}

std::string check_arg(const Problem& p) {
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  if (p.outputs[0].type != DType::i64) return "gives another type than i64";
  const std::span in(p.inputs[0].shape);
  const size_t axis = normal_axis(std::get<ArgReduce>(p.op).axis, in.size());
  if (axis == in.size()) return "has no such axis";
  if (in[axis] == 0) return "has nothing to choose from";
  return product(p.outputs[0].shape) == product(in.first(axis)) * product(in.subspan(axis + 1))
             ? ""
             : "has another shape";
}

void compute_arg(const Op& op, const RunArgs& args) {
  const auto& arg = std::get<ArgReduce>(op);
  const TensorArg& x = args.inputs[0];
  const std::span in(x.desc->shape);
  const size_t axis = normal_axis(arg.axis, in.size());
  const int64_t outer = product(in.first(axis)), length = in[axis], inner = product(in.subspan(axis + 1));
  const ReadReal read = real_reader(x.desc->type);
  auto* y = static_cast<int64_t*>(args.outputs[0].data);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t first = o * length * inner + i;
      int64_t best = 0;
      for (int64_t k = 1; k < length; ++k) {
        const double value = read(x.data, first + k * inner), most = read(x.data, first + best * inner);
        if (arg.largest ? value > most : value < most) best = k;
        if (arg.select_last && value == most) best = k;
      }
      *y++ = best;
    }
}

}  // namespace

const Kernel& reduce_reference() {
  static const ReferenceKernel kernel("reduce.reference", Reduce::name, check_reduce, compute_reduce);
  return kernel;
}
const Kernel& arg_reduce_reference() {
  static const ReferenceKernel kernel("arg_reduce.reference", ArgReduce::name, check_arg, compute_arg);
  return kernel;
}

}  // namespace hone
