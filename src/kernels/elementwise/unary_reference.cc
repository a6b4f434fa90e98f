// y[i] = f(x[i]). Floating types are computed in f64; integer types take the functions that make sense for
// them.
#include <algorithm>

#include "kernels/element.h"
#include "kernels/elementwise/activation.h"
#include "kernels/index_walk.h"

namespace hone {
namespace {

// Integers that pass 2^53 stay exact.
int64_t activate_integer(const Activation& f, DType type, int64_t x) {
  const bool is_unsigned_64 = type == DType::u64;
  switch (f.kind) {
    case UnaryKind::relu:
      return is_unsigned_64 ? x : std::max<int64_t>(x, 0);
    case UnaryKind::neg:
      return static_cast<int64_t>(0 - static_cast<uint64_t>(x));
    case UnaryKind::abs:
      return x < 0 && !is_unsigned_64 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x;
    case UnaryKind::sign:
      return is_unsigned_64 ? x != 0 : (x > 0) - (x < 0);
    case UnaryKind::bitwise_not:
      return ~x;
    case UnaryKind::logical_not:
      return x == 0;
    case UnaryKind::clip: {
      const double value =
          is_unsigned_64 ? static_cast<double>(static_cast<uint64_t>(x)) : static_cast<double>(x);
      if (value < static_cast<double>(f.alpha)) return static_cast<int64_t>(f.alpha);
      if (value > static_cast<double>(f.beta)) return static_cast<int64_t>(f.beta);
      return x;
    }
    default:
      return x;
  }
}

bool takes_integers(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::identity:
    case UnaryKind::relu:
    case UnaryKind::neg:
    case UnaryKind::abs:
    case UnaryKind::sign:
    case UnaryKind::bitwise_not:
    case UnaryKind::logical_not:
    case UnaryKind::clip:
      return true;
    default:
      return false;
  }
}

bool gives_boolean(UnaryKind kind) {
  return kind == UnaryKind::logical_not || kind == UnaryKind::is_nan || kind == UnaryKind::is_inf;
}

std::string check(const Problem& p) {
  const Activation& f = std::get<Unary>(p.op).function;
  if (std::string why = check_arity(p, 1, 1); !why.empty()) return why;
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.shape != y.shape) return "changes the shape";
  if (gives_boolean(f.kind) ? y.type != DType::boolean : x.type != y.type) return "changes the type";
  if (!is_floating(x.type) && !takes_integers(f.kind))
    return std::string(unary_name(f.kind)) + " does not take " + std::string(dtype_name(x.type));
  if (is_floating(x.type) && f.kind == UnaryKind::bitwise_not) return "bitwise_not takes integers";
  return {};
}

void compute(const Op& op, const RunArgs& args) {
  const Activation& f = std::get<Unary>(op).function;
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const int64_t count = product(x.desc->shape);
  if (f.is_identity()) {
    if (x.data != y.data) std::memcpy(y.data, x.data, byte_count(x.desc->type, x.desc->shape).value_or(0));
  } else if (is_floating(x.desc->type)) {
    const ReadReal read = real_reader(x.desc->type);
    const WriteReal write = real_writer(y.desc->type);
    for (int64_t i = 0; i < count; ++i) write(y.data, i, activate(f, read(x.data, i)));
  } else {
    const ReadInt read = int_reader(x.desc->type);
    const WriteInt write = int_writer(y.desc->type);
    for (int64_t i = 0; i < count; ++i) write(y.data, i, activate_integer(f, x.desc->type, read(x.data, i)));
  }
}

}  // namespace

const Kernel& unary_reference() {
  static const ReferenceKernel kernel("unary.reference", Unary::name, check, compute);
  return kernel;
}

}  // namespace hone
