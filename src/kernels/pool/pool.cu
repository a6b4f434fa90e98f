// Max and average pooling of up to three spatial axes in any layout. Given: TYPE, COMPUTE, MAX (0 or 1), WIDTH: channels a
// thread takes at once where they are neighbours (p.vector).
struct Params {
  const void* x;
  void* y;
  i64 x_stride[5], y_stride[5];  // image, channel, then the spatial axes
  int images, channels, in[3], out[3];
  int kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
  int vector, count_padding, channels_last;
};
typedef COMPUTE C;

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

extern "C" __global__ void __launch_bounds__(128, 1) pool(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
  if (p.vector)
    run<WIDTH>(p);
  else
    run<1>(p);
}
