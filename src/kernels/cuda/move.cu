// Copies between layouts and types: -DSOURCE and -DTARGET are element types.
struct Params {
  const SOURCE* from;
  TARGET* to;
  i64 from_image, from_channel, from_pixel, to_image, to_channel, to_pixel;
  int images, channels, pixels;
};

template <class To, class From>
__device__ __forceinline__ To convert(From value) {
  return from_float<To>(to_float(value));
}
#if EXACT
template <>
__device__ __forceinline__ TARGET convert<TARGET, SOURCE>(SOURCE value) {
#if TO_BOOLEAN
  return value != SOURCE(0);
#else
  return static_cast<TARGET>(value);
#endif
}
#endif

// Channels run fastest where the target has them innermost, so that writes are coalesced.
extern "C" __global__ void move(const __grid_constant__ Params p) {
  wait_for_predecessors();
  release_successors();
  const u32 count = u32(p.images) * u32(p.channels) * u32(p.pixels);
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    u32 channel, pixel, image;
    if (p.to_channel == 1) {
      channel = i % p.channels;
      pixel = i / p.channels % p.pixels;
      image = i / p.channels / p.pixels;
    } else {
      pixel = i % p.pixels;
      channel = i / p.pixels % p.channels;
      image = i / p.pixels / p.channels;
    }
    p.to[image * p.to_image + channel * p.to_channel + pixel * p.to_pixel] =
        convert<TARGET>(p.from[image * p.from_image + channel * p.from_channel + pixel * p.from_pixel]);
  }
}
