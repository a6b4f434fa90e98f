// Max and average pooling of up to three spatial axes in any layout. Given: TYPE, COMPUTE, MAX (0 or 1), WIDTH: channels a
// thread takes at once where they are neighbours (p.vector); ROWS and COLUMNS of a window of two axes, or 0.
struct Params {
  const void* x;
  void* y;
  i64 x_stride[5], y_stride[5];  // image, channel, then the spatial axes
  int images, channels, in[3], out[3];
  int kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int vector, count_padding, channels_last, clamped, tall;
};
constexpr int kTall = 4;
typedef COMPUTE C;

#if MAX && HALF && ROWS > 0
// The greatest of a window whose taps stand side by side: a tap beyond the border may read the border's instead, so that no
// tap waits for a test. Eight channels of f16 at once; a NaN wins.
__device__ __forceinline__ u32 greater_halves(u32 a, u32 b) {
  u32 c;
  asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(c) : "r"(a), "r"(b));
  return c;
}
// A thread's TALL outputs stand one below the other and share the rows between them.
template <int TALL>
__device__ __forceinline__ void run_clamped(const Params& p) {
  const u32 groups = p.channels / 8, strips = (p.out[1] + TALL - 1) / TALL;
  const u32 total = u32(p.images) * groups * strips * p.out[2];
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
    const u32 group = i % groups;
    u32 rest = i / groups;
    const int w = rest % p.out[2];
    rest /= p.out[2];
    const int h = rest % strips * TALL, image = rest / strips;
    const u16* from = static_cast<const u16*>(p.x) + image * p.x_stride[0] + group * 8;
    const int top = h * p.stride[1] - p.pad[1], left = w * p.stride[2] - p.pad[2];
    u32 best[TALL][4];
#pragma unroll
    for (int a = 0; a < ROWS + TALL - 1; ++a) {
      const u16* row = from + min(max(top + a, 0), p.in[1] - 1) * p.x_stride[3];
      uint4 tap[COLUMNS];
#pragma unroll
      for (int b = 0; b < COLUMNS; ++b)
        tap[b] = *reinterpret_cast<const uint4*>(row + min(max(left + b, 0), p.in[2] - 1) * p.x_stride[4]);
      u32 most[4] = {tap[0].x, tap[0].y, tap[0].z, tap[0].w};
#pragma unroll
      for (int b = 1; b < COLUMNS; ++b) {
        const u32 word[4] = {tap[b].x, tap[b].y, tap[b].z, tap[b].w};
#pragma unroll
        for (int k = 0; k < 4; ++k) most[k] = greater_halves(most[k], word[k]);
      }
#pragma unroll
      for (int o = 0; o < TALL; ++o)
        if (a >= o && a < o + ROWS)
#pragma unroll
          for (int k = 0; k < 4; ++k) best[o][k] = a == o ? most[k] : greater_halves(best[o][k], most[k]);
    }
    u16* to = static_cast<u16*>(p.y) + image * p.y_stride[0] + group * 8 + h * p.y_stride[3] + w * p.y_stride[4];
#pragma unroll
    for (int o = 0; o < TALL; ++o)
      if (h + o < p.out[1])
        *reinterpret_cast<uint4*>(to + o * p.y_stride[3]) = uint4{best[o][0], best[o][1], best[o][2], best[o][3]};
  }
}
#endif

template <int V>
__device__ __forceinline__ void run(const Params& p) {
  const u32 groups = p.channels / V, plane = u32(p.out[0]) * p.out[1] * p.out[2];
  const u32 total = u32(p.images) * groups * plane;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
    u32 rest = i, group;
    if (p.channels_last) group = rest % groups, rest /= groups;
    int at[3];
#pragma unroll
    for (int axis = 2; axis >= 0; --axis) at[axis] = rest % p.out[axis], rest /= p.out[axis];
    if (!p.channels_last) group = rest % groups, rest /= groups;
    const int image = rest, channel = group * V;
    C best[V], sum[V];
#pragma unroll
    for (int v = 0; v < V; ++v) best[v] = C(__int_as_float(0xff800000)), sum[v] = C(0);
    int inside = 0, padded = 0;
    const TYPE* from = static_cast<const TYPE*>(p.x) + image * p.x_stride[0] + channel * p.x_stride[1];
    for (int a = 0; a < p.kernel[0]; ++a) {
      const int d = at[0] * p.stride[0] + a * p.dilation[0] - p.pad[0];
      for (int b = 0; b < p.kernel[1]; ++b) {
        const int h = at[1] * p.stride[1] + b * p.dilation[1] - p.pad[1];
        const bool row = d >= 0 && d < p.in[0] && h >= 0 && h < p.in[1];
        const bool padded_row = d < p.in[0] + p.pad_end[0] && h < p.in[1] + p.pad_end[1];
        for (int c = 0; c < p.kernel[2]; ++c) {
          const int w = at[2] * p.stride[2] + c * p.dilation[2] - p.pad[2];
          padded += padded_row && w < p.in[2] + p.pad_end[2];
          if (!row || w < 0 || w >= p.in[2]) continue;
          ++inside;
          const TYPE* tap = from + d * p.x_stride[2] + h * p.x_stride[3] + w * p.x_stride[4];
          const Pack<TYPE, V> pack = *reinterpret_cast<const Pack<TYPE, V>*>(tap);
#pragma unroll
          for (int v = 0; v < V; ++v) {
            const C value = Widen<C, TYPE>::from(pack.element[v]);
            if (MAX) {
              if (value > best[v] || value != value) best[v] = value;
            } else {
              sum[v] += value;
            }
          }
        }
      }
    }
    const int count = p.count_padding ? padded : inside;
    Pack<TYPE, V> result;
#pragma unroll
    for (int v = 0; v < V; ++v)
      result.element[v] = Narrow<TYPE, C>::from(MAX ? best[v] : count > 0 ? sum[v] / C(count) : C(0));
    TYPE* to = static_cast<TYPE*>(p.y) + image * p.y_stride[0] + channel * p.y_stride[1] + at[0] * p.y_stride[2] +
               at[1] * p.y_stride[3] + at[2] * p.y_stride[4];
    *reinterpret_cast<Pack<TYPE, V>*>(to) = result;
  }
}

extern "C" __global__ void __launch_bounds__(128, 2) pool(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
#if MAX && HALF && ROWS > 0
  if (p.clamped) return p.tall > 1 ? run_clamped<kTall>(p) : run_clamped<1>(p);
#endif
  if (p.vector)
    run<WIDTH>(p);
  else
    run<1>(p);
}
