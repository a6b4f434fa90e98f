// What kernels that treat one row of a tensor a block share: a row's place, and combining values over the block.
constexpr int kRank = 16;

// `rows` rows of `length` elements; kept axes number the rows, reduced axes run along one.
struct Rows {
  i64 count, length;
  int kept_rank, reduced_rank;
  i64 kept_extent[kRank], kept_x[kRank], kept_y[kRank];
  i64 reduced_extent[kRank], reduced_x[kRank], reduced_y[kRank];
};

__device__ __forceinline__ void place(i64 index, int rank, const i64* extent, const i64* x, const i64* y,
                                      i64& at_x, i64& at_y) {
  at_x = at_y = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    const i64 here = axis ? index % extent[axis] : index;
    if (axis) index /= extent[axis];
    at_x += here * x[axis], at_y += here * y[axis];
  }
}
__device__ __forceinline__ void row_start(const Rows& r, i64 row, i64& x, i64& y) {
  place(row, r.kept_rank, r.kept_extent, r.kept_x, r.kept_y, x, y);
}
__device__ __forceinline__ void along_row(const Rows& r, i64 i, i64& x, i64& y) {
  place(i, r.reduced_rank, r.reduced_extent, r.reduced_x, r.reduced_y, x, y);
}

// join() over the block's threads; every thread gets the result. The same order every time.
template <class V, class Join>
__device__ V over_block(V value, Join join) {
  __shared__ V partial[32];
  for (int step = 16; step; step >>= 1) {
    V other = value;
    const unsigned* from = reinterpret_cast<const unsigned*>(&value);
    unsigned* to = reinterpret_cast<unsigned*>(&other);
#pragma unroll
    for (int word = 0; word < int(sizeof(V) / 4); ++word) to[word] = __shfl_xor_sync(~0u, from[word], step);
    value = join(value, other);
  }
  const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[warp] = value;
  __syncthreads();
  value = partial[0];
  for (int i = 1; i < warps; ++i) value = join(value, partial[i]);
  return value;
}
