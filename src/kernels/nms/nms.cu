// Non-maximum suppression in two launches: the candidates of every 32 anchors, then one block a picture that sorts them
// and keeps boxes in the order and the rounding of nms_reference.cc. Given: TYPE of the raw output, HALF (1: corners round
// to f16), MULTI_LABEL.
constexpr int kAllowedWords = 128, kAnchors = 32, kTile = 512, kThreads = 1024;
constexpr u32 kMaxCandidates = 30000;

struct Params {
  const TYPE* raw;  // [4 + classes + extra, anchors] a picture
  float* rows;
  int* counts;
  char* workspace;
  i64 raw_image, rows_image, counts_image, workspace_image;
  int classes, extra, anchors, max_det, agnostic;
  float conf, iou;
  int restricted;  // only classes whose bit is set in `allowed`
  u32 allowed[kAllowedWords];

  __device__ bool allows(int label) const { return !restricted || (allowed[label / 32] >> (label % 32) & 1u); }
};

// A picture's part of the workspace.
struct Scratch {
  u64* keys;  // score, anchor and class of the candidates, a segment for each kAnchors anchors
  int* taken;
  float* kept[5];  // x1, y1, x2, y2 moved by the class's offset, area
  int segments, room;
  __device__ Scratch(const Params& p, int image) {
    segments = (p.anchors + kAnchors - 1) / kAnchors;
    room = kAnchors * (MULTI_LABEL ? p.classes : 1);
    keys = reinterpret_cast<u64*>(p.workspace + image * p.workspace_image);
    float* floats = reinterpret_cast<float*>(keys + i64(segments) * room);
    for (int i = 0; i < 5; ++i) kept[i] = floats + i64(i) * p.max_det;
    taken = reinterpret_cast<int*>(floats + 5 * i64(p.max_det));
  }
};

__device__ __forceinline__ float raw_at(const TYPE* raw, i64 i) { return Widen<float, TYPE>::from(raw[i]); }

// A block is kAnchors anchors and 8 groups of classes. The first class of the greatest score; an anchor with a NaN is none.
extern "C" __global__ void __launch_bounds__(256, 1) candidates(const __grid_constant__ Params p) {
  __shared__ float value[8][kAnchors];
  __shared__ int index[8][kAnchors];
  __shared__ int taken;
  const int image = blockIdx.y, lane = threadIdx.x % kAnchors, group = threadIdx.x / kAnchors;
  const int anchor = blockIdx.x * kAnchors + lane;
  const float none = __int_as_float(0xff800000);
  wait_for_predecessors();
  release_successors();
  const TYPE* scores = p.raw + image * p.raw_image + i64(4) * p.anchors + anchor;
  float most = none;
  int where = -1;
  bool nan = false;
  if (anchor < p.anchors) {
#pragma unroll 5
    for (int c = group; c < p.classes; c += 8) {
      const float score = raw_at(scores, i64(c) * p.anchors);
      nan |= score != score;
      if (where < 0 || score > most) most = score, where = c;
    }
  }
  value[group][lane] = nan ? __int_as_float(0x7fc00000) : most;
  index[group][lane] = where;
  if (threadIdx.x == 0) taken = 0;
  __syncthreads();
  const Scratch scratch(p, image);
  u64* keys = scratch.keys + i64(blockIdx.x) * scratch.room;
  const u32 first = u32(anchor) * u32(p.classes);
#if MULTI_LABEL
  nan = false;
  for (int g = 0; g < 8; ++g) nan |= value[g][lane] != value[g][lane];
  if (anchor < p.anchors && !nan)
    for (int c = group; c < p.classes; c += 8)
      if (const float score = raw_at(scores, i64(c) * p.anchors); score > p.conf && p.allows(c))
        keys[atomicAdd(&taken, 1)] = falling_key(score, first + c);
  __syncthreads();
  if (threadIdx.x == 0) scratch.taken[blockIdx.x] = taken;
#else
  if (group > 0) return;
  for (int g = 1; g < 8; ++g) {
    const float other = value[g][lane];
    const int c = index[g][lane];
    nan |= other != other;
    if (c >= 0 && (where < 0 || other > most || (other == most && c < where))) most = other, where = c;
  }
  const bool good = where >= 0 && !nan && most > p.conf && p.allows(where);
  const u32 votes = __ballot_sync(~0u, good);
  if (good) keys[__popc(votes & ((1u << lane) - 1))] = falling_key(most, first + where);
  if (lane == 0) scratch.taken[blockIdx.x] = __popc(votes);
#endif
}

