// The loops of loops.h for the instruction set of the including file.
#pragma once

#include "kernels/simd/loops.h"
#include "kernels/simd/vec.h"

namespace hone {
namespace HONE_ISA {

template <class F>
HONE_INLINE void map(const float* x, float* y, int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, static_cast<int>(n - i))), static_cast<int>(n - i));
}

// Halves to even: the float adder rounds away the fraction bits of numbers below 2^23.
HONE_INLINE vec round_even(vec x) {
  const vec magnitude = abs(x);
  const vec rounded = (magnitude + 8388608.0f) - 8388608.0f;
  const ivec sign = bits(x) & static_cast<int32_t>(0x80000000u);
  return magnitude < 8388608.0f ? from_bits(bits(rounded) | sign) : x;
}

static void unary(const Activation& f, const float* x, float* y, int64_t n) {
  const vec zero = splat(0), alpha = splat(f.alpha), beta = splat(f.beta);
  switch (f.kind) {
    case UnaryKind::identity:
      return map(x, y, n, [](vec v) { return v; });
    case UnaryKind::relu:
      return map(x, y, n, [=](vec v) { return max(v, zero); });
    case UnaryKind::leaky_relu:
      return map(x, y, n, [=](vec v) { return v < 0.0f ? alpha * v : v; });
    case UnaryKind::silu:
      return map(x, y, n, [](vec v) { return silu(v); });
    case UnaryKind::sigmoid:
      return map(x, y, n, [](vec v) { return sigmoid(v); });
    case UnaryKind::hard_sigmoid:
      return map(x, y, n, [=](vec v) { return min(max(alpha * v + beta, zero), zero + 1.0f); });
    case UnaryKind::hard_swish:
      return map(x, y, n, [=](vec v) { return v * min(max(v * (1.0f / 6) + 0.5f, zero), zero + 1.0f); });
    case UnaryKind::tanh:
      return map(x, y, n, [](vec v) { return tanh(v); });
    case UnaryKind::gelu:
      return map(x, y, n, [](vec v) { return gelu(v); });
    case UnaryKind::gelu_tanh:
      return map(x, y, n, [](vec v) { return gelu_tanh(v); });
    case UnaryKind::elu:
      return map(x, y, n, [=](vec v) { return v < 0.0f ? alpha * (exp(v) - 1.0f) : v; });
    case UnaryKind::mish:
      return map(x, y, n, [](vec v) { return mish(v); });
    case UnaryKind::softsign:
      return map(x, y, n, [](vec v) { return v / (1.0f + abs(v)); });
    case UnaryKind::clip:
      return map(x, y, n, [=](vec v) { return min(max(v, alpha), beta); });
    case UnaryKind::exp:
      return map(x, y, n, [](vec v) { return exp(v); });
    case UnaryKind::erf:
      return map(x, y, n, [](vec v) { return erf(v); });
    case UnaryKind::neg:
      return map(x, y, n, [](vec v) { return -v; });
    case UnaryKind::abs:
      return map(x, y, n, [](vec v) { return abs(v); });
    case UnaryKind::reciprocal:
      return map(x, y, n, [](vec v) { return 1.0f / v; });
    case UnaryKind::round:
      return map(x, y, n, [](vec v) { return round_even(v); });
    case UnaryKind::floor:
      return map(x, y, n, [](vec v) {
        const vec r = round_even(v);
        return r > v ? r - 1.0f : r;
      });
    case UnaryKind::ceil:
      return map(x, y, n, [](vec v) {
        const vec r = round_even(v);
        return r < v ? r + 1.0f : r;
      });
    case UnaryKind::sqrt:
      for (int64_t i = 0; i < n; ++i) y[i] = __builtin_sqrtf(x[i]);
      return;
    default:
      return;
  }
}

template <class F>
HONE_INLINE void zip(Loops::Operand a, Loops::Operand b, float* y, int64_t y_row_step, int64_t rows,
                     int64_t n, F&& f) {
  for (int64_t r = 0; r < rows; ++r, a.data += a.row_step, b.data += b.row_step, y += y_row_step) {
    const vec whole_a = splat(a.data[0]), whole_b = splat(b.data[0]);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
      store(y + i, f(a.step ? load(a.data + i) : whole_a, b.step ? load(b.data + i) : whole_b));
    if (i == n) continue;
    const int rest = static_cast<int>(n - i);
    store_part(
        y + i,
        f(a.step ? load_part(a.data + i, rest) : whole_a, b.step ? load_part(b.data + i, rest) : whole_b),
        rest);
  }
}

