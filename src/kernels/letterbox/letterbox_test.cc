#include "kernels/letterbox/letterbox.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "base/float16.h"
#include "kernels/kernel.h"
#include "kernels/letterbox/nv12.h"

namespace hone {
namespace {

std::vector<std::byte> noise(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

// Runs a kernel on noise pictures and returns the output's bytes.
std::vector<std::byte> run(const char* name, const Letterbox& op, int n, int height, int width,
                           size_t threads, const std::vector<std::byte>& pictures) {
  const Op any = op;
  const std::vector<TensorDesc> in = {TensorDesc(DType::u8, {n, height, width, 3})};
  const std::vector<TensorDesc> out = {TensorDesc(op.to, {n, 3, op.height, op.width})};
  const std::vector<ConstantPtr> constants(1);
  const Problem problem{
      .op = any, .inputs = in, .outputs = out, .constants = constants, .thread_count = threads};
  const Kernel* kernel = find_kernel(name);
  const Verdict verdict = kernel->may_i(problem);
  EXPECT_TRUE(verdict.legal) << verdict.reason;
  auto runner = kernel->prepare(problem, {});
  std::vector<std::byte> result(byte_count(out[0].type, out[0].shape).value(), std::byte{0xaa});
  std::vector<std::byte> workspace(verdict.workspace_bytes);
  const TensorArg x{const_cast<std::byte*>(pictures.data()), &in[0], dense_image_stride(in[0])};
  const TensorArg y{result.data(), &out[0], dense_image_stride(out[0])};
  ThreadPool pool(threads);
  (*runner)->run({.inputs = {&x, 1}, .outputs = {&y, 1}, .workspace = workspace.data(), .threads = &pool});
  return result;
}

TEST(Letterbox, TablesGiveTheReferencesBitsForAnySize) {
  std::mt19937 random(7);
  const auto upto = [&](int most) { return static_cast<int>(random() % static_cast<uint32_t>(most)) + 1; };
  for (int i = 0; i < 60; ++i) {
    Letterbox op;
    op.height = upto(96), op.width = upto(96);
    const int height = upto(200), width = upto(200), n = i % 5 == 0 ? 3 : 1;
    op.centered = i % 4 != 0, op.scale_up = i % 3 != 0, op.bgr = i % 7 != 0;
    op.to = i % 6 == 0 ? DType::f16 : DType::f32;
    if (i % 11 == 0) op.pad_value = 0;
    const auto pictures = noise(static_cast<size_t>(n * height * width * 3), static_cast<uint32_t>(i));
    EXPECT_EQ(run("letterbox.reference", op, n, height, width, 1, pictures),
              run("letterbox.cpu", op, n, height, width, i % 2 ? 3 : 1, pictures))
        << n << " of " << width << "x" << height << " to " << op.width << "x" << op.height;
  }
}

TEST(Letterbox, HalvingAndKeepingTheSizeAreExactToo) {
  for (const auto& [height, width] : {std::pair{64, 96}, {32, 48}, {1, 48}, {64, 1}, {1, 1}}) {
    Letterbox op;
    op.height = 32, op.width = 48;
    const auto picture = noise(static_cast<size_t>(height * width * 3), 3);
    EXPECT_EQ(run("letterbox.reference", op, 1, height, width, 1, picture),
              run("letterbox.cpu", op, 1, height, width, 1, picture));
  }
}

// A picture of unchanged size is only divided by 255 and turned from BGR to RGB planes.
TEST(Letterbox, WithoutResizingEveryValueIsTheByteOver255) {
  Letterbox op;
  op.height = 16, op.width = 16;
  std::vector<std::byte> picture(16 * 16 * 3);
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<std::byte>(i);
  const auto bytes = run("letterbox.cpu", op, 1, 16, 16, 1, picture);
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 256; ++i)
      ASSERT_EQ(values[c * 256 + i],
                static_cast<float>(std::to_integer<int>(picture[i * 3 + 2 - c])) / 255.0f);
}

TEST(Letterbox, RowFunctionsOfEveryInstructionSetAgree) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "skipped: this CPU has no AVX2";
  std::mt19937 random(5);
  for (const auto& [source, target] : {std::pair{333, 100}, {40, 333}, {5, 7}, {64, 32}, {3, 3}}) {
    const ResizeAxis axis = resize_axis(source, target, ResizeDirection::horizontal);
    std::vector<int16_t> weights;
    int wide = 0;
    for (int x = 0; x < target; ++x) {
      for (int c = 0; c < 4; ++c)
        weights.push_back(axis.first_weight[static_cast<size_t>(x)]),
            weights.push_back(axis.second_weight[static_cast<size_t>(x)]);
      if (axis.first[static_cast<size_t>(x)] * 3 + 8 <= source * 3) wide = x + 1;
    }
    const auto row = noise(static_cast<size_t>(source) * 3, 6);
    const auto count = static_cast<size_t>(target);
    std::vector<int16_t> a(count * 4), b(count * 4), lower(count * 4);
    for (int16_t& v : lower) v = static_cast<int16_t>(random() % 32641);
    const auto* pixels = reinterpret_cast<const uint8_t*>(row.data());
    kLetterboxRowsBaseline.horizontal(pixels, axis.first.data(), axis.second.data(), weights.data(), target,
                                      wide, a.data());
    kLetterboxRowsAvx2.horizontal(pixels, axis.first.data(), axis.second.data(), weights.data(), target, wide,
                                  b.data());
    ASSERT_EQ(a, b);
    std::vector<uint8_t> planes(count * 3), others(count * 3);
    kLetterboxRowsBaseline.vertical(a.data(), lower.data(), 700, 1348, target, planes.data(), &planes[count],
                                    &planes[2 * count]);
    kLetterboxRowsAvx2.vertical(a.data(), lower.data(), 700, 1348, target, others.data(), &others[count],
                                &others[2 * count]);
    ASSERT_EQ(planes, others);
  }
#else
  GTEST_SKIP() << "skipped: one instruction set alone";
#endif
}

// Ultralytics 8.4's sizes and pads (reference: LetterBox with auto on and off).
TEST(Letterbox, GeometryIsThatOfTheField) {
  struct Case {
    int height, width, imgsz, stride;
    LetterboxGeometry wanted;
  };
  for (const Case& c : {Case{1080, 1920, 640, 0, {640, 640, 360, 640, 140, 0}},
                        Case{1080, 1920, 640, 32, {384, 640, 360, 640, 12, 0}},
                        Case{427, 640, 640, 32, {448, 640, 427, 640, 10, 0}},
                        Case{1080, 810, 640, 32, {640, 480, 640, 480, 0, 0}},
                        Case{720, 1280, 1280, 32, {736, 1280, 720, 1280, 8, 0}}}) {
    const auto g =
        letterbox_geometry(c.height, c.width, {.imgsz = {c.imgsz, c.imgsz}, .rect_stride = c.stride});
    ASSERT_TRUE(g);
    EXPECT_EQ(*g, c.wanted) << c.width << "x" << c.height;
  }
  EXPECT_FALSE(letterbox_geometry(0, 5, {}));
  EXPECT_FALSE(letterbox_geometry(5, 5, {.imgsz = {640}}));
  EXPECT_FALSE(letterbox_geometry(5, 5, {.imgsz = {640, -1}}));
}

TEST(Letterbox, BoxesComeBackToThePictureAndStayInIt) {
  std::vector<Detection> boxes(2);
  boxes[0].box_xyxy_px = {100, 240, 200, 340};
  boxes[1].box_xyxy_px = {-5, 0, 700, 640};
  scale_boxes(boxes, 640, 640, 1080, 1920);
  EXPECT_EQ(boxes[0].box_xyxy_px, (std::array<float, 4>{300, 300, 600, 600}));
  EXPECT_EQ(boxes[1].box_xyxy_px, (std::array<float, 4>{0, 0, 1920, 1080}));
}

TEST(Letterboxer, TakesPaddedRowsAndRefusesWhatIsNoPicture) {
  const auto pixels = noise(40 * 100, 9);
  std::vector<uint8_t> dense;
  for (size_t y = 0; y < 40; ++y)
    for (size_t i = 0; i < 90; ++i) dense.push_back(static_cast<uint8_t>(pixels[y * 100 + i]));
  const auto* data = reinterpret_cast<const uint8_t*>(pixels.data());
  const auto g = letterbox_geometry(40, 30, {.imgsz = {32, 32}}).value();
  std::vector<float> a(3 * 32 * 32), b(3 * 32 * 32);
  Letterboxer one(1), three(3);
  ASSERT_TRUE(one.run({data, 30, 40, 100}, g, DType::f32, a.data()));
  ASSERT_TRUE(three.run({dense.data(), 30, 40, 90}, g, DType::f32, b.data()));
  EXPECT_EQ(a, b);
  EXPECT_FALSE(one.run({data, 30, 40, 80}, g, DType::f32, a.data()));
  EXPECT_FALSE(one.run({nullptr, 30, 40, 90}, g, DType::f32, a.data()));
  EXPECT_FALSE(one.run({data, 30, 40, 90}, g, DType::i8, a.data()));
}

// What OpenCV 5.0 makes of them (cvtColor, COLOR_YUV2BGR_NV12).
TEST(Nv12, PixelsAreOpenCvs) {
  struct Case {
    int light, u, v;
    std::array<uint8_t, 3> bgr;
  };
  for (const Case& c :
       {Case{16, 128, 128, {0, 0, 0}}, Case{235, 128, 128, {255, 255, 255}}, Case{81, 90, 240, {0, 0, 254}},
        Case{145, 54, 34, {1, 255, 0}}, Case{41, 240, 110, {255, 0, 0}}, Case{0, 0, 0, {0, 154, 0}},
        Case{255, 255, 255, {255, 125, 255}}, Case{100, 200, 30, {243, 149, 0}},
        Case{17, 3, 251, {0, 0, 197}}}) {
    std::array<uint8_t, 3> bgr{};
    nv12_pixel(c.light, c.u, c.v, bgr.data());
    EXPECT_EQ(bgr, c.bgr) << c.light << " " << c.u << " " << c.v;
  }
}

TEST(Letterboxer, ReadsEveryFormatAsTheSamePictureInBgr) {
  std::mt19937 random(17);
  for (const auto& [width, height] : {std::pair{64, 48}, {31, 17}, {1, 1}, {130, 7}}) {
    const auto w = static_cast<size_t>(width), h = static_cast<size_t>(height);
    const size_t light_bytes = w + random() % 9, chroma_bytes = (w + 1) / 2 * 2 + random() % 9;
    std::vector<uint8_t> light(light_bytes * h), chroma(chroma_bytes * ((h + 1) / 2)), bgr, rgb;
    for (uint8_t& b : light) b = static_cast<uint8_t>(random());
    for (uint8_t& b : chroma) b = static_cast<uint8_t>(random());
    for (size_t y = 0; y < h; ++y)
      for (size_t x = 0; x < w; ++x) {
        uint8_t pixel[3];
        const uint8_t* uv = &chroma[y / 2 * chroma_bytes + x / 2 * 2];
        nv12_pixel(light[y * light_bytes + x], uv[0], uv[1], pixel);
        bgr.insert(bgr.end(), pixel, pixel + 3);
        rgb.insert(rgb.end(), {pixel[2], pixel[1], pixel[0]});
      }
    const auto g = letterbox_geometry(height, width, {.imgsz = {32, 40}}).value();
    Letterboxer letterboxer(2);
    std::vector<float> wanted(3 * 32 * 40), got(wanted.size());
    ASSERT_TRUE(letterboxer.run({bgr.data(), width, height, w * 3}, g, DType::f32, wanted.data()));
    ASSERT_TRUE(
        letterboxer.run({rgb.data(), width, height, w * 3, PixelFormat::rgb}, g, DType::f32, got.data()));
    EXPECT_EQ(got, wanted);
    const ImageView planes{light.data(),      width,         height,      light_bytes,
                           PixelFormat::nv12, chroma.data(), chroma_bytes};
    ASSERT_TRUE(letterboxer.run(planes, g, DType::f32, got.data()));
    EXPECT_EQ(got, wanted);
    // Colours right behind the brightness, rows as long.
    std::vector<uint8_t> whole = light;
    whole.resize(light_bytes * (h + (h + 1) / 2) + 1);
    if (light_bytes < (w + 1) / 2 * 2) continue;  // one pixel wide without room for a pair
    for (size_t y = 0; y < (h + 1) / 2; ++y)
      std::copy_n(&chroma[y * chroma_bytes], (w + 1) / 2 * 2, &whole[light_bytes * (h + y)]);
    ASSERT_TRUE(letterboxer.run({whole.data(), width, height, light_bytes, PixelFormat::nv12}, g, DType::f32,
                                got.data()));
    EXPECT_EQ(got, wanted);
  }
}

TEST(Letterboxer, RefusesNv12WithoutItsColours) {
  const std::vector<uint8_t> bytes(1000);
  const auto g = letterbox_geometry(20, 15, {.imgsz = {32, 32}}).value();
  std::vector<float> target(3 * 32 * 32);
  Letterboxer letterboxer(1);
  // Rows of 15 bytes hold 15 pixels, but not eight pairs.
  EXPECT_FALSE(letterboxer.run({bytes.data(), 15, 20, 15, PixelFormat::nv12}, g, DType::f32, target.data()));
  EXPECT_TRUE(letterboxer.run({bytes.data(), 15, 20, 16, PixelFormat::nv12}, g, DType::f32, target.data()));
  EXPECT_FALSE(letterboxer.run({bytes.data(), 15, 20, 14, PixelFormat::nv12}, g, DType::f32, target.data()));
}

}  // namespace
}  // namespace hone
