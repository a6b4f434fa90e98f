// Non-maximum suppression in two launches: the best class of every anchor, then one block a picture that sorts candidates
// and keeps boxes in the order and the rounding of nms_reference.cc. Given: TYPE of the raw output, HALF (1: corners round
// to f16), MULTI_LABEL, AGNOSTIC.
constexpr int kAllowedWords = 128, kTile = 256, kThreads = 1024;
constexpr u32 kMaxCandidates = 30000;

struct Params {
  const TYPE* raw;  // [4 + classes + extra, anchors] a picture
  float* rows;
  int* counts;
  char* workspace;
  i64 raw_image, rows_image, counts_image, workspace_image;
  int classes, extra, anchors, max_det;
  float conf, iou;
  int restricted;  // only classes whose bit is set in `allowed`
  u32 allowed[kAllowedWords];
};

// A picture's part of the workspace.
struct Scratch {
  u64* keys;
  float* kept[5];  // x1, y1, x2, y2 moved by the class's offset, area
  float* best;
  int* best_class;
  __device__ Scratch(const Params& p, int image) {
    char* at = p.workspace + image * p.workspace_image;
    const i64 candidates = i64(p.anchors) * (MULTI_LABEL ? p.classes : 1);
    keys = reinterpret_cast<u64*>(at);
    float* floats = reinterpret_cast<float*>(keys + candidates);
    for (int i = 0; i < 5; ++i) kept[i] = floats + i64(i) * p.max_det;
    best = floats + 5 * i64(p.max_det);
    best_class = reinterpret_cast<int*>(best + p.anchors);
  }
};

__device__ __forceinline__ float raw_at(const TYPE* raw, i64 i) { return Widen<float, TYPE>::from(raw[i]); }

// Blocks of 32 anchors and 8 groups of classes. The first class of the greatest score; no score where one is NaN.
extern "C" __global__ void __launch_bounds__(256, 1) best_scores(const __grid_constant__ Params p) {
  __shared__ float value[8][32];
  __shared__ int index[8][32];
  wait_for_predecessors();
  release_successors();
  const int image = blockIdx.y, lane = threadIdx.x % 32, group = threadIdx.x / 32, anchor = blockIdx.x * 32 + lane;
  const float none = __int_as_float(0xff800000);
  float most = none;
  int where = -1;
  bool nan = false;
  if (anchor < p.anchors) {
    const TYPE* scores = p.raw + image * p.raw_image + i64(4) * p.anchors + anchor;
#pragma unroll 5
    for (int c = group; c < p.classes; c += 8) {
      const float score = raw_at(scores, i64(c) * p.anchors);
      nan |= score != score;
      if (where < 0 || score > most) most = score, where = c;
    }
  }
  value[group][lane] = nan ? __int_as_float(0x7fc00000) : most;
  index[group][lane] = where;
  __syncthreads();
  if (group > 0 || anchor >= p.anchors) return;
  for (int g = 1; g < 8; ++g) {
    const float other = value[g][lane];
    const int c = index[g][lane];
    nan |= other != other;
    if (c >= 0 && (where < 0 || other > most || (other == most && c < where))) most = other, where = c;
  }
  Scratch scratch(p, image);
  scratch.best[anchor] = nan ? none : most;
  scratch.best_class[anchor] = nan ? -1 : where;
}

struct Box {
  float x1, y1, x2, y2;
};
__device__ __forceinline__ float rounded(float x) { return HALF ? to_float(from_float<half_t>(x)) : x; }
__device__ __forceinline__ float least(float a, float b) { return b < a ? b : a; }
__device__ __forceinline__ float most(float a, float b) { return a < b ? b : a; }

