// u8 pictures from wherever they lie to a GPU's memory, described for the letterbox kernel.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "device/cuda/stream.h"
#include "kernels/letterbox/gpu_pictures.h"

namespace hone {

// Belongs to one thread. Grows to the largest batch seen.
class PictureUpload {
 public:
  // Pictures in pageable memory are copied on `thread_count` threads.
  PictureUpload(std::shared_ptr<CudaDevice> device, size_t thread_count)
      : device_(std::move(device)), threads_(thread_count) {}

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
    size_t offset = 0, staged = 0;  // in memory_ and in staging_
    // What is copied: the rows with what lies between them, or packed rows.
    size_t stride() const { return kind == cuda::MemoryKind::pageable ? used_bytes : row_bytes; }
    size_t bytes() const { return (rows - 1) * stride() + used_bytes; }
  };

  // Some rows of a plane on their way through staging_.
  struct Stretch {
    const Plane* plane;
    size_t first_row, rows;
  };

  Result<> place(std::span<const ImageView> pictures);
  Result<> send(const Plane& plane, size_t at, const void* from, size_t bytes, cuda::Stream stream);
  Result<> stage_and_send(cuda::Stream stream);

  std::shared_ptr<CudaDevice> device_;
  ThreadPool threads_;
  std::shared_ptr<DeviceBuffer> memory_, described_;
  cuda::PinnedBuffer staging_, descriptions_;
  // Of each picture its pixels, then its colours where they are a plane of their own.
  std::vector<Plane> planes_;
  std::vector<Stretch> stretches_;
  std::vector<Result<>> sent_;  // of each stretch
};

}  // namespace hone
