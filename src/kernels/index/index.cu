// TopK, NonZero and NonMaxSuppression of ONNX. Given: TYPE and COMPUTE of what is compared, MOVE to copy values.
constexpr int kRank = 16;

struct TopKParams {
  const TYPE* x;
  MOVE* values;
  i64* indices;
  i64 rows, length, k, inner;
  int largest;
};
typedef COMPUTE C;

// A thread an element: its rank is the number of elements of the row that come before it.
extern "C" __global__ void __launch_bounds__(256, 1) top_k(const __grid_constant__ TopKParams p) {
  wait_for_predecessors();
  const i64 items = p.rows * p.length;
  for (i64 item = i64(blockIdx.x) * blockDim.x + threadIdx.x; item < items; item += i64(gridDim.x) * blockDim.x) {
    const i64 inner = item % p.inner, i = item / p.inner % p.length, outer = item / p.inner / p.length;
    const TYPE* row = p.x + outer * p.length * p.inner + inner;
    const C mine = Widen<C, TYPE>::from(row[i * p.inner]);
    i64 before = 0;
    for (i64 j = 0; j < p.length && before < p.k; ++j) {
      const C other = Widen<C, TYPE>::from(row[j * p.inner]);
      before += (p.largest ? other > mine : other < mine) || (other == mine && j < i);
    }
    if (before >= p.k) continue;
    const i64 to = (outer * p.k + before) * p.inner + inner;
    p.values[to] = reinterpret_cast<const MOVE*>(row)[i * p.inner];
    p.indices[to] = i;
  }
}

struct NonZeroParams {
  const TYPE* x;
  i64* places;
  i64 count, capacity;
  int rank;
  i64 extent[kRank];
};

// One block: every stretch is counted, numbered by a prefix sum and written, so that the order is the tensor's.
extern "C" __global__ void __launch_bounds__(1024, 1) non_zero(const __grid_constant__ NonZeroParams p) {
  __shared__ int of_warp[32];
  __shared__ i64 found;
  wait_for_predecessors();
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  if (t == 0) found = 0;
  __syncthreads();
  for (i64 first = 0; first < p.count; first += 1024) {
    const i64 i = first + t;
    const bool good = i < p.count && Widen<C, TYPE>::from(p.x[i]) != C(0);
    const u32 votes = __ballot_sync(~0u, good);
    if (lane == 0) of_warp[warp] = __popc(votes);
    __syncthreads();
    i64 place = found + __popc(votes & ((1u << lane) - 1));
    for (int w = 0; w < warp; ++w) place += of_warp[w];
    if (good && place < p.capacity) {
      i64 rest = i;
      for (int axis = p.rank - 1; axis >= 0; --axis) {
        p.places[axis * p.capacity + place] = rest % p.extent[axis];
        rest /= p.extent[axis];
      }
    }
    __syncthreads();
    if (t == 0)
      for (int w = 0; w < 32; ++w) found += of_warp[w];
    __syncthreads();
  }
  const i64 kept = found < p.capacity ? found : p.capacity;
  for (int axis = 0; axis < p.rank; ++axis)
    for (i64 i = kept + t; i < p.capacity; i += 1024) p.places[axis * p.capacity + i] = 0;
}
