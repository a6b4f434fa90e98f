#include "kernels/letterbox/gpu_pictures.h"

#include <gtest/gtest.h>

#include <random>

#include "device/cuda/stream.h"
#include "kernels/cuda/resources.h"
#include "kernels/letterbox/letterbox.h"

namespace hone {
namespace {

TEST(CudaCompileGpuPictures, EveryTargetWithoutLocalMemory) {
  for (const int capability : {80, 86, 87, 89, 90})
    for (const DType type : {DType::f32, DType::f16}) {
      const auto device = make_cuda_target(capability);
      ASSERT_TRUE(device);
      const cuda::Program program = GpuLetterbox::program(type);
      const auto binary = (*device)->binary(program);
      if (!binary && binary.error().message.find("libnvrtc") != std::string::npos)
        GTEST_SKIP() << "skipped: " << binary.error().message;
      ASSERT_TRUE(binary) << binary.error().message;
      const auto used = kernel_resources(binary->code, program.entry);
      ASSERT_TRUE(used) << used.error().message;
      EXPECT_EQ(used->stack_bytes, 0u) << capability;
    }
}

struct Frame {
  std::vector<uint8_t> bytes;
  ImageView view;
};

// A picture of noise in any format and with rows of any length.
Frame noise(std::mt19937& random) {
  const auto upto = [&](uint32_t most) { return static_cast<int>(random() % most) + 1; };
  Frame frame;
  ImageView& v = frame.view;
  v.width = upto(300), v.height = upto(300);
  const auto width = static_cast<size_t>(v.width), height = static_cast<size_t>(v.height);
  v.format = static_cast<PixelFormat>(random() % 3);
  v.row_bytes = (v.format == PixelFormat::nv12 ? width : 3 * width) + random() % 50;
  v.chroma_row_bytes = v.format == PixelFormat::nv12 ? (width + 1) / 2 * 2 + random() % 50 : 0;
  frame.bytes.resize(v.row_bytes * height + v.chroma_row_bytes * ((height + 1) / 2));
  for (uint8_t& b : frame.bytes) b = static_cast<uint8_t>(random());
  return frame;
}

TEST(GpuLetterbox, GivesTheLetterboxersBitsForPicturesOfAnySizeAndFormatTogether) {
  const auto opened = open_cuda_device(0);
  if (!opened) GTEST_SKIP() << "skipped: " << opened.error().message;
  auto& gpu = static_cast<CudaDevice&>(**opened);
  const auto stream = cuda::OwnedStream::create(gpu);
  ASSERT_TRUE(stream);
  std::mt19937 random(23);
  Letterboxer letterboxer(2);
  for (int round = 0; round < 40; ++round) {
    const DType type = round % 2 ? DType::f16 : DType::f32;
    const size_t element = type == DType::f16 ? 2 : 4;
    const auto count = 1 + random() % 5;
    const Shape shape = {static_cast<int64_t>(count) + 1, 3, static_cast<int64_t>(random() % 200 + 1),
                         static_cast<int64_t>(random() % 200 + 1)};
    const auto image_bytes = static_cast<size_t>(3 * shape[2] * shape[3]) * element;
    std::vector<std::byte> wanted(image_bytes * (count + 1));  // the last image has no picture: zeros
    std::vector<std::shared_ptr<DeviceBuffer>> kept;
    std::vector<GpuPicture> pictures;
    for (size_t i = 0; i < count; ++i) {
      Frame frame = noise(random);
      const auto g =
          letterbox_geometry(
              frame.view.height, frame.view.width,
              {.imgsz = {shape[2], shape[3]}, .centered = random() % 4 > 0, .scale_up = random() % 4 > 0})
              .value();
      frame.view.data = frame.bytes.data();
      if (frame.view.format == PixelFormat::nv12)
        frame.view.chroma = frame.view.data + frame.view.row_bytes * static_cast<size_t>(frame.view.height);
      ASSERT_TRUE(letterboxer.run(frame.view, g, type, wanted.data() + i * image_bytes));
      kept.push_back(gpu.allocate(frame.bytes.size()).value());
      ASSERT_TRUE(gpu.copy_in(*kept.back(), 0, std::as_bytes(std::span(frame.bytes))));
      const ptrdiff_t chroma_at = frame.view.chroma - frame.view.data;
      frame.view.data = static_cast<const uint8_t*>(kept.back()->address());
      if (frame.view.format == PixelFormat::nv12) frame.view.chroma = frame.view.data + chroma_at;
      pictures.push_back(gpu_picture(frame.view, g));
    }
    pictures.emplace_back();
    const auto described = gpu.allocate(pictures.size() * sizeof(GpuPicture)).value();
    ASSERT_TRUE(gpu.copy_in(*described, 0, std::as_bytes(std::span(pictures))));
    const auto target = gpu.allocate(wanted.size()).value();
    ASSERT_TRUE(gpu.fill(*target, std::byte{0xff}));
    const auto letterbox = GpuLetterbox::create(gpu, type);
    ASSERT_TRUE(letterbox) << letterbox.error().message;
    letterbox->enqueue(static_cast<const GpuPicture*>(described->address()), shape, target->address(),
                       stream->get());
    const auto launched = CudaDevice::take_launch_error();
    ASSERT_TRUE(launched) << launched.error().message;
    ASSERT_TRUE(stream->synchronize());
    std::vector<std::byte> got(wanted.size());
    ASSERT_TRUE(gpu.copy_out(got, *target, 0));
    ASSERT_EQ(got, wanted) << "round " << round << ", " << shape_text(shape);
  }
}

}  // namespace
}  // namespace hone
