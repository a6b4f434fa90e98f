#include "engine/picture_upload.h"

#include <algorithm>
#include <cstring>

#include "device/cuda/driver.h"
#include "kernels/letterbox/letterbox.h"

namespace hone {
namespace {

constexpr size_t kPlaneAlignment = 256;
constexpr size_t kStretchBytes = size_t{256} << 10;

size_t aligned(size_t bytes) { return (bytes + kPlaneAlignment - 1) / kPlaneAlignment * kPlaneAlignment; }

Result<> grow(CudaDevice& device, cuda::PinnedBuffer& buffer, size_t bytes) {
  if (buffer.size_bytes() >= bytes) return {};
  buffer = {};
  HONE_ASSIGN(buffer, cuda::PinnedBuffer::create(device, bytes));
  return {};
}

}  // namespace

Result<> PictureUpload::reserve(size_t images) {
  const size_t bytes = images * sizeof(GpuPicture);
  if (described_ == nullptr || described_->size_bytes() < bytes) {
    described_.reset();
    HONE_ASSIGN(described_, device_->allocate(bytes));
  }
  return grow(*device_, descriptions_, bytes);
}

// Finds where each plane lies now and where it goes, and makes room there.
Result<> PictureUpload::place(std::span<const ImageView> pictures) {
  planes_.clear();
  size_t total = 0, staged = 0;
  for (const ImageView& given : pictures) {
    HONE_TRY(check_image(given));
    const ImageView image = with_chroma(given);
    const auto width = static_cast<size_t>(image.width), height = static_cast<size_t>(image.height);
    const auto add = [&](const uint8_t* from, size_t row_bytes, size_t used_bytes, size_t rows) {
      Plane plane{.from = from,
                  .row_bytes = row_bytes,
                  .used_bytes = used_bytes,
                  .rows = rows,
                  .kind = cuda::memory_kind(*device_, from)};
      if (plane.kind != cuda::MemoryKind::device) plane.offset = total, total += aligned(plane.bytes());
      if (plane.kind == cuda::MemoryKind::pageable) plane.staged = staged, staged += aligned(plane.bytes());
      planes_.push_back(plane);
    };
    if (image.format == PixelFormat::nv12) {
      add(image.data, image.row_bytes, width, height);
      add(image.chroma, image.chroma_row_bytes, (width + 1) / 2 * 2, (height + 1) / 2);
    } else {
      add(image.data, image.row_bytes, width * 3, height);
    }
  }
  if (total > 0 && (memory_ == nullptr || memory_->size_bytes() < total)) {
    memory_.reset();
    HONE_ASSIGN(memory_, device_->allocate(total));
  }
  return grow(*device_, staging_, staged);
}

Result<> PictureUpload::send(const Plane& plane, size_t at, const void* from, size_t bytes,
                             cuda::Stream stream) {
  const cuda::Driver& d = device_->driver();
  const auto to = reinterpret_cast<cuda::Address>(memory_->address()) + plane.offset + at;
  return d.check(d.copy_to_device_async(to, from, bytes, stream), "cuMemcpyHtoDAsync");
}

// While a stretch travels, others are staged.
Result<> PictureUpload::stage_and_send(cuda::Stream stream) {
  stretches_.clear();
  for (const Plane& plane : planes_) {
    if (plane.kind != cuda::MemoryKind::pageable) continue;
    const size_t rows_at_once = std::max<size_t>(1, kStretchBytes / plane.used_bytes);
    for (size_t row = 0; row < plane.rows; row += rows_at_once)
      stretches_.push_back({&plane, row, std::min(rows_at_once, plane.rows - row)});
  }
  sent_.assign(stretches_.size(), {});
  threads_.run(stretches_.size(), [&](size_t i) {
    const Plane* const plane = stretches_[i].plane;
    const size_t first_row = stretches_[i].first_row, rows = stretches_[i].rows;
    const size_t at = first_row * plane->used_bytes, bytes = rows * plane->used_bytes;
    std::byte* const room = staging_.data() + plane->staged + at;
    const uint8_t* from = plane->from + first_row * plane->row_bytes;
    if (plane->row_bytes == plane->used_bytes)
      std::memcpy(room, from, bytes);
    else
      for (size_t row = 0; row < rows; ++row)
        std::memcpy(room + row * plane->used_bytes, from + row * plane->row_bytes, plane->used_bytes);
    const cuda::Current current(device_->driver(), device_->context());
    sent_[i] = send(*plane, at, room, bytes, stream);
  });
  for (Result<>& result : sent_) HONE_TRY(std::move(result));
  return {};
}

Result<> PictureUpload::enqueue(std::span<const ImageView> pictures,
                                std::span<const LetterboxGeometry> geometry, size_t images,
                                cuda::Stream stream) {
  const cuda::Current current(device_->driver(), device_->context());
  HONE_TRY(place(pictures));
  auto* const described = reinterpret_cast<GpuPicture*>(descriptions_.data());
  std::fill_n(described, images, GpuPicture{});
  const auto address = [&](const Plane& plane) {
    return plane.kind == cuda::MemoryKind::device
               ? plane.from
               : static_cast<const uint8_t*>(memory_->address()) + plane.offset;
  };
  size_t next = 0;
  for (size_t i = 0; i < pictures.size(); ++i) {
    HONE_TRY(check_geometry(geometry[i]));
    ImageView image = pictures[i];
    const Plane& pixels = planes_[next++];
    image.data = address(pixels), image.row_bytes = pixels.stride();
    if (image.format == PixelFormat::nv12) {
      const Plane& colours = planes_[next++];
      image.chroma = address(colours), image.chroma_row_bytes = colours.stride();
    }
    described[i] = gpu_picture(image, geometry[i]);
  }
  const cuda::Driver& d = device_->driver();
  HONE_TRY(d.check(d.copy_to_device_async(reinterpret_cast<cuda::Address>(described_->address()), described,
                                          images * sizeof(GpuPicture), stream),
                   "cuMemcpyHtoDAsync"));
  for (const Plane& plane : planes_)
    if (plane.kind == cuda::MemoryKind::pinned) HONE_TRY(send(plane, 0, plane.from, plane.bytes(), stream));
  return stage_and_send(stream);
}

}  // namespace hone
