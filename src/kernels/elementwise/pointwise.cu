// y[i] = EXPRESSION of the operands at i, for strided operands of any rank. Given by the program's maker: OPERANDS (the
// output is operand 0), TYPE_0 … TYPE_5, COMPUTE, EXPRESSION over a, b, c, d, e (operands 1 … 5 as COMPUTE), p.alpha,
// p.beta, p.integer and `index` (of the element in the loop's order).
constexpr int kRank = 16;
constexpr int kVector = WIDTH;

struct Params {
  i64 count;
  int rank, vector;
  i64 extent[kRank];
  i64 stride[6][kRank];
  void* data[6];
  double alpha, beta;
  i64 integer;
};

template <class T, int V>
__device__ __forceinline__ void load(COMPUTE (&value)[V], const void* data, i64 at, i64 inner) {
  const T* from = static_cast<const T*>(data) + at;
  if (V > 1 && inner == 1) {
    const Pack<T, V> pack = *reinterpret_cast<const Pack<T, V>*>(from);
#pragma unroll
    for (int i = 0; i < V; ++i) value[i] = Widen<COMPUTE, T>::from(pack.element[i]);
  } else {
    const COMPUTE first = Widen<COMPUTE, T>::from(*from);
#pragma unroll
    for (int i = 0; i < V; ++i) value[i] = first;
  }
}

template <int V, class Index>
__device__ __forceinline__ void run(const Params& p) {
  const Index groups = Index(p.count) / V, step = Index(gridDim.x) * blockDim.x;
  for (Index group = Index(blockIdx.x) * blockDim.x + threadIdx.x; group < groups; group += step) {
    Index rest = group * V;
    const i64 first = i64(rest);
    i64 at[OPERANDS] = {};
    for (int axis = p.rank - 1; axis >= 0; --axis) {
      const Index extent = Index(p.extent[axis]), outer = axis ? rest / extent : 0, here = rest - outer * extent;
#pragma unroll
      for (int k = 0; k < OPERANDS; ++k) at[k] += i64(here) * p.stride[k][axis];
      rest = outer;
    }
    const int last = p.rank - 1;
    COMPUTE in[6][V];
#if OPERANDS > 1
    load<TYPE_1, V>(in[1], p.data[1], at[1], p.stride[1][last]);
#endif
#if OPERANDS > 2
    load<TYPE_2, V>(in[2], p.data[2], at[2], p.stride[2][last]);
#endif
#if OPERANDS > 3
    load<TYPE_3, V>(in[3], p.data[3], at[3], p.stride[3][last]);
#endif
#if OPERANDS > 4
    load<TYPE_4, V>(in[4], p.data[4], at[4], p.stride[4][last]);
#endif
#if OPERANDS > 5
    load<TYPE_5, V>(in[5], p.data[5], at[5], p.stride[5][last]);
#endif
    Pack<TYPE_0, V> result;
#pragma unroll
    for (int i = 0; i < V; ++i) {
      [[maybe_unused]] const i64 index = first + i;
#if OPERANDS > 1
      const COMPUTE a = in[1][i];
#endif
#if OPERANDS > 2
      const COMPUTE b = in[2][i];
#endif
#if OPERANDS > 3
      const COMPUTE c = in[3][i];
#endif
#if OPERANDS > 4
      const COMPUTE d = in[4][i];
#endif
#if OPERANDS > 5
      const COMPUTE e = in[5][i];
#endif
      result.element[i] = Narrow<TYPE_0, COMPUTE>::from(EXPRESSION);
    }
    *reinterpret_cast<Pack<TYPE_0, V>*>(static_cast<TYPE_0*>(p.data[0]) + at[0]) = result;
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) pointwise(const __grid_constant__ Params p) {
  wait_for_predecessors();
  const bool narrow = p.count < (i64(1) << 31);
  if (p.vector)
    narrow ? run<kVector, unsigned>(p) : run<kVector, u64>(p);
  else
    narrow ? run<1, unsigned>(p) : run<1, u64>(p);
}
