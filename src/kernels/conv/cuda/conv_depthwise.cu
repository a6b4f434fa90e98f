// Depthwise convolution: 16-bit NHWC, one filter a channel. A thread has 8 neighbouring channels of PX neighbouring
// columns; what the filter's columns share is loaded once a row.
//
// Options: KH, KW, SH, SW, DH, DW, PX, RESIDUAL.
// In front: types.cuh, activation.cuh, epilogue.cuh.

struct Params {
  const u16* in;
  const float* weights;  // [tap][channel]
  const float* bias;
  const u16* residual;
  void* out;
  int in_stride, residual_stride, out_stride;  // elements from pixel to pixel
  int in_h, in_w, out_h, out_w, channels, pad_top, pad_left, strips, threads;
  Divisor by_vectors, by_strips, by_out_h;
  float alpha, beta;
};

constexpr int kSpan = (PX - 1) * SW + (KW - 1) * DW + 1;  // input columns that a strip reads

__device__ __forceinline__ void widen_8(uint4 v, float (&f)[8]) {
  const u32 w[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    f[2 * i] = low_of(w[i]);
    f[2 * i + 1] = high_of(w[i]);
  }
}

__device__ __forceinline__ void load_8(const float* from, float (&f)[8]) {
  const float4 a = __ldg((const float4*)from), b = __ldg((const float4*)from + 1);
  f[0] = a.x, f[1] = a.y, f[2] = a.z, f[3] = a.w, f[4] = b.x, f[5] = b.y, f[6] = b.z, f[7] = b.w;
}

extern "C" __global__ void __launch_bounds__(128) conv_depthwise(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
  const int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= p.threads) return;
  // Channels run fastest, so that neighbouring threads read neighbouring bytes.
  const int place = divide(i, p.by_vectors), channel = (i - place * (p.channels / 8)) * 8;
  const int line = divide(place, p.by_strips), x0 = (place - line * p.strips) * PX;
  const int image = divide(line, p.by_out_h), y = line - image * p.out_h;

  float sum[PX][8], bias[8];
#pragma unroll
  for (int x = 0; x < PX; x++)
#pragma unroll
    for (int c = 0; c < 8; c++) sum[x][c] = 0.f;
  load_8(p.bias + channel, bias);
  const int in_x = x0 * SW - p.pad_left;
#pragma unroll
  for (int ky = 0; ky < KH; ky++) {
    const int in_y = y * SH - p.pad_top + ky * DH;
    if (in_y < 0 || in_y >= p.in_h) continue;
    const u16* row = p.in + ((i64)image * p.in_h + in_y) * p.in_w * p.in_stride + channel;
    float weight[KW][8];
#pragma unroll
    for (int kx = 0; kx < KW; kx++) load_8(p.weights + (ky * KW + kx) * p.channels + channel, weight[kx]);
#pragma unroll
    for (int column = 0; column < kSpan; column++) {
      const int x = in_x + column;
      float v[8] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
      if (x >= 0 && x < p.in_w) widen_8(*(const uint4*)(row + (i64)x * p.in_stride), v);
#pragma unroll
      for (int o = 0; o < PX; o++) {
        const int shift = column - o * SW;
        if (shift < 0 || shift % DW != 0 || shift / DW >= KW) continue;
#pragma unroll
        for (int c = 0; c < 8; c++) sum[o][c] = fmaf(v[c], weight[shift / DW][c], sum[o][c]);
      }
    }
  }
#pragma unroll
  for (int o = 0; o < PX; o++) {
    if (x0 + o >= p.out_w) break;
    const int pixel = line * p.out_w + x0 + o;
    float v[8];
#pragma unroll
    for (int c = 0; c < 8; c++) v[c] = finish(sum[o][c], bias[c] * kBiasScale, p.alpha, p.beta);
    if constexpr (RESIDUAL) {
      float r[8];
      widen_8(load_residual(p.residual, pixel, p.residual_stride, channel, 8, p.channels), r);
#pragma unroll
      for (int c = 0; c < 8; c++) v[c] += r[c];
    }
    store_channels(p.out, pixel, p.out_stride, channel, 8, p.channels, v);
  }
}
