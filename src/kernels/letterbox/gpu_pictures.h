// Letterbox on a GPU of pictures of any sizes and formats, in one launch that can be recorded before they are
// known.
#pragma once

#include <cstdint>
#include <string>

#include "device/cuda/cuda_device.h"
#include "hone/preprocess.h"

namespace hone {

// As letterbox.cu declares it: a picture in the GPU's memory and where it lies in the input.
struct GpuPicture {
  const uint8_t *pixels = nullptr, *chroma = nullptr;
  int64_t row_bytes = 0, chroma_row_bytes = 0;
  double scale_x = 1, scale_y = 1;
  int32_t image_height = 0, image_width = 0, top = 0, left = 0, resized_height = 0, resized_width = 0,
          format = 3, unused = 0;
};
// An image of the input that holds no picture is zeros: GpuPicture{}. The addresses of `image` are the GPU's.
GpuPicture gpu_picture(const ImageView& image, const LetterboxGeometry& geometry);

struct GpuLetterboxOutput {
  void* data = nullptr;
  int64_t stride[4] = {};  // elements: image, channel, row, column
  int32_t images = 0, height = 0, width = 0, pad_value = 114;
};
// `entry` of letterbox.cu, writing elements of `to`.
cuda::Program letterbox_program(std::string entry, DType to);
cuda::LaunchShape letterbox_launch(const GpuLetterboxOutput& out);

class GpuLetterbox {
 public:
  static cuda::Program program(DType to) { return letterbox_program("letterbox_pictures", to); }
  static Result<GpuLetterbox> create(CudaDevice& device, DType to);
  // `pictures`: one an image of `shape` {N, 3, height, width}, in memory of the GPU, read when the launch
  // runs; `target`: a dense tensor of that shape. The device keeps an error until the enqueuing is done.
  void enqueue(const GpuPicture* pictures, const Shape& shape, void* target, cuda::Stream stream) const;

 private:
  CudaDevice* device_ = nullptr;
  cuda::Function function_ = nullptr;
};

}  // namespace hone
