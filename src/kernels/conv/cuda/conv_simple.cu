// One thread an output element: any window, any groups, slow but right. Channels innermost on both sides.
// -DSOURCE is the type of what it reads, -DTARGET of the result and the residual. Weights are f32 [kernel y][kernel x][channel of the group][output channel].
struct Params {
  const SOURCE* x;
  const float* bias;
  const float* weight;
  const TARGET* residual;  // may be null
  TARGET* y;
  i64 x_pixel, residual_pixel, y_pixel;
  int images, height, width, channels_a_group, out_height, out_width, out_channels, out_channels_a_group;
  int kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
  int residual_upsampled;  // half as high and wide, added before the activation
  float alpha, beta;
};

extern "C" __global__ void conv_simple(const __grid_constant__ Params p) {
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
      const int y = row * p.stride_y + ky * p.dilation_y - p.pad_y;
      if (y < 0 || y >= p.height) continue;
      for (int kx = 0; kx < p.kernel_x; ++kx) {
        const int x = column * p.stride_x + kx * p.dilation_x - p.pad_x;
        if (x < 0 || x >= p.width) continue;
        const SOURCE* in = p.x + ((i64(image) * p.height + y) * p.width + x) * p.x_pixel + first;
        const float* weight =
            p.weight + i64(ky * p.kernel_x + kx) * p.channels_a_group * p.out_channels + channel;
        for (int c = 0; c < p.channels_a_group; ++c)
          sum += to_float(in[c]) * weight[i64(c) * p.out_channels];
      }
    }
    if (p.residual != nullptr && p.residual_upsampled) {
      const int low = (image * (p.out_height / 2) + row / 2) * (p.out_width / 2) + column / 2;
      sum += to_float(p.residual[i64(low) * p.residual_pixel + channel]);
    }
    float value = activate(sum, p.alpha, p.beta);
    if (p.residual != nullptr && !p.residual_upsampled) value += to_float(p.residual[i64(pixel) * p.residual_pixel + channel]);
    p.y[i64(pixel) * p.y_pixel + channel] = from_float<TARGET>(value);
  }
}
