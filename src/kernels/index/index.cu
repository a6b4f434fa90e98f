// TopK, NonZero and NonMaxSuppression of ONNX. Given: TYPE and COMPUTE of what is compared, MOVE to copy values.
constexpr int kRank = 16;

struct TopKParams {
  const TYPE* x;
  MOVE* values;
  i64* indices;
  u64* keys;  // of top_k_sorted: a row for each block
  i64 rows, length, k, inner;
  int largest;
};
typedef COMPUTE C;

// A thread an element: its rank is the number of elements of the row that come before it. For types of 64 bits.
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

template <class T>
__device__ __forceinline__ u32 ordered(T x) {
  return T(-1) < T(0) ? u32(x) ^ 0x80000000u : u32(x);
}
__device__ __forceinline__ u32 ordered(float x) { return rising_bits(x); }
__device__ __forceinline__ u32 ordered(half_t x) { return rising_bits(to_float(x)); }
__device__ __forceinline__ u32 ordered(bfloat_t x) { return rising_bits(to_float(x)); }
__device__ __forceinline__ u32 ordered(bool_t x) { return x.byte; }

// One block a row, for types of up to 32 bits: keys that hold value and index, taken in order a chunk at a time.
extern "C" __global__ void __launch_bounds__(1024, 1) top_k_sorted(const __grid_constant__ TopKParams p) {
  __shared__ SortedChunk chunk;
  wait_for_predecessors();
  u64* keys = p.keys + blockIdx.x * p.length;
  for (i64 r = blockIdx.x; r < p.rows; r += gridDim.x) {
    const i64 inner = r % p.inner, outer = r / p.inner;
    const TYPE* row = p.x + outer * p.length * p.inner + inner;
    for (i64 i = threadIdx.x; i < p.length; i += blockDim.x) {
      const u32 bits = ordered(row[i * p.inner]);
      keys[i] = u64(p.largest ? ~bits : bits) << 32 | u32(i);
    }
    __syncthreads();
    i64 done = 0;
    u64 last = 0;
    while (done < p.k) {
      chunk.take(keys, u32(p.length), last, done == 0);
      const i64 filled = chunk.count < p.k - done ? i64(chunk.count) : p.k - done;
      for (i64 j = threadIdx.x; j < filled; j += blockDim.x) {
        const i64 i = i64(u32(chunk.key[j])), to = (outer * p.k + done + j) * p.inner + inner;
        p.values[to] = reinterpret_cast<const MOVE*>(row)[i * p.inner];
        p.indices[to] = i;
      }
      last = chunk.key[filled - 1], done += filled;
      __syncthreads();
    }
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
