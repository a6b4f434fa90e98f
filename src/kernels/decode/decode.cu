// The anchor-free head, all levels in one launch: a block takes 32 anchors of one level. Given: TYPE (of the maps), OUT,
// REG_MAX, XYXY (0 or 1).
constexpr int kLevels = 8, kAnchors = 32, kChunk = 128;

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

// Expectation of softmax(bins) over 0, 1, 2, …
__device__ __forceinline__ float expected_distance(const TYPE* bins, i64 channel, bool vector) {
#if REG_MAX == 1
  return at(bins, 0);
#elif REG_MAX <= 32
  float value[REG_MAX];
#if REG_MAX % 8 == 0
  if (vector) {
#pragma unroll
    for (int k = 0; k < REG_MAX; k += 8) {
      const Pack<TYPE, 8> pack = *reinterpret_cast<const Pack<TYPE, 8>*>(bins + k);
#pragma unroll
      for (int i = 0; i < 8; ++i) value[k + i] = Widen<float, TYPE>::from(pack.element[i]);
    }
  } else
#endif
#pragma unroll
    for (int k = 0; k < REG_MAX; ++k) value[k] = at(bins, k * channel);
  float most = value[0], total = 0, weighted = 0;
#pragma unroll
  for (int k = 1; k < REG_MAX; ++k) most = fmaxf(most, value[k]);
#pragma unroll
  for (int k = 0; k < REG_MAX; ++k) {
    const float e = expf(value[k] - most);
    total += e, weighted += float(k) * e;
  }
  return weighted / total;
#else
  float most = at(bins, 0), total = 0, weighted = 0;
  for (int k = 1; k < REG_MAX; ++k) most = fmaxf(most, at(bins, k * channel));
  for (int k = 0; k < REG_MAX; ++k) {
    const float e = expf(at(bins, k * channel) - most);
    total += e, weighted += float(k) * e;
  }
  return weighted / total;
#endif
}

__device__ __forceinline__ float score_of_logit(float x) { return 1.0f / (1.0f + expf(-x)); }

// Box channels of a block's anchors to distances in shared memory; threads 0 … 127.
__device__ __forceinline__ void decode_sides(const Params& p, const Map& boxes, const TYPE* box, bool channels_last,
                                             int count, float (&side)[4][kAnchors]) {
  const int t = threadIdx.x;
  if (t >= 4 * kAnchors) return;
  const int a = channels_last ? t / 4 : t % kAnchors, s = channels_last ? t % 4 : t / kAnchors;
  if (a < count)
    side[s][a] = expected_distance(box + a * boxes.pixel + i64(s) * REG_MAX * boxes.channel, boxes.channel, p.vector);
}

extern "C" __global__ void __launch_bounds__(256, 1) decode(const __grid_constant__ Params p) {
  __shared__ float side[4][kAnchors];
  __shared__ float tile[kChunk][kAnchors + 1];
  int level = 0;
  while (level + 1 < p.levels && int(blockIdx.x) >= p.first_block[level + 1]) ++level;
  const int first = (blockIdx.x - p.first_block[level]) * kAnchors, image = blockIdx.y, t = threadIdx.x;
  const int count = min(kAnchors, p.anchors[level] - first);
  const i64 out = image * p.out_image + p.first_anchor[level] + first;
  const Map boxes = p.boxes[level], classes = p.classes[level];
  const TYPE* box = static_cast<const TYPE*>(boxes.data) + image * boxes.image + first * boxes.pixel;
  const TYPE* cls = static_cast<const TYPE*>(classes.data) + image * classes.image + first * classes.pixel;
  const bool channels_last = boxes.channel == 1 && boxes.pixel != 1;
  wait_for_predecessors();
  release_successors();

  if (!channels_last) {
    for (int i = t; i < p.class_count * kAnchors; i += 256) {
      const int c = i / kAnchors, a = i % kAnchors;
      if (a < count)
        put(p, out + (4 + c) * p.out_channel + a, score_of_logit(at(cls, c * classes.channel + a * classes.pixel)));
    }
  }
  // Channels side by side are turned in shared memory, so that anchors leave side by side. The first stretch of classes
  // is read before the boxes are, so that both are under way together.
  for (int begin = 0; begin < (channels_last ? max(p.class_count, 1) : 1); begin += kChunk) {
    const int channels = channels_last ? min(kChunk, p.class_count - begin) : 0;
    if (p.vector && channels % 8 == 0) {
      constexpr int kPacks = kChunk / 8 * kAnchors / 256;
      const int groups = channels / 8;
      Pack<TYPE, 8> pack[kPacks];
#pragma unroll
      for (int k = 0; k < kPacks; ++k) {
        const int i = t + 256 * k;
        if (i < groups * count)
          pack[k] = *reinterpret_cast<const Pack<TYPE, 8>*>(cls + i / groups * classes.pixel + begin + i % groups * 8);
      }
      if (begin == 0) decode_sides(p, boxes, box, channels_last, count, side);
#pragma unroll
      for (int k = 0; k < kPacks; ++k) {
        const int i = t + 256 * k;
        if (i < groups * count)
#pragma unroll
          for (int j = 0; j < 8; ++j) tile[i % groups * 8 + j][i / groups] = Widen<float, TYPE>::from(pack[k].element[j]);
      }
    } else {
      if (begin == 0) decode_sides(p, boxes, box, channels_last, count, side);
      for (int i = t; i < channels * count; i += 256) tile[i % channels][i / channels] = at(cls, i / channels * classes.pixel + begin + i % channels);
    }
    __syncthreads();
    if (begin == 0 && t < count) {
      const int anchor = first + t;
      const float cx = float(anchor % p.width[level]) + 0.5f, cy = float(anchor / p.width[level]) + 0.5f;
      const float x1 = cx - side[0][t], y1 = cy - side[1][t], x2 = cx + side[2][t], y2 = cy + side[3][t];
      const float stride = p.stride[level];
      const float b[4] = {XYXY ? x1 : (x1 + x2) / 2, XYXY ? y1 : (y1 + y2) / 2, XYXY ? x2 : x2 - x1,
                          XYXY ? y2 : y2 - y1};
#pragma unroll
      for (int i = 0; i < 4; ++i) put(p, out + i * p.out_channel + t, b[i] * stride);
    }
    for (int i = t; i < channels * kAnchors; i += 256) {
      const int c = i / kAnchors, a = i % kAnchors;
      if (a < count) put(p, out + (4 + begin + c) * p.out_channel + a, score_of_logit(tile[c][a]));
    }
    __syncthreads();
  }
}
