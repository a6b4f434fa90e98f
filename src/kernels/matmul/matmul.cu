// y = alpha a b + beta c for strided matrices in broadcast batches: tiles of 64 x 64, 16 deep. Given: TYPE, COMPUTE.
constexpr int kBatchRank = 14, kTile = 64, kDepth = 16;

struct Params {
  const void *a, *b, *c;
  void* y;
  i64 rows, columns, depth;
  i64 a_row, a_k, b_k, b_column, c_row, c_column;
  i64 batch_extent[kBatchRank], a_batch[kBatchRank], b_batch[kBatchRank];
  int batch_rank, has_c;
  double alpha, beta;
};
typedef COMPUTE C;

// A block of 256 threads, each 4 x 4 results: rows t / 16 + 16 i, columns t % 16 + 16 j.
extern "C" __global__ void __launch_bounds__(256, 1) matmul(const __grid_constant__ Params p) {
  __shared__ C a_tile[kDepth][kTile + 1];
  __shared__ C b_tile[kDepth][kTile + 1];
  const int t = threadIdx.x, row_here = t / 16, column_here = t % 16;
  const i64 row_tiles = (p.rows + kTile - 1) / kTile;
  const i64 first_row = blockIdx.x % row_tiles * kTile, first_column = blockIdx.x / row_tiles * kTile;
  wait_for_predecessors();
  release_successors();
  i64 a_at = 0, b_at = 0, rest = blockIdx.y;
  for (int axis = p.batch_rank - 1; axis >= 0; --axis) {
    const i64 here = rest % p.batch_extent[axis];
    rest /= p.batch_extent[axis];
    a_at += here * p.a_batch[axis], b_at += here * p.b_batch[axis];
  }
  const TYPE* a = static_cast<const TYPE*>(p.a) + a_at;
  const TYPE* b = static_cast<const TYPE*>(p.b) + b_at;
  TYPE* y = static_cast<TYPE*>(p.y) + i64(blockIdx.y) * p.rows * p.columns;
  C sum[4][4] = {};
  for (i64 k0 = 0; k0 < p.depth; k0 += kDepth) {
    // Neighbouring threads read along whichever axis is dense.
    for (int i = t; i < kTile * kDepth; i += 256) {
      const int k = p.a_k == 1 ? i % kDepth : i / kTile, r = p.a_k == 1 ? i / kDepth : i % kTile;
      const bool inside = first_row + r < p.rows && k0 + k < p.depth;
      a_tile[k][r] = inside ? Widen<C, TYPE>::from(a[(first_row + r) * p.a_row + (k0 + k) * p.a_k]) : C(0);
    }
    for (int i = t; i < kTile * kDepth; i += 256) {
      const int k = p.b_k == 1 ? i % kDepth : i / kTile, c = p.b_k == 1 ? i / kDepth : i % kTile;
      const bool inside = first_column + c < p.columns && k0 + k < p.depth;
      b_tile[k][c] = inside ? Widen<C, TYPE>::from(b[(k0 + k) * p.b_k + (first_column + c) * p.b_column]) : C(0);
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      C left[4], right[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) left[i] = a_tile[k][row_here + 16 * i], right[i] = b_tile[k][column_here + 16 * i];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const i64 row = first_row + row_here + 16 * i, column = first_column + column_here + 16 * j;
      if (row >= p.rows || column >= p.columns) continue;
      C value = C(p.alpha) * sum[i][j];
      if (p.has_c)
        value += C(p.beta) * Widen<C, TYPE>::from(static_cast<const TYPE*>(p.c)[row * p.c_row + column * p.c_column]);
      y[row * p.columns + column] = Narrow<TYPE, C>::from(value);
    }
}
