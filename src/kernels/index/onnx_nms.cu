// ONNX NonMaxSuppression: a block for each picture and class, then one block that numbers the rows. The rounding is that of
// non_max_suppression_reference.cc.
constexpr int kThreads = 512;

struct Params {
  const float *boxes, *scores;
  const i64* most;         // may be null: none
  const float *iou, *score;  // may be null
  i64* rows;
  char* workspace;  // a job's keys, accepted boxes and their count
  i64 job_bytes, capacity;
  int jobs, classes, count, center;
};

struct Box {
  float x1, y1, x2, y2;
};
__device__ __forceinline__ Box read_box(const float* b, bool center) {
  if (center)
    return {__fsub_rn(b[0], b[2] / 2), __fsub_rn(b[1], b[3] / 2), __fadd_rn(b[0], b[2] / 2), __fadd_rn(b[1], b[3] / 2)};
  return {fminf(b[1], b[3]), fminf(b[0], b[2]), fmaxf(b[1], b[3]), fmaxf(b[0], b[2])};
}
__device__ __forceinline__ bool overlaps(const Box& a, const Box& b, float limit) {
  const float width = __fsub_rn(fminf(a.x2, b.x2), fmaxf(a.x1, b.x1));
  const float height = __fsub_rn(fminf(a.y2, b.y2), fmaxf(a.y1, b.y1));
  if (width <= 0 || height <= 0) return false;
  const float area_a = __fmul_rn(__fsub_rn(a.x2, a.x1), __fsub_rn(a.y2, a.y1));
  const float area_b = __fmul_rn(__fsub_rn(b.x2, b.x1), __fsub_rn(b.y2, b.y1));
  const float common = __fmul_rn(width, height), both = __fsub_rn(__fadd_rn(area_a, area_b), common);
  return area_a > 0 && area_b > 0 && both > 0 && __fdiv_rn(common, both) > limit;
}

__device__ __forceinline__ u64* keys_of(const Params& p, int job) {
  return reinterpret_cast<u64*>(p.workspace + job * p.job_bytes);
}
__device__ __forceinline__ int* accepted_of(const Params& p, int job) {
  return reinterpret_cast<int*>(keys_of(p, job) + p.count);  // count, then box numbers
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) accept_boxes(const __grid_constant__ Params p) {
  __shared__ SortedChunk chunk;
  __shared__ u32 total;
  wait_for_predecessors();
  const int job = blockIdx.x, t = threadIdx.x;
  const float* boxes = p.boxes + i64(job / p.classes) * p.count * 4;
  const float* scores = p.scores + i64(job) * p.count;
  u64* keys = keys_of(p, job);
  int* accepted = accepted_of(p, job);
  const i64 wanted = p.most ? *p.most : 0;
  const int most = int(wanted < 0 ? 0 : wanted < p.count ? wanted : p.count);
  const float iou = p.iou ? *p.iou : 0.0f, least = p.score ? *p.score : __int_as_float(0xff800000);
  if (t == 0) total = 0;
  __syncthreads();
  for (int i = t; i < p.count; i += kThreads)
    if (scores[i] > least) keys[atomicAdd(&total, 1u)] = falling_key(scores[i], u32(i));
  __syncthreads();
  int kept = 0;
  u32 seen = 0;
  u64 last = 0;
  while (seen < total && kept < most) {
    chunk.take(keys, total, last, seen == 0);
    const int filled = chunk.count;
    for (int i = 0; i < filled && kept < most; ++i) {
      const int number = int(u32(chunk.key[i]));
      const Box box = read_box(boxes + 4 * i64(number), p.center);
      bool out = false;
      for (int k = t; k < kept && !out; k += kThreads)
        out = overlaps(box, read_box(boxes + 4 * i64(accepted[1 + k]), p.center), iou);
      if (__syncthreads_or(out)) continue;
      if (t == 0) accepted[1 + kept] = number;
      ++kept;
      __syncthreads();
    }
    seen += filled, last = chunk.key[filled - 1];
    __syncthreads();
  }
  if (t == 0) accepted[0] = kept;
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) number_rows(const __grid_constant__ Params p) {
  wait_for_predecessors();
  i64 first = 0;
  for (int job = 0; job < p.jobs; ++job) {
    const int* accepted = accepted_of(p, job);
    for (int k = threadIdx.x; k < accepted[0]; k += kThreads) {
      const i64 row = first + k;
      if (row >= p.capacity) break;
      p.rows[3 * row] = job / p.classes, p.rows[3 * row + 1] = job % p.classes, p.rows[3 * row + 2] = accepted[1 + k];
    }
    first += accepted[0];
  }
  for (i64 i = 3 * first + threadIdx.x; i < 3 * p.capacity; i += kThreads) p.rows[i] = 0;
}
