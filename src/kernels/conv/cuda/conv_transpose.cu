// Transposed convolution, read from the output's side: one thread an output element, any window and groups, NHWC.
// -DELEMENT is the element type. Weights are f32 [tap][channel of the group][output channel].
// In front: types.cuh, activation.cuh.
struct Params {
  const ELEMENT* x;
  const float* bias;
  const float* weight;
  ELEMENT* y;
  i64 x_pixel, y_pixel;  // elements from pixel to pixel
  int images, height, width, channels_a_group, out_height, out_width, out_channels, out_channels_a_group;
  int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
  float alpha, beta;
};

extern "C" __global__ void conv_transpose(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
  const u32 count = u32(p.images) * p.out_height * p.out_width * p.out_channels;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    const int channel = i % p.out_channels, pixel = i / p.out_channels;
    const int column = pixel % p.out_width, row = pixel / p.out_width % p.out_height,
              image = pixel / p.out_width / p.out_height;
    const int first = channel / p.out_channels_a_group * p.channels_a_group;
    float sum = p.bias[channel];
    for (int ky = 0; ky < p.kernel_y; ++ky) {
      const int from_y = row + p.pad_y - ky * p.dilation_y, y = from_y / p.stride_y;
      if (from_y < 0 || from_y % p.stride_y != 0 || y >= p.height) continue;
      for (int kx = 0; kx < p.kernel_x; ++kx) {
        const int from_x = column + p.pad_x - kx * p.dilation_x, x = from_x / p.stride_x;
        if (from_x < 0 || from_x % p.stride_x != 0 || x >= p.width) continue;
        const ELEMENT* in = p.x + ((i64(image) * p.height + y) * p.width + x) * p.x_pixel + first;
        const float* weight =
            p.weight + i64(ky * p.kernel_x + kx) * p.channels_a_group * p.out_channels + channel;
        for (int c = 0; c < p.channels_a_group; ++c)
          sum += to_float(in[c]) * weight[i64(c) * p.out_channels];
      }
    }
    p.y[i64(pixel) * p.y_pixel + channel] = from_float<ELEMENT>(activate(sum, p.alpha, p.beta));
  }
}
