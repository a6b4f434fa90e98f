// Pad, a thread an element (or a vector of the last axis, where that axis is copied). Axes stand in the order of the output's
// memory. Given: TYPE (moves bytes), MODE (0 constant, 1 reflect, 2 edge, 3 wrap), WIDTH.
constexpr int kRank = 16;

struct Params {
  const TYPE *x, *value;  // value: may be null, then 0
  TYPE* y;
  i64 count, first;  // first: elements before what cropping leaves
  int rank, vector;
  i64 extent[kRank], begin[kRank], left[kRank];  // of the output; before the operand; of what is left of it
  i64 x_stride[kRank], y_stride[kRank];
};

// Where a place outside [0, extent) reads; -1: nowhere.
__device__ __forceinline__ i64 padded_source(i64 place, i64 extent) {
  if (place >= 0 && place < extent) return place;
  if (extent == 0) return -1;
#if MODE == 1
  const i64 period = 2 * extent - 2 > 1 ? 2 * extent - 2 : 1, folded = (place % period + period) % period;
  return folded < extent ? folded : period - folded;
#elif MODE == 2
  return place < 0 ? 0 : extent - 1;
#elif MODE == 3
  return (place % extent + extent) % extent;
#else
  return -1;
#endif
}

template <int V>
__device__ __forceinline__ void run(const Params& p) {
  const TYPE filler = p.value ? *p.value : TYPE(0);
  const i64 items = p.count / V, step = i64(gridDim.x) * blockDim.x;
  for (i64 item = i64(blockIdx.x) * blockDim.x + threadIdx.x; item < items; item += step) {
    i64 rest = item * V, from = p.first, to = 0;
    bool inside = true;
    for (int axis = p.rank - 1; axis >= 0; --axis) {
      const i64 outer = rest / p.extent[axis], here = rest - outer * p.extent[axis];
      rest = outer;
      to += here * p.y_stride[axis];
      const i64 source = padded_source(here - p.begin[axis], p.left[axis]);
      inside = inside && source >= 0;
      from += source * p.x_stride[axis];
    }
    Pack<TYPE, V> pack;
    if (inside) {
      pack = *reinterpret_cast<const Pack<TYPE, V>*>(p.x + from);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) pack.element[v] = filler;
    }
    *reinterpret_cast<Pack<TYPE, V>*>(p.y + to) = pack;
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) pad(const __grid_constant__ Params p) {
  wait_for_predecessors();
  if (p.vector)
    run<WIDTH>(p);
  else
    run<1>(p);
}
