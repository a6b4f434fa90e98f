// y = alpha a b + beta c on tensor cores: f16 or bf16 operands, sums in f32, tiles of 64 x 64, 32 deep, four warps of 32 x 32.
// Given: TYPE, BFLOAT (0 or 1), A_BY_K and B_BY_K: 1 where k is the dense axis of the operand, 0 where rows (columns) are.
constexpr int kBatchRank = 14, kTile = 64, kDepth = 32, kPad = 8;

struct Params {
  const void *a, *b, *c;
  void* y;
  i64 rows, columns, depth;
  i64 a_row, a_k, b_k, b_column, c_row, c_column;
  i64 batch_extent[kBatchRank], a_batch[kBatchRank], b_batch[kBatchRank];
  int batch_rank, has_c;
  double alpha, beta;
  int a_vector, b_vector;  // whole vectors of eight along the dense axis, aligned
};

// An operand's tile: OUTER lines along the dense axis of INNER elements each.
template <int OUTER, int INNER>
struct Tile {
  u16 line[OUTER][INNER + kPad];
};
template <int BY_K>
struct TileOf {
  typedef Tile<kTile, kDepth> type;
};
template <>
struct TileOf<0> {
  typedef Tile<kDepth, kTile> type;
};

// Two vectors of eight a thread; what lies beyond the operand is zero.
template <int OUTER, int INNER>
__device__ __forceinline__ void fetch(uint4 (&held)[2], const u16* from, i64 line_step, i64 first_line, i64 lines,
                                      i64 first, i64 extent, bool vector) {
#pragma unroll
  for (int v = 0; v < 2; ++v) {
    const int i = threadIdx.x + 128 * v, line = i / (INNER / 8), at = i % (INNER / 8) * 8;
    held[v] = uint4{0, 0, 0, 0};
    if (first_line + line >= lines || first + at >= extent) continue;
    const u16* source = from + (first_line + line) * line_step + first + at;
    if (vector) {
      held[v] = *reinterpret_cast<const uint4*>(source);
    } else {
      u32 word[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const u32 low = first + at + 2 * k < extent ? source[2 * k] : 0;
        const u32 high = first + at + 2 * k + 1 < extent ? source[2 * k + 1] : 0;
        word[k] = low | high << 16;
      }
      held[v] = uint4{word[0], word[1], word[2], word[3]};
    }
  }
}
template <int OUTER, int INNER>
__device__ __forceinline__ void put_down(Tile<OUTER, INNER>& tile, const uint4 (&held)[2]) {
#pragma unroll
  for (int v = 0; v < 2; ++v) {
    const int i = threadIdx.x + 128 * v;
    *reinterpret_cast<uint4*>(&tile.line[i / (INNER / 8)][i % (INNER / 8) * 8]) = held[v];
  }
}

template <int TRANSPOSED>
__device__ __forceinline__ void load_matrices(u32 (&r)[4], const u16* line) {
  const u32 at = static_cast<u32>(__cvta_generic_to_shared(line));
  if (TRANSPOSED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at));
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at));
}
__device__ __forceinline__ void multiply(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if BFLOAT
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
#endif
               : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

extern "C" __global__ void __launch_bounds__(128, 1) matmul_mma(const __grid_constant__ Params p) {
  __shared__ __align__(16) typename TileOf<A_BY_K>::type a_tile[2];
  __shared__ __align__(16) typename TileOf<B_BY_K>::type b_tile[2];
  const int t = threadIdx.x, lane = t % 32, warp = t / 32, warp_row = warp / 2 * 32, warp_column = warp % 2 * 32;
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
  const u16* a = static_cast<const u16*>(p.a) + a_at;
  const u16* b = static_cast<const u16*>(p.b) + b_at;
  TYPE* y = static_cast<TYPE*>(p.y) + i64(blockIdx.y) * p.rows * p.columns;
  uint4 held_a[2], held_b[2];
  const auto fetch_both = [&](i64 k) {
#if A_BY_K
    fetch<kTile, kDepth>(held_a, a, p.a_row, first_row, p.rows, k, p.depth, p.a_vector);
#else
    fetch<kDepth, kTile>(held_a, a, p.a_k, k, p.depth, first_row, p.rows, p.a_vector);
#endif
#if B_BY_K
    fetch<kTile, kDepth>(held_b, b, p.b_column, first_column, p.columns, k, p.depth, p.b_vector);
#else
    fetch<kDepth, kTile>(held_b, b, p.b_k, k, p.depth, first_column, p.columns, p.b_vector);
#endif
  };
  float sum[2][4][4] = {};
  fetch_both(0);
  int stage = 0;
  for (i64 k = 0; k < p.depth; k += kDepth, stage ^= 1) {
    put_down(a_tile[stage], held_a);
    put_down(b_tile[stage], held_b);
    __syncthreads();
    if (k + kDepth < p.depth) fetch_both(k + kDepth);
#pragma unroll
    for (int step = 0; step < kDepth; step += 16) {
      u32 left[2][4], right[2][4];
      // Lanes 0-7, 8-15, 16-23, 24-31 name the lines of four 8 x 8 matrices.
      const int line = lane % 8, first_pair = lane / 8 % 2 * 8, second_pair = lane / 16 * 8;
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int row = warp_row + 16 * i, column = warp_column + 16 * i;
#if A_BY_K
        load_matrices<0>(left[i], &a_tile[stage].line[row + line + first_pair][step + second_pair]);
#else
        load_matrices<1>(left[i], &a_tile[stage].line[step + line + second_pair][row + first_pair]);
#endif
#if B_BY_K
        load_matrices<0>(right[i], &b_tile[stage].line[column + line + second_pair][step + first_pair]);
#else
        load_matrices<1>(right[i], &b_tile[stage].line[step + line + first_pair][column + second_pair]);
#endif
      }
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply(sum[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
    }
  }
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const i64 row = first_row + warp_row + 16 * i + lane / 4 + e / 2 * 8;
        const i64 column = first_column + warp_column + 8 * j + lane % 4 * 2 + e % 2;
        if (row >= p.rows || column >= p.columns) continue;
        float value = float(p.alpha) * sum[i][j][e];
        if (p.has_c)
          value += float(p.beta) *
                   Widen<float, TYPE>::from(static_cast<const TYPE*>(p.c)[row * p.c_row + column * p.c_column]);
        y[row * p.columns + column] = Narrow<TYPE, float>::from(value);
      }
}
