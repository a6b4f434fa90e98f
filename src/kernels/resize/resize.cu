// Resize of up to five axes, in the order of the output's memory, by the taps of taps.cc. Given: TYPE, COMPUTE, MODE
// (0 nearest, 1 linear, 2 cubic), COORDINATES and NEAREST (numbers of the enums in op.h), WIDTH: elements of the last axis
// that a thread takes at once where that axis is copied (p.vector).
struct Params {
  const void* x;
  void* y;
  i64 count;
  int rank, vector, exclude_outside;
  int in[5], out[5], copied[5];
  float scale[5];
  i64 x_stride[5], y_stride[5];
  double cubic;
  int repeat_rows, repeat_columns;  // > 0: axes are image, row, column, channel, and every pixel is repeated so often
};
typedef COMPUTE C;
struct Taps {
  int count;
  int index[4];
  C weight[4];
};

// In f32, as other runtimes compute it.
__device__ __forceinline__ float source_coordinate(float at, float in, float out, float scale) {
  const float half = __fsub_rn(__fdiv_rn(__fadd_rn(at, 0.5f), scale), 0.5f);
#if COORDINATES == 1
  return __fdiv_rn(at, scale);
#elif COORDINATES == 2
  return out == 1 ? 0.0f : __fdiv_rn(__fmul_rn(at, in - 1), out - 1);
#elif COORDINATES == 3
  return out == 1 ? 0.0f : half;
#elif COORDINATES == 4
  return __fadd_rn(__fmul_rn(in / 2, __fsub_rn(1.0f, __fdiv_rn(out, __fmul_rn(scale, in)))), half);
#else
  return half;
#endif
}
__device__ __forceinline__ float nearest(float x) {
#if NEAREST == 1
  return floorf(x + 0.5f);
#elif NEAREST == 2
  return floorf(x);
#elif NEAREST == 3
  return ceilf(x);
#else
  return ceilf(x - 0.5f);
#endif
}
__device__ __forceinline__ int inside(float place, int extent) {
  return int(fminf(fmaxf(place, 0.0f), float(extent - 1)));
}

