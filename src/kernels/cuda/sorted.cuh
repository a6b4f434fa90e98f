// The least of many distinct 64-bit keys in global memory, in order, a chunk after the other, by one block.
constexpr int kSortedChunk = 2048;

// Keys whose order is that of falling scores, then of rising indices.
__device__ __forceinline__ u32 rising_bits(float x) {
  const u32 bits = __float_as_uint(x + 0.0f);  // -0 is 0
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ u64 falling_key(float score, u32 index) { return u64(~rising_bits(score)) << 32 | index; }
__device__ __forceinline__ float score_of(u64 key) {
  const u32 rising = ~u32(key >> 32);
  return __uint_as_float(rising & 0x80000000u ? rising & 0x7fffffffu : ~rising);
}

// Where keys lie: each() hands every one of them to one thread of the block.
struct KeyArray {
  const u64* keys;
  u32 total;
  template <class F>
  __device__ __forceinline__ void each(F f) const {
    for (u32 i = threadIdx.x; i < total; i += blockDim.x) f(keys[i]);
  }
};
// Segments of `room` places, the first counts[s] of them taken. Eight threads a segment; few are full.
struct KeySegments {
  const u64* keys;
  const int* counts;
  int segments, room;
  template <class F>
  __device__ __forceinline__ void each(F f) const {
    constexpr int kThreads = 8, kAhead = 4;
    const int groups = blockDim.x / kThreads;
    for (int first = threadIdx.x / kThreads; first < segments; first += kAhead * groups) {
      int taken[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) taken[i] = first + i * groups < segments ? counts[first + i * groups] : 0;
#pragma unroll
      for (int i = 0; i < kAhead; ++i)
        for (int k = threadIdx.x % kThreads; k < taken[i]; k += kThreads) f(keys[i64(first + i * groups) * room + k]);
    }
  }
};

struct SortedChunk {
  u64 key[kSortedChunk];
  u32 histogram[256];
  u64 prefix;
  int shift, chosen_bin, below, count;

  // Fills key[0, count) with the next keys above `last` (all keys when `fresh`), sorted; as many as fit or are left.
  // `few`: they may well fit all. True when nothing is left. Called by every thread of the block; synchronised at the end.
  template <class Keys>
  __device__ bool take_from(const Keys& keys, bool few, u64 last, bool fresh) {
    bool all = few;
    if (few) {
      gather(keys, last, fresh, ~u64(0));
      all = count <= kSortedChunk;
    }
    if (!all) {
      const u64 limit = greatest(keys, last, fresh);
      all = limit == ~u64(0);
      gather(keys, last, fresh, limit);
    }
    sort();
    return all;
  }
  __device__ void take(const u64* keys, u32 total, u64 last, bool fresh) {
    take_from(KeyArray{keys, total}, total <= kSortedChunk, last, fresh);
  }

 private:
  // The greatest key that still goes in: found digit by digit, until what lies below fills at least half a chunk.
  template <class Keys>
  __device__ u64 greatest(const Keys& keys, u64 last, bool fresh) {
    const int t = threadIdx.x, threads = blockDim.x;
    __syncthreads();
    if (t == 0) prefix = 0, shift = 64, below = 0;
    __syncthreads();
    u64 limit = ~u64(0);
    for (int digit = 56; digit >= 0; digit -= 8) {
      for (int i = t; i < 256; i += threads) histogram[i] = 0;
      __syncthreads();
      const u64 wanted = prefix;
      const int above = shift;
      keys.each([&](u64 k) {
        if ((fresh || k > last) && (above == 64 || k >> above == wanted)) atomicAdd(&histogram[k >> digit & 255], 1u);
      });
      __syncthreads();
      if (t == 0) {
        int sum = below, bin = 0;
        while (bin < 255 && sum + int(histogram[bin]) <= kSortedChunk) sum += histogram[bin++];
        const bool all = sum + int(histogram[bin]) <= kSortedChunk;
        below = sum;
        chosen_bin = all ? 256 : bin;
      }
      __syncthreads();
      // Keys of `wanted` with a smaller digit than the chosen bin's go in.
      const u64 base = above == 64 ? 0 : wanted << above;
      if (chosen_bin == 256) {
        limit = above == 64 ? ~u64(0) : base | ((u64(1) << above) - 1);
        break;
      }
      limit = base + (u64(chosen_bin) << digit) - 1;
      if (below >= kSortedChunk / 2 || digit == 0) break;
      if (t == 0) prefix = (above == 64 ? 0 : wanted << 8) | u64(chosen_bin), shift = digit;
      __syncthreads();
    }
    return limit;
  }

  // Counts the waiting keys up to `limit`; the first to come lie in key[].
  template <class Keys>
  __device__ void gather(const Keys& keys, u64 last, bool fresh, u64 limit) {
    __syncthreads();
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    keys.each([&](u64 k) {
      if (!(fresh || k > last) || k > limit) return;
      const int place = atomicAdd(&count, 1);
      if (place < kSortedChunk) key[place] = k;
    });
    __syncthreads();
  }

  __device__ void sort() {
    const int t = threadIdx.x, threads = blockDim.x, filled = min(count, kSortedChunk);
    int size = 32;
    while (size < filled) size *= 2;
    for (int i = filled + t; i < size; i += threads) key[i] = ~u64(0);
    __syncthreads();
    if (t == 0) count = filled;
    // A warp's 32 pairs lie in 64 keys of its own while steps are short: then it waits for nobody else.
    constexpr int kOwn = 32;
    for (int span = 2; span <= size; span *= 2)
      for (int step = span / 2; step > 0; step /= 2) {
        for (int i = t; i < size / 2; i += threads) {
          const int low = (i & ~(step - 1)) * 2 | (i & (step - 1)), high = low + step;
          const u64 a = key[low], b = key[high];
          if ((a > b) == ((low & span) == 0)) key[low] = b, key[high] = a;
        }
        const int next = step > 1 ? step / 2 : span;
        if (step <= kOwn && next <= kOwn)
          __syncwarp();
        else
          __syncthreads();
      }
    __syncthreads();
  }
};