// Whether the better box overlaps the other by more than the threshold; each operation rounds by itself.
__device__ __forceinline__ bool suppresses(const Box& a, float area_a, const Box& b, float area_b, float threshold) {
  const float w = most(0.0f, __fsub_rn(least(a.x2, b.x2), most(a.x1, b.x1)));
  const float h = most(0.0f, __fsub_rn(least(a.y2, b.y2), most(a.y1, b.y1)));
  const float inter = __fmul_rn(w, h);
  if (inter == 0.0f && threshold >= 0.0f) return false;
  return __fdiv_rn(inter, __fsub_rn(__fadd_rn(area_a, area_b), inter)) > threshold;
}

struct Shared {
  SortedChunk chunk;
  Box box[kTile], moved[kTile];
  float area[kTile];
  int anchor[kTile], label[kTile];
  int dead[kTile];
  u32 mask[kTile][kTile / 32];
  int kept_here[kTile];
  int found, kept, fresh_kept;
  u32 total;
};

extern "C" __global__ void __launch_bounds__(kThreads, 1) select(const __grid_constant__ Params p) {
  extern __shared__ __align__(16) char shared_bytes[];
  Shared& s = *reinterpret_cast<Shared*>(shared_bytes);
  const int image = blockIdx.x, t = threadIdx.x;
  Scratch scratch(p, image);
  wait_for_predecessors();
  release_successors();
  const TYPE* raw = p.raw + image * p.raw_image;
  float* rows = p.rows + image * p.rows_image;
  const auto allowed = [&](int c) { return !p.restricted || (p.allowed[c / 32] >> (c % 32) & 1u); };

  if (t == 0) s.total = 0, s.kept = 0;
  __syncthreads();
  const i64 items = i64(p.anchors) * (MULTI_LABEL ? p.classes : 1);
  for (i64 base = 0; base < items; base += kThreads) {
    const i64 i = base + t;
    bool good = false;
    u64 key = 0;
    if (i < items) {
      const int anchor = MULTI_LABEL ? int(i % p.anchors) : int(i);
      const int label = MULTI_LABEL ? int(i / p.anchors) : scratch.best_class[anchor];
      const float score =
          MULTI_LABEL ? raw_at(raw, i64(4 + label) * p.anchors + anchor) : scratch.best[anchor];
      good = scratch.best_class[anchor] >= 0 && score > p.conf && allowed(label);
      key = falling_key(score, MULTI_LABEL ? u32(anchor) * p.classes + label : u32(anchor));
    }
    const u32 votes = __ballot_sync(~0u, good);
    u32 place = 0;
    if (t % 32 == 0 && votes) place = atomicAdd(&s.total, u32(__popc(votes)));
    place = __shfl_sync(~0u, place, 0) + __popc(votes & ((1u << (t % 32)) - 1));
    if (good) scratch.keys[place] = key;
  }
  __syncthreads();

  const u32 total = s.total;
  u32 seen = 0;
  u64 last = 0;
  bool fresh = true;
  while (seen < min(total, kMaxCandidates) && s.kept < p.max_det) {
    s.chunk.take(scratch.keys, total, last, fresh);
    const int filled = min(u32(s.chunk.count), min(total, kMaxCandidates) - seen);
    if (filled == 0) break;
    for (int begin = 0; begin < filled; begin += kTile) {
      const int n = min(kTile, filled - begin), kept = s.kept;
      if (kept >= p.max_det) break;
      if (t < n) {
        const u64 key = s.chunk.key[begin + t];
        const u32 index = u32(key);
        const int anchor = MULTI_LABEL ? index / p.classes : index;
        const int label = MULTI_LABEL ? index % p.classes : scratch.best_class[anchor];
        const float cx = raw_at(raw, anchor), cy = raw_at(raw, i64(p.anchors) + anchor);
        const float half_w = raw_at(raw, 2 * i64(p.anchors) + anchor) / 2;
        const float half_h = raw_at(raw, 3 * i64(p.anchors) + anchor) / 2;
        const Box box{rounded(__fsub_rn(cx, half_w)), rounded(__fsub_rn(cy, half_h)), rounded(__fadd_rn(cx, half_w)),
                      rounded(__fadd_rn(cy, half_h))};
        const float offset = AGNOSTIC ? 0.0f : __fmul_rn(float(label), 7680.0f);
        const Box moved{__fadd_rn(box.x1, offset), __fadd_rn(box.y1, offset), __fadd_rn(box.x2, offset),
                        __fadd_rn(box.y2, offset)};
        s.box[t] = box, s.moved[t] = moved, s.anchor[t] = anchor, s.label[t] = label;
        s.area[t] = __fmul_rn(__fsub_rn(moved.x2, moved.x1), __fsub_rn(moved.y2, moved.y1));
        s.dead[t] = 0;
      }
      __syncthreads();
      // Against the boxes kept so far, four threads a candidate; then against each other.
      const int candidate = t % kTile, part = t / kTile;
      if (candidate < n) {
        const Box mine = s.moved[candidate];
        const float area = s.area[candidate];
        for (int k = part; k < kept && !s.dead[candidate]; k += kThreads / kTile) {
          const Box other{scratch.kept[0][k], scratch.kept[1][k], scratch.kept[2][k], scratch.kept[3][k]};
          if (suppresses(other, scratch.kept[4][k], mine, area, p.iou)) s.dead[candidate] = 1;
        }
      }
      const int words = (n + 31) / 32;
      for (int i = t; i < n * words; i += kThreads) {
        const int row = i / words, word = i % words;
        const Box mine = s.moved[row];
        const float area = s.area[row];
        u32 bits = 0;
        for (int j = max(word * 32, row + 1); j < min(word * 32 + 32, n); ++j)
          if (suppresses(mine, area, s.moved[j], s.area[j], p.iou)) bits |= 1u << (j % 32);
        s.mask[row][word] = bits;
      }
      __syncthreads();
      // One warp walks the candidates in order; lane w knows which of candidates 32 w … 32 w + 31 are out.
      if (t < 32) {
        u32 out = 0;
        for (int j = 0; j < 32 && t * 32 + j < n; ++j)
          if (t < words && s.dead[t * 32 + j]) out |= 1u << j;
        int fresh_kept = 0;
        for (int i = 0; i < n && kept + fresh_kept < p.max_det; ++i) {
          if (__shfl_sync(~0u, out, i / 32) >> (i % 32) & 1u) continue;
          if (t == 0) s.kept_here[fresh_kept] = i;
          ++fresh_kept;
          if (t < words) out |= s.mask[i][t];
        }
        if (t == 0) s.fresh_kept = fresh_kept;
      }
      __syncthreads();
      const int fresh_kept = s.fresh_kept;
      if (t < fresh_kept) {
        const int i = s.kept_here[t], k = kept + t;
        const Box moved = s.moved[i], box = s.box[i];
        scratch.kept[0][k] = moved.x1, scratch.kept[1][k] = moved.y1, scratch.kept[2][k] = moved.x2;
        scratch.kept[3][k] = moved.y2, scratch.kept[4][k] = s.area[i];
        float* row = rows + i64(k) * (6 + p.extra);
        row[0] = box.x1, row[1] = box.y1, row[2] = box.x2, row[3] = box.y2;
        row[4] = score_of(s.chunk.key[begin + i]), row[5] = float(s.label[i]);
        for (int e = 0; e < p.extra; ++e) row[6 + e] = raw_at(raw, i64(4 + p.classes + e) * p.anchors + s.anchor[i]);
      }
      if (t == 0) s.kept = kept + fresh_kept;
      __syncthreads();
    }
    seen += filled, last = s.chunk.key[filled - 1], fresh = false;
    __syncthreads();
  }
  __syncthreads();
  const int kept = s.kept;
  for (i64 i = i64(kept) * (6 + p.extra) + t; i < i64(p.max_det) * (6 + p.extra); i += kThreads) rows[i] = 0.0f;
  if (t == 0) p.counts[image * p.counts_image] = kept;
}