static void binary(BinaryKind kind, Loops::Operand a, Loops::Operand b, float* y, int64_t y_row_step,
                   int64_t rows, int64_t n) {
  const auto run = [&](auto f) { zip(a, b, y, y_row_step, rows, n, f); };
  switch (kind) {
    case BinaryKind::add:
      return run([](vec p, vec q) { return p + q; });
    case BinaryKind::sub:
      return run([](vec p, vec q) { return p - q; });
    case BinaryKind::mul:
      return run([](vec p, vec q) { return p * q; });
    case BinaryKind::div:
      return run([](vec p, vec q) { return p / q; });
    case BinaryKind::min:
      return run([](vec p, vec q) { return min(p, q); });
    case BinaryKind::max:
      return run([](vec p, vec q) { return max(p, q); });
    case BinaryKind::prelu:
      return run([](vec p, vec q) { return p < 0.0f ? p * q : p; });
    default:
      return;
  }
}

// What one element adds, and how two partial results join.
struct SumOf {
  static vec start() { return splat(0); }
  static vec join(vec a, vec b) { return a + b; }
};
struct Sum : SumOf {
  static vec take(vec acc, vec x) { return acc + x; }
};
struct SumAbs : SumOf {
  static vec take(vec acc, vec x) { return acc + abs(x); }
};
struct SumSquare : SumOf {
  static vec take(vec acc, vec x) { return acc + x * x; }
};
struct Most {
  static vec start() { return splat(-__builtin_inff()); }
  static vec take(vec acc, vec x) { return max(acc, x); }
  static vec join(vec a, vec b) { return max(a, b); }
};
struct Least {
  static vec start() { return splat(__builtin_inff()); }
  static vec take(vec acc, vec x) { return min(acc, x); }
  static vec join(vec a, vec b) { return min(a, b); }
};

template <class F>
HONE_INLINE double with_kind(ReduceKind kind, F&& f) {
  switch (kind) {
    case ReduceKind::l1:
      return f(SumAbs{});
    case ReduceKind::l2:
    case ReduceKind::sum_square:
      return f(SumSquare{});
    case ReduceKind::max:
      return f(Most{});
    case ReduceKind::min:
      return f(Least{});
    default:
      return f(Sum{});
  }
}

// Up to this many elements a lane are summed in f32, so that the error stays near 1e-6.
constexpr int64_t kPartialSteps = 64;

template <class Kind>
HONE_INLINE vec reduce_part(const float* x, int64_t n) {
  vec acc[4] = {Kind::start(), Kind::start(), Kind::start(), Kind::start()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes)
    for (int k = 0; k < 4; ++k) acc[k] = Kind::take(acc[k], load(x + i + k * kLanes));
  for (; i + kLanes <= n; i += kLanes) acc[0] = Kind::take(acc[0], load(x + i));
  vec all = Kind::join(Kind::join(acc[0], acc[1]), Kind::join(acc[2], acc[3]));
  for (; i < n; ++i) {
    const vec one = Kind::take(Kind::start(), splat(x[i]));
    vec lane = Kind::start();
    lane[0] = one[0];
    all = Kind::join(all, lane);
  }
  return all;
}

static double reduce(ReduceKind kind, const float* x, int64_t n) {
  return with_kind(kind, [&](auto how) {
    using Kind = decltype(how);
    constexpr int64_t kPart = kPartialSteps * 4 * kLanes;
    if constexpr (__is_base_of(SumOf, Kind)) {
      double total = 0;
      for (int64_t i = 0; i < n; i += kPart) {
        const vec part = reduce_part<Kind>(x + i, n - i < kPart ? n - i : kPart);
        for (int k = 0; k < kLanes; ++k) total += static_cast<double>(part[k]);
      }
      return total;
    } else {
      const vec all = reduce_part<Kind>(x, n);
      vec best = all;
      for (int k = 1; k < kLanes; ++k) best = Kind::join(best, splat(all[k]));
      return static_cast<double>(best[0]);
    }
  });
}

