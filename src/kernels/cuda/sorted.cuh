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

struct SortedChunk {
  u64 key[kSortedChunk];
  u32 histogram[256];
  u64 prefix;
  int shift, chosen_bin, below, count;

  // Fills key[0, count) with the next keys above `last` (all keys when `fresh`), sorted; as many as fit or are left.
  // Called by every thread of the block; synchronised at the end.
  __device__ void take(const u64* keys, u32 total, u64 last, bool fresh) {
    const int t = threadIdx.x, threads = blockDim.x;
    const auto waits = [&](u64 k) { return fresh || k > last; };
    // The greatest key that still goes in: found digit by digit, until what lies below fills at least half a chunk.
    if (t == 0) prefix = 0, shift = 64, below = 0;
    __syncthreads();
    u64 limit = ~u64(0);  // keys <= limit are taken
    if (total > kSortedChunk) {
      for (int digit = 56; digit >= 0; digit -= 8) {
        for (int i = t; i < 256; i += threads) histogram[i] = 0;
        __syncthreads();
        const u64 wanted = prefix;
        const int above = shift;
        for (u32 i = t; i < total; i += threads) {
          const u64 k = keys[i];
          if (waits(k) && (above == 64 || k >> above == wanted)) atomicAdd(&histogram[k >> digit & 255], 1u);
        }
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
        if (below >= kSortedChunk / 2 || (digit == 0)) break;
        if (t == 0) prefix = (above == 64 ? 0 : wanted << 8) | u64(chosen_bin), shift = digit;
        __syncthreads();
      }
    }
    __syncthreads();
    if (t == 0) count = 0;
    __syncthreads();
    for (u32 i = t; i < total; i += threads) {
      const u64 k = keys[i];
      if (!waits(k) || k > limit) continue;
      const int place = atomicAdd(&count, 1);
      if (place < kSortedChunk) key[place] = k;
    }
    __syncthreads();
    const int filled = min(count, kSortedChunk);
    int size = 32;
    while (size < filled) size *= 2;
    for (int i = filled + t; i < size; i += threads) key[i] = ~u64(0);
    __syncthreads();
    if (t == 0) count = filled;
    for (int span = 2; span <= size; span *= 2)
      for (int step = span / 2; step > 0; step /= 2) {
        for (int i = t; i < size / 2; i += threads) {
          const int low = i / step * step * 2 + i % step, high = low + step;
          const u64 a = key[low], b = key[high];
          if ((a > b) == ((low & span) == 0)) key[low] = b, key[high] = a;
        }
        __syncthreads();
      }
  }
};
