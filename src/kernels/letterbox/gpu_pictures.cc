#include "kernels/letterbox/gpu_pictures.h"

#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"
#include "kernels/letterbox/letterbox.h"

namespace hone {
namespace {

// As letterbox.cu declares it.
struct PicturesParams {
  GpuLetterboxOutput out;
  const GpuPicture* pictures;
};

int32_t format_number(PixelFormat format) {
  return format == PixelFormat::rgb ? 0 : format == PixelFormat::bgr ? 1 : 2;
}

}  // namespace

GpuPicture gpu_picture(const ImageView& image, const LetterboxGeometry& g) {
  const ImageView whole = with_chroma(image);
  return {.pixels = whole.data,
          .chroma = whole.chroma,
          .row_bytes = static_cast<int64_t>(whole.row_bytes),
          .chroma_row_bytes = static_cast<int64_t>(whole.chroma_row_bytes),
          // OpenCV computes the scale as the inverse of an inverse; the last bit matters.
          .scale_x = 1.0 / (static_cast<double>(g.resized_width) / image.width),
          .scale_y = 1.0 / (static_cast<double>(g.resized_height) / image.height),
          .image_height = image.height,
          .image_width = image.width,
          .top = g.top,
          .left = g.left,
          .resized_height = g.resized_height,
          .resized_width = g.resized_width,
          .format = format_number(image.format)};
}

cuda::Program letterbox_program(std::string entry, DType to) {
  return cuda_program(std::move(entry), {cuda_text::letterbox_cu}, {define("OUT", cuda_element(to))});
}

cuda::LaunchShape letterbox_launch(const GpuLetterboxOutput& out) {
  cuda::LaunchShape launch;
  launch.grid[0] = static_cast<unsigned>((out.width + 31) / 32);
  launch.grid[1] = static_cast<unsigned>((out.height + 7) / 8);
  launch.grid[2] = static_cast<unsigned>(std::clamp(out.images, 1, 65535));
  launch.block[0] = 256;
  return launch;
}

Result<GpuLetterbox> GpuLetterbox::create(CudaDevice& device, DType to) {
  GpuLetterbox made;
  made.device_ = &device;
  HONE_ASSIGN(made.function_, device.load(program(to)));
  return made;
}

void GpuLetterbox::enqueue(const GpuPicture* pictures, const Shape& shape, void* target,
                           cuda::Stream stream) const {
  const int64_t height = shape[2], width = shape[3];
  const PicturesParams params{.out = {.data = target,
                                      .stride = {3 * height * width, height * width, width, 1},
                                      .images = static_cast<int32_t>(shape[0]),
                                      .height = static_cast<int32_t>(height),
                                      .width = static_cast<int32_t>(width)},
                              .pictures = pictures};
  (void)device_->launch(function_, letterbox_launch(params.out), stream, &params, sizeof(params));
}

}  // namespace hone
