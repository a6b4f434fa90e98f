// The functions of Unary and Binary under their names in the IR. Reals come as float or double, integers as i64 or
// u64; formulas are those of activation.cc and binary_reference.cc.
template <class C>
__device__ __forceinline__ C logistic(C x) {
  return C(1) / (C(1) + exp(-x));
}
template <class C>
__device__ __forceinline__ C softplus_of(C x) {
  return fmax(x, C(0)) + log1p(exp(-fabs(x)));
}
#define HONE_UNARY(name, ...)                                                       \
  template <class C>                                                                \
  __device__ __forceinline__ C f_##name(C x, C alpha, C beta) {                     \
    return C(__VA_ARGS__);                                                          \
  }
HONE_UNARY(identity, x)
HONE_UNARY(relu, x < C(0) ? C(0) : x)
HONE_UNARY(leaky_relu, x < C(0) ? alpha * x : x)
HONE_UNARY(silu, x < C(-100) ? C(0) : x / (C(1) + exp(-x)))
HONE_UNARY(sigmoid, logistic(x))
HONE_UNARY(hard_sigmoid, fmin(fmax(alpha * x + beta, C(0)), C(1)))
HONE_UNARY(hard_swish, x * fmin(fmax(x / C(6) + C(0.5), C(0)), C(1)))
HONE_UNARY(tanh, tanh(x))
HONE_UNARY(gelu, C(0.5) * x * (C(1) + erf(x * C(0.70710678118654752440))))
HONE_UNARY(gelu_tanh, C(0.5) * x * (C(1) + tanh(C(0.79788456080286535588) * (x + C(0.044715) * x * x * x))))
HONE_UNARY(elu, x < C(0) ? alpha * expm1(x) : x)
HONE_UNARY(selu, C(1.05070102214813232421875) * (x <= C(0) ? C(1.67326319217681884765625) * expm1(x) : x))
HONE_UNARY(mish, x * tanh(softplus_of(x)))
HONE_UNARY(softplus, softplus_of(x))
HONE_UNARY(softsign, x / (C(1) + fabs(x)))
HONE_UNARY(clip, x < alpha ? alpha : x > beta ? beta : x)
HONE_UNARY(exp, exp(x))
HONE_UNARY(log, log(x))
HONE_UNARY(sqrt, sqrt(x))
HONE_UNARY(reciprocal, C(1) / x)
HONE_UNARY(neg, C(0) - x)
HONE_UNARY(abs, x < C(0) ? C(0) - x : x)
HONE_UNARY(sign, x > C(0) ? C(1) : x < C(0) ? C(0) - C(1) : x)
HONE_UNARY(floor, floor(x))
HONE_UNARY(ceil, ceil(x))
HONE_UNARY(round, rint(x))
HONE_UNARY(erf, erf(x))
HONE_UNARY(sin, sin(x))
HONE_UNARY(cos, cos(x))
HONE_UNARY(tan, tan(x))
HONE_UNARY(asin, asin(x))
HONE_UNARY(acos, acos(x))
HONE_UNARY(atan, atan(x))
HONE_UNARY(sinh, sinh(x))
HONE_UNARY(cosh, cosh(x))
HONE_UNARY(logical_not, x == C(0))
HONE_UNARY(is_nan, x != x)
HONE_UNARY(is_inf, x - x != C(0) && x == x)
HONE_UNARY(bitwise_not, C(-1) - x)

// Reals; the integer forms below are chosen where C is an integer.
#define HONE_BINARY(name, ...)                                                      \
  template <class C>                                                                \
  __device__ __forceinline__ C f_##name(C a, C b) {                                 \
    return C(__VA_ARGS__);                                                          \
  }
HONE_BINARY(add, a + b)
HONE_BINARY(sub, a - b)
HONE_BINARY(mul, a * b)
HONE_BINARY(div, a / b)
HONE_BINARY(pow, pow(a, b))
HONE_BINARY(fmod, fmod(a, b))
HONE_BINARY(min, a != a || a < b ? a : b)
HONE_BINARY(max, a != a || a > b ? a : b)
HONE_BINARY(prelu, a < C(0) ? a * b : a)
HONE_BINARY(equal, a == b)
HONE_BINARY(less, a < b)
HONE_BINARY(less_equal, a <= b)
HONE_BINARY(greater, a > b)
HONE_BINARY(greater_equal, a >= b)
HONE_BINARY(logical_and, a != C(0) && b != C(0))
HONE_BINARY(logical_or, a != C(0) || b != C(0))
HONE_BINARY(logical_xor, (a != C(0)) != (b != C(0)))
template <class C>
__device__ __forceinline__ C f_mod(C a, C b) {  // the divisor's sign
  const C rest = fmod(a, b);
  return rest != C(0) && (rest < C(0)) != (b < C(0)) ? rest + b : rest;
}

// Division truncates and gives 0 by zero; what overflows wraps around.
template <class C>
struct IntegerMath {
  static __device__ __forceinline__ bool minus_one(C b) { return C(-1) < C(0) && b == C(-1); }
  static __device__ C div(C a, C b) { return b == C(0) ? C(0) : minus_one(b) ? C(u64(0) - u64(a)) : a / b; }
  static __device__ C fmod(C a, C b) { return b == C(0) || minus_one(b) ? C(0) : a % b; }
  static __device__ C mod(C a, C b) {
    if (b == C(0) || minus_one(b)) return C(0);
    const C rest = a % b;
    const bool signs_differ = C(-1) < C(0) && (i64(rest) < 0) != (i64(b) < 0);
    return rest != C(0) && signs_differ ? rest + b : rest;
  }
  static __device__ C pow(C base, C wanted) {
    const i64 exponent = i64(wanted);
    u64 b = u64(base), result = 1;
    if (exponent < 0) return b == 1 ? C(1) : b == ~u64(0) ? C(exponent % 2 ? b : u64(1)) : C(0);
    for (u64 e = u64(exponent); e; e >>= 1, b *= b)
      if (e & 1) result *= b;
    return C(result);
  }
};
#define HONE_INTEGER(name)                                                                                      \
  template <>                                                                                                   \
  __device__ __forceinline__ i64 f_##name<i64>(i64 a, i64 b) { return IntegerMath<i64>::name(a, b); } \
  template <>                                                                                                   \
  __device__ __forceinline__ u64 f_##name<u64>(u64 a, u64 b) { return IntegerMath<u64>::name(a, b); }
HONE_INTEGER(div)
HONE_INTEGER(fmod)
HONE_INTEGER(mod)
HONE_INTEGER(pow)