__device__ Taps taps_of(const Params& p, int axis, int at) {
  Taps t;
  t.count = 1, t.index[0] = at, t.weight[0] = C(1);
  if (p.copied[axis]) return t;
  const int in = p.in[axis];
  const float x = source_coordinate(float(at), float(in), float(p.out[axis]), p.scale[axis]);
#if MODE == 0
  t.index[0] = inside(nearest(x), in);
#else
  const float low = floorf(x);
  const C d = C(x) - C(low);
#if MODE == 1
  t.count = 2;
  t.weight[0] = C(1) - d, t.weight[1] = d;
#else
  const C a = C(p.cubic);
  const auto near = [a](C d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](C d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  t.count = 4;
  t.weight[0] = far(d + 1), t.weight[1] = near(d), t.weight[2] = near(1 - d), t.weight[3] = far(2 - d);
#endif
  C total = C(0);
#pragma unroll
  for (int i = 0; i < 2 * MODE; ++i) {
    const float place = low + float(i - (MODE == 2));
    if (p.exclude_outside && (place < 0 || place >= float(in))) t.weight[i] = C(0);
    total += t.weight[i];
    t.index[i] = inside(place, in);
  }
  if (p.exclude_outside && total != C(0))
#pragma unroll
    for (int i = 0; i < 2 * MODE; ++i) t.weight[i] /= total;
#endif
  return t;
}

template <int V>
__device__ __forceinline__ void run(const Params& p) {
  for (i64 item = i64(blockIdx.x) * blockDim.x + threadIdx.x; item < p.count / V; item += i64(gridDim.x) * blockDim.x) {
    u32 rest = u32(item) * V;
    i64 from = 0, to = 0;
#if MODE == 0
    for (int axis = p.rank - 1; axis >= 0; --axis) {
      const u32 extent = p.out[axis], outer = rest / extent;
      const int at = rest - outer * extent;
      rest = outer;
      to += at * p.y_stride[axis];
      from += taps_of(p, axis, at).index[0] * p.x_stride[axis];
    }
    *reinterpret_cast<Pack<TYPE, V>*>(static_cast<TYPE*>(p.y) + to) =
        *reinterpret_cast<const Pack<TYPE, V>*>(static_cast<const TYPE*>(p.x) + from);
#else
    int at[5];
#pragma unroll
    for (int axis = 4; axis >= 0; --axis) {
      if (axis >= p.rank) continue;
      const u32 extent = p.out[axis], outer = rest / extent;
      at[axis] = rest - outer * extent;
      rest = outer;
      to += at[axis] * p.y_stride[axis];
    }
    // Sums from the last axis outwards would need a stack; all taps of all axes are numbered instead.
    C sum[V];
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] = C(0);
    int combinations = 1;
    for (int axis = 0; axis < p.rank; ++axis) combinations *= p.copied[axis] ? 1 : 2 * MODE;
    for (int k = 0; k < combinations; ++k) {
      int which = k;
      C weight = C(1);
      from = 0;
#pragma unroll
      for (int axis = 4; axis >= 0; --axis) {
        if (axis >= p.rank) continue;
        const Taps t = taps_of(p, axis, at[axis]);
        const int tap = p.copied[axis] ? 0 : which % (2 * MODE);
        if (!p.copied[axis]) which /= 2 * MODE;
        C w = C(0);
        int index = 0;
#pragma unroll
        for (int i = 0; i < 2 * MODE; ++i)
          if (i == tap) w = t.weight[i], index = t.index[i];
        weight *= w;
        from += index * p.x_stride[axis];
      }
      const Pack<TYPE, V> pack = *reinterpret_cast<const Pack<TYPE, V>*>(static_cast<const TYPE*>(p.x) + from);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const C value = Widen<C, TYPE>::from(pack.element[v]);
        sum[v] += weight == C(1) ? value : weight * value;
      }
    }
    Pack<TYPE, V> result;
#pragma unroll
    for (int v = 0; v < V; ++v) result.element[v] = Narrow<TYPE, C>::from(sum[v]);
    *reinterpret_cast<Pack<TYPE, V>*>(static_cast<TYPE*>(p.y) + to) = result;
#endif
  }
}

#if MODE == 0
// A thread reads a vector of channels once and writes it wherever it goes.
__device__ __forceinline__ void run_repeated(const Params& p) {
  const u32 groups = p.in[3] / WIDTH, total = u32(p.in[0]) * p.in[1] * p.in[2] * groups;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
    u32 rest = i / groups;
    const u32 channel = (i - rest * groups) * WIDTH, above = rest / u32(p.in[2]), column = rest - above * p.in[2];
    const u32 image = above / u32(p.in[1]), row = above - image * p.in[1];
    const Pack<TYPE, WIDTH> pack = *reinterpret_cast<const Pack<TYPE, WIDTH>*>(
        static_cast<const TYPE*>(p.x) + image * p.x_stride[0] + row * p.x_stride[1] + column * p.x_stride[2] + channel);
    TYPE* to = static_cast<TYPE*>(p.y) + image * p.y_stride[0] + row * p.repeat_rows * p.y_stride[1] +
               column * p.repeat_columns * p.y_stride[2] + channel;
    for (int a = 0; a < p.repeat_rows; ++a)
      for (int b = 0; b < p.repeat_columns; ++b)
        *reinterpret_cast<Pack<TYPE, WIDTH>*>(to + a * p.y_stride[1] + b * p.y_stride[2]) = pack;
  }
}
#endif

extern "C" __global__ void __launch_bounds__(256, 1) resize(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
#if MODE == 0
  if (p.repeat_rows > 0) return run_repeated(p);
#endif
  if (p.vector)
    run<WIDTH>(p);
  else
    run<1>(p);
}
