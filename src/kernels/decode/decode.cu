// The anchor-free head, all levels in one launch: a block takes 32 anchors of one level. Given: TYPE (of the maps), OUT,
// REG_MAX, XYXY (0 or 1).
constexpr int kLevels = 8, kAnchors = 32, kWarps = 8;

struct Map {
  const void* data;
  i64 image, channel, pixel;
};
struct Params {
  Map boxes[kLevels], classes[kLevels];
  int width[kLevels], anchors[kLevels], first_anchor[kLevels], first_block[kLevels];
  float stride[kLevels];
  void* out;
  i64 out_image, out_channel;
  int levels, class_count, vector;  // vector: channels lie side by side, in eights, aligned
};

__device__ __forceinline__ float at(const TYPE* map, i64 i) { return Widen<float, TYPE>::from(map[i]); }
__device__ __forceinline__ void put(const Params& p, i64 i, float value) {
  static_cast<OUT*>(p.out)[i] = Narrow<OUT, float>::from(value);
}

// Eight channels that lie side by side.
__device__ __forceinline__ void load_eight(const TYPE* from, float (&v)[8]) {
  const Pack<TYPE, 8> pack = *reinterpret_cast<const Pack<TYPE, 8>*>(from);
#pragma unroll
  for (int i = 0; i < 8; ++i) v[i] = Widen<float, TYPE>::from(pack.element[i]);
}

// 1 / x to one unit in the last place.
__device__ __forceinline__ float reciprocal(float x) {
  float r;
  asm("rcp.approx.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
__device__ __forceinline__ float score_of_logit(float x) { return reciprocal(1.0f + expf(-x)); }

// Expectation of softmax(bins) over 0, 1, 2, …
__device__ __forceinline__ float expected_distance(const TYPE* bins, i64 channel, bool vector) {
#if REG_MAX == 1
  return at(bins, 0);
#else
  constexpr int kAtOnce = REG_MAX <= 32 ? REG_MAX : 1;  // all in registers, or each read twice
  float value[kAtOnce];
#if REG_MAX <= 32
#if REG_MAX % 8 == 0
  if (vector) {
#pragma unroll
    for (int k = 0; k < REG_MAX; k += 8) load_eight(bins + k, *reinterpret_cast<float(*)[8]>(value + k));
  } else
#endif
#pragma unroll
    for (int k = 0; k < REG_MAX; ++k) value[k] = at(bins, k * channel);
#define BIN(k) value[k]
#else
#define BIN(k) at(bins, (k) * channel)
#endif
  float most = BIN(0), total = 0, weighted = 0;
#pragma unroll
  for (int k = 1; k < REG_MAX; ++k) most = fmaxf(most, BIN(k));
#pragma unroll
  for (int k = 0; k < REG_MAX; ++k) {
    const float e = expf(BIN(k) - most);
    total += e, weighted += float(k) * e;
  }
  return weighted * reciprocal(total);
#endif
}

// A block's warps share out its pieces of work, each for the 32 anchors of its lanes: first the four sides, which need
// the longest, then the classes by eights. What is read by one lane in 16 bytes leaves anchor beside anchor.
extern "C" __global__ void __launch_bounds__(32 * kWarps) decode(const __grid_constant__ Params p) {
  __shared__ float side[4][kAnchors];
  int level = 0;
  while (level + 1 < p.levels && int(blockIdx.x) >= p.first_block[level + 1]) ++level;
  const int first = (blockIdx.x - p.first_block[level]) * kAnchors, image = blockIdx.y;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const bool inside = first + lane < p.anchors[level];
  const i64 out = image * p.out_image + p.first_anchor[level] + first + lane;
  const Map boxes = p.boxes[level], classes = p.classes[level];
  const i64 pixel = first + (inside ? lane : 0);
  const TYPE* box = static_cast<const TYPE*>(boxes.data) + image * boxes.image + pixel * boxes.pixel;
  const TYPE* cls = static_cast<const TYPE*>(classes.data) + image * classes.image + pixel * classes.pixel;
  const int eights = (p.class_count + 7) / 8;
  release_successors();
  wait_for_predecessors();

  for (int piece = warp; piece < 4 + eights; piece += kWarps) {
    if (piece < 4) {
      side[piece][lane] = expected_distance(box + i64(piece) * REG_MAX * boxes.channel, boxes.channel, p.vector);
    } else {
      const int c = (piece - 4) * 8, count = min(8, p.class_count - c);
      float v[8] = {};
      if (p.vector && count == 8) {
        load_eight(cls + c, v);
      } else {
#pragma unroll
        for (int i = 0; i < 8; ++i)
          if (i < count) v[i] = at(cls, (c + i) * classes.channel);
      }
#pragma unroll
      for (int i = 0; i < 8; ++i)
        if (inside && i < count) put(p, out + i64(4 + c + i) * p.out_channel, score_of_logit(v[i]));
    }
  }
  __syncthreads();
  if (warp == kWarps - 1 && inside) {
    const int anchor = first + lane;
    const float cx = float(anchor % p.width[level]) + 0.5f, cy = float(anchor / p.width[level]) + 0.5f;
    const float x1 = cx - side[0][lane], y1 = cy - side[1][lane], x2 = cx + side[2][lane], y2 = cy + side[3][lane];
    const float stride = p.stride[level];
    const float b[4] = {XYXY ? x1 : (x1 + x2) / 2, XYXY ? y1 : (y1 + y2) / 2, XYXY ? x2 : x2 - x1, XYXY ? y2 : y2 - y1};
#pragma unroll
    for (int i = 0; i < 4; ++i) put(p, out + i * p.out_channel, b[i] * stride);
  }
}