struct alignas(16) Box {
  float x1, y1, x2, y2;
};
__device__ __forceinline__ float rounded(float x) { return HALF ? to_float(from_float<half_t>(x)) : x; }

// Whether the better box overlaps the other by more than the threshold; each operation rounds by itself. A box that is no
// number has an area that is none, so that no comparison of it holds, whatever fminf makes of its corners.
struct Overlap {
  float threshold, above, below;  // a product decides, unless it comes as near as rounding could bring it
  __device__ explicit Overlap(float t)
      : threshold(t), above(t > 0.0f ? t * 1.00001f : __int_as_float(0x7fc00000)), below(t > 0.0f ? t * 0.99999f : above) {}

  __device__ __forceinline__ bool suppresses(const Box& a, float area_a, const Box& b, float area_b) const {
    const float w = __fsub_rn(fminf(a.x2, b.x2), fmaxf(a.x1, b.x1)), h = __fsub_rn(fminf(a.y2, b.y2), fmaxf(a.y1, b.y1));
    if (!(w > 0.0f && h > 0.0f) && threshold >= 0.0f) return false;
    const float inter = __fmul_rn(fmaxf(w, 0.0f), fmaxf(h, 0.0f)), both = __fsub_rn(__fadd_rn(area_a, area_b), inter);
    if (inter > both * above) return true;
    if (inter < both * below) return false;
    return __fdiv_rn(inter, both) > threshold;
  }
};

constexpr int kRow = 6;  // x1, y1, x2, y2, score, class
struct Shared {
  SortedChunk chunk;
  Box moved[kTile];
  float area[kTile];
  int dead[2][kTile];  // a kept box suppresses it: what either of two threads found
  union {
    u32 before[kTile / 32][kTile];  // bit i of [w][j]: candidate 32 w + i suppresses candidate j, a later one
    float row[kTile * kRow];
  };
  u32 kept[kTile / 32];  // a bit a candidate: it stays
};

