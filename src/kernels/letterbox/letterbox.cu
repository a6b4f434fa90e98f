// Pictures to the network's input, a thread a pixel: OpenCV's fixed-point bilinear resize to the bit, padding, colours,
// /255. Given: OUT.

// As gpu_pictures.h declares it: a picture and where it lies in the input.
struct Picture {
  const u8 *pixels, *chroma;
  i64 row_bytes, chroma_row_bytes;
  double scale_x, scale_y;
  int image_height, image_width, top, left, resized_height, resized_width, format, unused;
};
enum Format { kRgb = 0, kBgr = 1, kNv12 = 2, kNothing = 3 };  // kNothing: the input is zeros

struct Output {
  void* data;
  i64 stride[4];  // image, channel, row, column
  int images, height, width, pad_value;
};
struct Params {
  Output out;
  Picture picture;
  i64 image_stride;
};
struct PicturesParams {
  Output out;
  const Picture* pictures;
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

struct Colour {
  int red, green, blue;
};
__device__ __forceinline__ int byte_of(int x) { return min(max(x, 0), 255); }

__device__ __forceinline__ Colour pixel(const Picture& p, const u8* pixels, int y, int x) {
  const u8* row = pixels + y * p.row_bytes;
  if (p.format != kNv12) {
    const u8* at = row + 3 * x;
    return p.format == kBgr ? Colour{at[2], at[1], at[0]} : Colour{at[0], at[1], at[2]};
  }
  // BT.601 of limited range with 20 bits, as nv12.h has it.
  const u8* chroma = p.chroma + (y / 2) * p.chroma_row_bytes + x / 2 * 2;
  const int u = int(chroma[0]) - 128, v = int(chroma[1]) - 128;
  const int light = max(int(row[x]) - 16, 0) * 1220542 + (1 << 19);
  return {byte_of((light + 1673527 * v) >> 20), byte_of((light - 852492 * v - 409993 * u) >> 20),
          byte_of((light + 2116026 * u) >> 20)};
}

// A block's 32 columns and 8 rows of the input.
struct Taps {
  Tap x[32], y[8];
};

__device__ __forceinline__ void letterbox_image(const Output& out, const Picture& p, const u8* pixels, int image, Taps& taps) {
  const int t = threadIdx.x, x = blockIdx.x * 32 + t % 32, y = blockIdx.y * 8 + t / 32;
  if (t < 32)
    taps.x[t] = tap(x - p.left, p.image_width, p.scale_x, true);
  else if (t < 40)
    taps.y[t - 32] = tap(int(blockIdx.y) * 8 + t - 32 - p.top, p.image_height, p.scale_y, false);
  __syncthreads();
  if (x < out.width && y < out.height) {
    Colour value{out.pad_value, out.pad_value, out.pad_value};
    if (p.format == kNothing) {
      value = {0, 0, 0};
    } else if (y >= p.top && y < p.top + p.resized_height && x >= p.left && x < p.left + p.resized_width) {
      const Tap tx = taps.x[t % 32], ty = taps.y[t / 32];
      const Colour a = pixel(p, pixels, ty.first, tx.first), b = pixel(p, pixels, ty.first, tx.second);
      const Colour c = pixel(p, pixels, ty.second, tx.first), d = pixel(p, pixels, ty.second, tx.second);
      const auto mixed = [&](int upper_left, int upper_right, int lower_left, int lower_right) {
        const int upper = (upper_left * tx.first_weight + upper_right * tx.second_weight) >> 4;
        const int lower = (lower_left * tx.first_weight + lower_right * tx.second_weight) >> 4;
        return byte_of((((ty.first_weight * upper) >> 16) + ((ty.second_weight * lower) >> 16) + 2) >> 2);
      };
      value = {mixed(a.red, b.red, c.red, d.red), mixed(a.green, b.green, c.green, d.green),
               mixed(a.blue, b.blue, c.blue, d.blue)};
    }
    OUT* at = static_cast<OUT*>(out.data) + image * out.stride[0] + y * out.stride[2] + x * out.stride[3];
    const int colours[3] = {value.red, value.green, value.blue};
#pragma unroll
    for (int channel = 0; channel < 3; ++channel)
      at[channel * out.stride[1]] = Narrow<OUT, float>::from(__fdiv_rn(float(colours[channel]), 255.0f));
  }
  __syncthreads();
}

// Pictures of one size, one behind the other.
extern "C" __global__ void __launch_bounds__(256, 1) letterbox(const __grid_constant__ Params p) {
  __shared__ Taps taps;
  wait_for_predecessors();
  release_successors();
  for (int n = blockIdx.z; n < p.out.images; n += gridDim.z)
    letterbox_image(p.out, p.picture, p.picture.pixels + n * p.image_stride, n, taps);
}

// Pictures of any sizes and formats; what they are lies in the GPU's memory, so that a recorded launch serves them all.
extern "C" __global__ void __launch_bounds__(256, 1) letterbox_pictures(const __grid_constant__ PicturesParams p) {
  __shared__ Taps taps;
  wait_for_predecessors();
  release_successors();
  for (int n = blockIdx.z; n < p.out.images; n += gridDim.z) {
    const Picture picture = p.pictures[n];
    letterbox_image(p.out, picture, picture.pixels, n, taps);
  }
}