// Two vectors of columns at a time: a cache line of each row.
template <class Kind, int kVectors>
HONE_INLINE void reduce_strip(const float* x, int64_t length, int64_t step, float* y) {
  vec total[kVectors];
  for (int k = 0; k < kVectors; ++k) total[k] = Kind::start();
  for (int64_t first = 0; first < length; first += kPartialSteps) {
    const int64_t end = first + kPartialSteps < length ? first + kPartialSteps : length;
    vec acc[kVectors];
    for (int k = 0; k < kVectors; ++k) acc[k] = Kind::start();
    for (int64_t i = first; i < end; ++i)
      for (int k = 0; k < kVectors; ++k) acc[k] = Kind::take(acc[k], load(x + i * step + k * kLanes));
    for (int k = 0; k < kVectors; ++k) total[k] = Kind::join(total[k], acc[k]);
  }
  for (int k = 0; k < kVectors; ++k) store(y + k * kLanes, total[k]);
}

static void reduce_columns(ReduceKind kind, const float* x, int64_t length, int64_t step, float* y,
                           int64_t n) {
  with_kind(kind, [&](auto how) {
    using Kind = decltype(how);
    int64_t j = 0;
    for (; j + 2 * kLanes <= n; j += 2 * kLanes) reduce_strip<Kind, 2>(x + j, length, step, y + j);
    for (; j + kLanes <= n; j += kLanes) reduce_strip<Kind, 1>(x + j, length, step, y + j);
    for (; j < n; ++j) {
      vec acc = Kind::start();
      for (int64_t i = 0; i < length; ++i) acc = Kind::take(acc, splat(x[i * step + j]));
      y[j] = acc[0];
    }
    return 0.0;
  });
}

// kVectors vectors of columns, or with kPart one vector of which the first `lanes` columns exist.
template <int kVectors, bool kPart>
HONE_INLINE void softmax_strip(const float* x, float* y, int64_t length, int64_t step, int lanes) {
  const auto at = [&](int64_t i, int k) {
    return kPart ? load_part(x + i * step, lanes) : load(x + i * step + k * kLanes);
  };
  const auto put = [&](int64_t i, int k, vec v) {
    kPart ? store_part(y + i * step, v, lanes) : store(y + i * step + k * kLanes, v);
  };
  vec most[kVectors], sum[kVectors];
  for (int k = 0; k < kVectors; ++k) most[k] = Most::start(), sum[k] = splat(0);
  for (int64_t i = 0; i < length; ++i)
    for (int k = 0; k < kVectors; ++k) most[k] = max(most[k], at(i, k));
  for (int64_t i = 0; i < length; ++i)
    for (int k = 0; k < kVectors; ++k) {
      const vec e = exp(at(i, k) - most[k]);
      sum[k] += e;
      put(i, k, e);
    }
  for (int k = 0; k < kVectors; ++k) sum[k] = 1.0f / sum[k];
  const float* written = y;
  for (int64_t i = 0; i < length; ++i)
    for (int k = 0; k < kVectors; ++k) {
      const vec e = kPart ? load_part(written + i * step, lanes) : load(written + i * step + k * kLanes);
      put(i, k, e * sum[k]);
    }
}

static void softmax_row(const float* x, float* y, int64_t n) {
  const vec most = splat(static_cast<float>(reduce(ReduceKind::max, x, n)));
  map(x, y, n, [=](vec v) { return exp(v - most); });
  const float scale = static_cast<float>(1.0 / reduce(ReduceKind::sum, y, n));
  map(y, y, n, [=](vec v) { return v * scale; });
}

static void softmax(const float* x, float* y, int64_t length, int64_t step, int64_t n) {
  if (step == 1 && n == 1) return softmax_row(x, y, length);
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) softmax_strip<2, false>(x + j, y + j, length, step, kLanes);
  for (; j + kLanes <= n; j += kLanes) softmax_strip<1, false>(x + j, y + j, length, step, kLanes);
  if (j < n) softmax_strip<1, true>(x + j, y + j, length, step, static_cast<int>(n - j));
}

static void normalise(const float* x, float* y, int64_t n, float mean, float inverse_deviation,
                      const float* scale, const float* bias) {
  for (int64_t i = 0; i < n; ++i)
    y[i] = (x[i] - mean) * inverse_deviation * scale[i] + (bias ? bias[i] : 0.0f);
}

static Loops make_loops(const char* isa) {
  return {.isa = isa,
          .unary = unary,
          .binary = binary,
          .reduce = reduce,
          .reduce_columns = reduce_columns,
          .softmax = softmax,
          .normalise = normalise};
}

}  // namespace HONE_ISA
}  // namespace hone
