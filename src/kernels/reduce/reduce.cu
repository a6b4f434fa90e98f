// Reductions, one block a row. Given: TYPE, COMPUTE, RESULT, KIND (a struct below).
struct Params {
  Rows rows;
  const void* x;
  void* y;
  int largest, last;  // of the arg reductions
};
typedef COMPUTE C;

template <class T>
struct Limits {
  static __device__ __forceinline__ T lowest() { return T(__int_as_float(0xff800000)); }
  static __device__ __forceinline__ T highest() { return T(__int_as_float(0x7f800000)); }
};
template <>
struct Limits<i64> {
  static __device__ __forceinline__ i64 lowest() { return i64(u64(1) << 63); }
  static __device__ __forceinline__ i64 highest() { return i64(~(u64(1) << 63)); }
};

struct Sum {
  static __device__ C first() { return C(0); }
  static __device__ C take(C v) { return v; }
  static __device__ C join(C a, C b) { return a + b; }
  static __device__ C last(C sum, i64) { return sum; }
};
struct Mean : Sum {
  static __device__ C last(C sum, i64 count) { return sum / C(count); }
};
struct LogSum : Sum {
  static __device__ C last(C sum, i64) { return C(log(REAL(sum))); }
};
struct AbsSum : Sum {
  static __device__ C take(C v) { return v < C(0) ? C(0) - v : v; }
};
struct SquareSum : Sum {
  static __device__ C take(C v) { return v * v; }
};
struct Length : SquareSum {
  static __device__ C last(C sum, i64) { return C(sqrt(REAL(sum))); }
};
struct Product : Sum {
  static __device__ C first() { return C(1); }
  static __device__ C join(C a, C b) { return a * b; }
};
struct Most : Sum {
  static __device__ C first() { return Limits<C>::lowest(); }
  static __device__ C join(C a, C b) { return a != a ? a : b > a || b != b ? b : a; }
};
struct Least : Sum {
  static __device__ C first() { return Limits<C>::highest(); }
  static __device__ C join(C a, C b) { return a != a ? a : b < a || b != b ? b : a; }
};

// Calls f(value) for this thread's elements of the row.
template <class F>
__device__ __forceinline__ void each(const Params& p, i64 first, F f) {
  for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) {
    i64 x, y;
    along_row(p.rows, i, x, y);
    f(Widen<C, TYPE>::from(static_cast<const TYPE*>(p.x)[first + x]), i);
  }
}
template <class Kind>
__device__ C reduced(const Params& p, i64 first) {
  C value = Kind::first();
  each(p, first, [&](C v, i64) { value = Kind::join(value, Kind::take(v)); });
  return Kind::last(over_block(value, [](C a, C b) { return Kind::join(a, b); }), p.rows.length);
}
#ifdef LOG_SUM_EXP
__device__ C log_sum_exp(const Params& p, i64 first) {
  C most = Limits<C>::lowest();
  each(p, first, [&](C v, i64) { most = fmax(most, v); });
  most = over_block(most, [](C a, C b) { return fmax(a, b); });
  if (most - most != C(0)) return most;
  C sum = C(0);
  each(p, first, [&](C v, i64) { sum += exp(v - most); });
  return most + log(over_block(sum, [](C a, C b) { return a + b; }));
}
#endif
struct Found {
  C value;
  i64 index;  // -1: none
};
__device__ i64 arg(const Params& p, i64 first) {
  const auto join = [&](Found a, Found b) {
    if (a.index < 0 || b.index < 0) return a.index < 0 ? b : a;
    const bool better = p.largest ? b.value > a.value : b.value < a.value;
    const bool equal = b.value == a.value && (p.last ? b.index > a.index : b.index < a.index);
    return better || equal ? b : a;
  };
  Found found{C(0), -1};
  each(p, first, [&](C v, i64 i) { found = join(found, Found{v, i}); });
  return over_block(found, join).index;
}

extern "C" __global__ void __launch_bounds__(512, 1) reduce(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 row = blockIdx.x; row < p.rows.count; row += gridDim.x) {
    i64 x, y;
    row_start(p.rows, row, x, y);
#if defined(ARG)
    const i64 result = arg(p, x);
    if (threadIdx.x == 0) static_cast<i64*>(p.y)[y] = result;
#else
#if defined(LOG_SUM_EXP)
    const C result = log_sum_exp(p, x);
#else
    const C result = reduced<KIND>(p, x);
#endif
    if (threadIdx.x == 0) static_cast<RESULT*>(p.y)[y] = Narrow<RESULT, C>::from(result);
#endif
  }
}
