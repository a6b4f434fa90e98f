// u8 pictures from wherever they lie to a GPU's memory, described for the letterbox kernel.
#pragma once

#include <memory>
#include <span>

#include "device/cuda/stream.h"
#include "kernels/letterbox/gpu_pictures.h"

namespace hone {

// Belongs to one thread. Grows to the largest batch seen.
class PictureUpload {
 public:
  explicit PictureUpload(std::shared_ptr<CudaDevice> device) : device_(std::move(device)) {}

  // Room for the descriptions of `images` images, at an address that stays while it suffices.
  Result<> reserve(size_t images);
  const GpuPicture* pictures() const { return static_cast<const GpuPicture*>(described_->address()); }

  // Enqueues the copies of the pictures and of `images` descriptions on `stream`, the images beyond the
  // pictures empty. Pictures may change once the stream has come so far; what an earlier call enqueued is
  // done.
  Result<> enqueue(std::span<const ImageView> pictures, std::span<const LetterboxGeometry> geometry,
                   size_t images, cuda::Stream stream);

 private:
  // One run of rows: of pixels, or of an NV12 picture's colours.
  struct Plane {
    const uint8_t* from;
    size_t row_bytes, used_bytes, rows;  // used_bytes of each row
    cuda::MemoryKind kind;
    size_t offset = 0;  // in memory_
    // What is copied: the rows with what lies between them, or packed rows.
    size_t stride() const { return kind == cuda::MemoryKind::pageable ? used_bytes : row_bytes; }
    size_t bytes() const { return (rows - 1) * stride() + used_bytes; }
  };

  Result<> place(std::span<const ImageView> pictures);
  Result<> copy(Plane& plane, size_t& staged, cuda::Stream stream);

  std::shared_ptr<CudaDevice> device_;
  std::shared_ptr<DeviceBuffer> memory_, described_;
  cuda::PinnedBuffer staging_, descriptions_;
  std::vector<Plane>
      planes_;  // of each picture its pixels, then its colours where they are a plane of their own
};

}  // namespace hone
