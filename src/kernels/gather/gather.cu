// Gather, GatherElements, GatherND, ScatterND: a thread an element. A negative index counts from the end; one outside its
// axis reads zeros and writes nothing. Given: TYPE (moves bytes), INDEX, and which of the kernels.
constexpr int kRank = 16;

struct Params {
  const TYPE *x, *updates;
  const INDEX* indices;
  TYPE* y;
  i64 outer, extent, inner, index_count;  // Gather
  i64 elements;                           // of y, or of what a scatter copies first
  int rank, axis, depth, batch_dims;      // GatherElements; the N-dimensional forms
  i64 out_extent[kRank], x_stride[kRank], x_extent[kRank];
  i64 run, tuples, tuples_per_batch, batch_size;
};

__device__ __forceinline__ bool checked(i64& index, i64 extent) {
  if (index < 0) index += extent;
  return index >= 0 && index < extent;
}
__device__ __forceinline__ i64 first_item() { return i64(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ i64 item_step() { return i64(gridDim.x) * blockDim.x; }

extern "C" __global__ void __launch_bounds__(256, 1) gather(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 at = first_item(); at < p.elements; at += item_step()) {
    const i64 inner = at % p.inner, which = at / p.inner % p.index_count, outer = at / p.inner / p.index_count;
    i64 index = i64(p.indices[which]);
    const bool valid = checked(index, p.extent);
    p.y[at] = valid ? p.x[(outer * p.extent + index) * p.inner + inner] : TYPE(0);
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) gather_elements(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 at = first_item(); at < p.elements; at += item_step()) {
    i64 rest = at, from = 0;
    for (int axis = p.rank - 1; axis >= 0; --axis) {
      const i64 here = rest % p.out_extent[axis];
      rest /= p.out_extent[axis];
      if (axis != p.axis) from += here * p.x_stride[axis];
    }
    i64 index = i64(p.indices[at]);
    const bool valid = checked(index, p.extent);
    p.y[at] = valid ? p.x[from + index * p.x_stride[p.axis]] : TYPE(0);
  }
}

// The slice of x that a tuple of indices names, counted in slices; -1: none.
__device__ __forceinline__ i64 tuple_place(const Params& p, i64 tuple) {
  i64 place = 0;
  for (int i = 0; i < p.depth; ++i) {
    i64 index = i64(p.indices[tuple * p.depth + i]);
    if (!checked(index, p.x_extent[i])) return -1;
    place = place * p.x_extent[i] + index;
  }
  return place;
}

extern "C" __global__ void __launch_bounds__(256, 1) gather_nd(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 at = first_item(); at < p.elements; at += item_step()) {
    const i64 tuple = at / p.run, place = tuple_place(p, tuple);
    p.y[at] = place >= 0 ? p.x[tuple / p.tuples_per_batch * p.batch_size + place * p.run + at % p.run] : TYPE(0);
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) scatter_copy(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 at = first_item(); at < p.elements; at += item_step()) p.y[at] = p.x[at];
}

// One block a tuple. Of tuples that name one place the last counts, as if they were written in order.
extern "C" __global__ void __launch_bounds__(256, 1) scatter_nd(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 tuple = blockIdx.x; tuple < p.tuples; tuple += gridDim.x) {
    const i64 place = tuple_place(p, tuple);
    bool later = false;
    if (place >= 0)
      for (i64 other = tuple + 1 + threadIdx.x; other < p.tuples && !later; other += blockDim.x)
        later = tuple_place(p, other) == place;
    if (__syncthreads_or(later) || place < 0) continue;
    for (i64 i = threadIdx.x; i < p.run; i += blockDim.x) p.y[place * p.run + i] = p.updates[tuple * p.run + i];
  }
}
