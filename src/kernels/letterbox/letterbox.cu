// Pictures to the network's input, a thread a pixel: OpenCV's fixed-point bilinear resize to the bit, padding, colours,
// /255. Given: OUT.
struct Params {
  const u8* image;
  void* out;
  i64 image_stride, out_stride[4];  // image, channel, row, column
  double scale_x, scale_y;
  int images, image_height, image_width, height, width, top, left, resized_height, resized_width, pad_value, bgr;
};
struct Tap {
  int first, second, first_weight, second_weight;
};

// Where index i of the resized axis reads, with 11-bit weights. Horizontal axes clamp the weight at the borders,
// vertical ones the indices alone.
__device__ __forceinline__ Tap tap(int i, int source, double scale, bool horizontal) {
  float f = float(__dsub_rn(__dmul_rn(double(i) + 0.5, scale), 0.5));
  int s = int(floorf(f));
  f = __fsub_rn(f, float(s));
  if (horizontal && s < 0) s = 0, f = 0;
  if (horizontal && s >= source - 1) s = source - 1, f = 0;
  return {min(max(s, 0), source - 1), min(max(s + 1, 0), source - 1), int(rintf(__fmul_rn(__fsub_rn(1.0f, f), 2048.0f))),
          int(rintf(__fmul_rn(f, 2048.0f)))};
}

extern "C" __global__ void __launch_bounds__(256, 1) letterbox(const __grid_constant__ Params p) {
  const int x = blockIdx.x * 32 + threadIdx.x % 32, y = blockIdx.y * 8 + threadIdx.x / 32;
  if (x >= p.width || y >= p.height) return;
  const bool inside = y >= p.top && y < p.top + p.resized_height && x >= p.left && x < p.left + p.resized_width;
  const Tap ty = tap(y - p.top, p.image_height, p.scale_y, false), tx = tap(x - p.left, p.image_width, p.scale_x, true);
  wait_for_predecessors();
  release_successors();
  for (int n = blockIdx.z; n < p.images; n += gridDim.z) {
    const u8* image = p.image + n * p.image_stride;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const int colour = p.bgr ? 2 - c : c;
      int value = p.pad_value;
      if (inside) {
        const auto across = [&](int row) {
          const u8* line = image + i64(row) * p.image_width * 3 + colour;
          return (int(line[tx.first * 3]) * tx.first_weight + int(line[tx.second * 3]) * tx.second_weight) >> 4;
        };
        const int upper = (ty.first_weight * across(ty.first)) >> 16, lower = (ty.second_weight * across(ty.second)) >> 16;
        value = min(max((upper + lower + 2) >> 2, 0), 255);
      }
      static_cast<OUT*>(p.out)[n * p.out_stride[0] + c * p.out_stride[1] + y * p.out_stride[2] + x * p.out_stride[3]] =
          Narrow<OUT, float>::from(__fdiv_rn(float(value), 255.0f));
    }
  }
}