// Which of the tile's n candidates stay, among themselves: whether this thread's does; s.kept is everybody's. A warp after
// the other decides about its 32, all that wait for no open one at once.
__device__ bool resolve(Shared& s, int n) {
  constexpr int kWords = kTile / 32;
  const int t = threadIdx.x, warp = t / 32, lane = t % 32;
  const bool alive = t < n && !s.dead[0][t] && !s.dead[1][t];
  u32 before[kWords], out = 0, kept = 0;
#pragma unroll
  for (int w = 0; w < kWords; ++w) before[w] = alive && w <= warp ? s.before[w][t] : 0;
#pragma unroll
  for (int w = 0; w < kWords; ++w) {
    if (warp == w) {
      bool open = alive && !out;
      for (u32 waiting = __ballot_sync(~0u, open); waiting; waiting = __ballot_sync(~0u, open)) {
        kept |= __ballot_sync(~0u, open && !(before[w] & (waiting | kept)));
        open = open && !(kept >> lane & 1u) && !(before[w] & kept);
      }
      if (lane == 0) s.kept[w] = kept;
    }
    __syncthreads();
    out |= before[w] & s.kept[w];
  }
  return kept >> lane & 1u;
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) select(const __grid_constant__ Params p) {
  extern __shared__ __align__(16) char shared_bytes[];
  Shared& s = *reinterpret_cast<Shared*>(shared_bytes);
  const int image = blockIdx.x, t = threadIdx.x, lane = t % 32, warp = t / 32;
  const Scratch scratch(p, image);
  const KeySegments keys{scratch.keys, scratch.taken, scratch.segments, scratch.room};
  const TYPE* raw = p.raw + image * p.raw_image;
  float* rows = p.rows + image * p.rows_image;
  const int row_width = kRow + p.extra;
  const Overlap overlap(p.iou);
  wait_for_predecessors();
  release_successors();

  int kept = 0;
  u32 seen = 0;
  u64 last = 0;
  bool done = false;
  while (!done && seen < kMaxCandidates && kept < p.max_det) {
    done = s.chunk.take_from(keys, seen == 0, last, seen == 0);
    const int filled = min(u32(s.chunk.count), kMaxCandidates - seen);
    for (int begin = 0; begin < filled && kept < p.max_det; begin += kTile) {
      const int n = min(kTile, filled - begin);
      Box box{};
      u64 key = 0;
      int anchor = 0, label = 0;
      if (t < n) {
        key = s.chunk.key[begin + t];
        anchor = u32(key) / u32(p.classes), label = u32(key) % u32(p.classes);
        const float cx = raw_at(raw, anchor), cy = raw_at(raw, i64(p.anchors) + anchor);
        const float half_w = raw_at(raw, 2 * i64(p.anchors) + anchor) / 2;
        const float half_h = raw_at(raw, 3 * i64(p.anchors) + anchor) / 2;
        box = {rounded(__fsub_rn(cx, half_w)), rounded(__fsub_rn(cy, half_h)), rounded(__fadd_rn(cx, half_w)),
               rounded(__fadd_rn(cy, half_h))};
        const float offset = p.agnostic ? 0.0f : __fmul_rn(float(label), 7680.0f);
        const Box moved{__fadd_rn(box.x1, offset), __fadd_rn(box.y1, offset), __fadd_rn(box.x2, offset),
                        __fadd_rn(box.y2, offset)};
        s.moved[t] = moved;
        s.area[t] = __fmul_rn(__fsub_rn(moved.x2, moved.x1), __fsub_rn(moved.y2, moved.y1));
      }
      __syncthreads();
      // Against the boxes kept so far, two threads a candidate; then against those before it.
      if (const int candidate = t % kTile; candidate < n) {
        const Box mine = s.moved[candidate];
        const float area = s.area[candidate];
        bool dead = false;
        for (int k = t / kTile; k < kept && !dead; k += kThreads / kTile) {
          const Box other{scratch.kept[0][k], scratch.kept[1][k], scratch.kept[2][k], scratch.kept[3][k]};
          dead = overlap.suppresses(other, scratch.kept[4][k], mine, area);
        }
        s.dead[t / kTile][candidate] = dead;
      }
      // Eight candidates against a warp's 32, so that all warps have their share.
      const int blocks = (n + 31) / 32;
      for (int part = warp, block = 0; part < 2 * blocks * (blocks + 1); part += kThreads / 32) {
        while (2 * (block + 1) * (block + 2) <= part) ++block;
        const int eighth = part - 2 * block * (block + 1), j = block * 32 + lane;
        if (j >= n) continue;
        const Box mine = s.moved[j];
        const float area = s.area[j];
        u32 bits = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i)
          if (overlap.suppresses(s.moved[eighth * 8 + i], s.area[eighth * 8 + i], mine, area)) bits |= 1u << i;
        // Not itself, nor one behind it.
        if (eighth * 8 + 7 >= j) bits &= eighth * 8 >= j ? 0u : (1u << (j - eighth * 8)) - 1;
        reinterpret_cast<u8*>(&s.before[eighth / 4][j])[eighth % 4] = u8(bits);
      }
      __syncthreads();
      const bool keep = resolve(s, n);
      int rank = kept + __popc(s.kept[warp % (kTile / 32)] & ((1u << lane) - 1)), after = kept;
      for (int w = 0; w < kTile / 32; ++w) {
        const int count = __popc(s.kept[w]);
        rank += w < warp ? count : 0, after += count;
      }
      after = min(after, p.max_det);
      __syncthreads();  // s.row takes the place of s.before
      if (keep && rank < p.max_det) {
        const Box moved = s.moved[t];
        scratch.kept[0][rank] = moved.x1, scratch.kept[1][rank] = moved.y1, scratch.kept[2][rank] = moved.x2;
        scratch.kept[3][rank] = moved.y2, scratch.kept[4][rank] = s.area[t];
        float* row = s.row + (rank - kept) * kRow;
        row[0] = box.x1, row[1] = box.y1, row[2] = box.x2, row[3] = box.y2;
        row[4] = score_of(key), row[5] = float(label);
        for (int e = 0; e < p.extra; ++e)
          rows[i64(rank) * row_width + kRow + e] = raw_at(raw, i64(4 + p.classes + e) * p.anchors + anchor);
      }
      __syncthreads();
      // Neighbours in one store: the rows may lie in the host's memory.
      for (int i = t; i < (after - kept) * kRow; i += kThreads)
        rows[i64(kept + i / kRow) * row_width + i % kRow] = s.row[i];
      kept = after;
      __syncthreads();
    }
    if (filled > 0) last = s.chunk.key[filled - 1];
    seen += filled;
    __syncthreads();
  }
  for (i64 i = i64(kept) * row_width + t; i < i64(p.max_det) * row_width; i += kThreads) rows[i] = 0.0f;
  if (t == 0) p.counts[image * p.counts_image] = kept;
}
