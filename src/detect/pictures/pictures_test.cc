#include <gtest/gtest.h>
#include <webp/encode.h>
#include <zlib.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include "detect/pictures/formats.h"
#include "hone/preprocess.h"

namespace hone {
namespace {

Picture gradient(int width, int height) {
  Picture picture{.width = width, .height = height, .bgr = {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) picture.bgr.push_back(static_cast<uint8_t>((x * 3 + y * 5 + c * 40) % 200));
  return picture;
}

ByteSpan bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

void put(std::string& to, uint64_t value, int bytes, bool big_endian = false) {
  for (int i = 0; i < bytes; ++i) {
    const int byte = big_endian ? bytes - 1 - i : i;
    to += byte < 8 ? static_cast<char>(value >> 8 * byte) : '\0';
  }
}

std::string png_chunk(const char* type, const std::string& data) {
  std::string chunk;
  put(chunk, static_cast<uint32_t>(data.size()), 4, true);
  const std::string body = type + data;
  put(chunk += body,
      static_cast<uint32_t>(
          crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()))),
      4, true);
  return chunk;
}
// rows: each with its filter byte.
std::string png_file(uint32_t width, uint32_t height, int depth, int colour, const std::string& rows,
                     const std::string& extra = {}) {
  std::string header;
  put(header, width, 4, true), put(header, height, 4, true);
  header += {static_cast<char>(depth), static_cast<char>(colour), 0, 0, 0};
  std::string packed(compressBound(static_cast<uLong>(rows.size())), 0);
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
           static_cast<uLong>(rows.size()));
  packed.resize(size);
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + extra + png_chunk("IDAT", packed) +
         png_chunk("IEND", "");
}

std::string bmp_file(int32_t width, int32_t height, uint16_t bits, const std::string& palette,
                     const std::string& pixels) {
  std::string file = "BM";
  put(file, 0, 8), put(file, static_cast<uint32_t>(54 + palette.size()), 4);
  put(file, 40, 4), put(file, static_cast<uint32_t>(width), 4), put(file, static_cast<uint32_t>(height), 4);
  put(file, 1, 2), put(file, bits, 2), put(file, 0, 16),
      put(file, static_cast<uint32_t>(palette.size() / 4), 4), put(file, 0, 4);
  return file + palette + pixels;
}

// Uncompressed RGB in one strip.
std::string tiff_file(uint32_t width, uint32_t height, const std::string& pixels, uint32_t orientation = 1) {
  std::string file = "II";
  put(file, 42, 2), put(file, 8, 4);
  const std::vector<std::array<uint32_t, 4>> entries = {{256, 4, 1, width},
                                                        {257, 4, 1, height},
                                                        {258, 3, 1, 8},
                                                        {259, 3, 1, 1},
                                                        {262, 3, 1, 2},
                                                        {273, 4, 1, 8 + 2 + 11 * 12 + 4},
                                                        {274, 3, 1, orientation},
                                                        {277, 3, 1, 3},
                                                        {278, 4, 1, height},
                                                        {279, 4, 1, static_cast<uint32_t>(pixels.size())},
                                                        {284, 3, 1, 1}};
  put(file, static_cast<uint32_t>(entries.size()), 2);
  for (const auto& e : entries)
    put(file, e[0], 2), put(file, e[1], 2), put(file, e[2], 4), put(file, e[3], 4);
  put(file, 0, 4);
  return file + pixels;
}

std::string webp_file(const Picture& p) {
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessBGR(p.bgr.data(), p.width, p.height, p.width * 3, &data);
  std::string file(reinterpret_cast<const char*>(data), size);
  WebPFree(data);
  return file;
}

std::string exif(uint32_t orientation, bool big_endian) {
  std::string tiff = big_endian ? "MM" : "II";
  put(tiff, 42, 2, big_endian), put(tiff, 8, 4, big_endian), put(tiff, 1, 2, big_endian);
  put(tiff, 0x112, 2, big_endian), put(tiff, 3, 2, big_endian), put(tiff, 1, 4, big_endian),
      put(tiff, orientation, 2, big_endian);
  put(tiff, 0, 6, big_endian);
  return tiff;
}

TEST(Pictures, PngAndWebpKeepEveryPixel) {
  const Picture picture = gradient(37, 23);
  const auto png = encode_png(picture.view());
  ASSERT_TRUE(png);
  for (const std::string& file : {*png, webp_file(picture)}) {
    const auto read = decode_picture(bytes_of(file));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->width, 37);
    EXPECT_EQ(read->height, 23);
    EXPECT_EQ(read->bgr, picture.bgr);
  }
}

TEST(Pictures, JpegKeepsThePictureAsItLooks) {
  Picture flat{.width = 33, .height = 17, .bgr = {}};
  for (int i = 0; i < 33 * 17; ++i) flat.bgr.insert(flat.bgr.end(), {30, 90, 200});
  const auto file = encode_jpeg(flat.view(), 95);
  ASSERT_TRUE(file);
  const auto read = decode_picture(bytes_of(*file));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->bgr.size(), flat.bgr.size());
  for (size_t i = 0; i < flat.bgr.size(); ++i) ASSERT_NEAR(read->bgr[i], flat.bgr[i], 2);
}

TEST(Pictures, SixteenBitPngKeepsTheHighByte) {
  std::string row = {0};
  put(row, 0x12ff, 2, true), put(row, 0xabcd, 2, true), put(row, 0x0080, 2, true);
  const auto read = decode_picture(bytes_of(png_file(1, 1, 16, 2, row)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->bgr, (std::vector<uint8_t>{0x00, 0xab, 0x12}));
}

TEST(Pictures, GreyPaletteAndAlphaPngBecomeBgr) {
  const auto grey = decode_picture(bytes_of(png_file(2, 1, 1, 0, std::string("\0\x40", 2))));
  ASSERT_TRUE(grey) << grey.error().message;
  EXPECT_EQ(grey->bgr, (std::vector<uint8_t>{0, 0, 0, 255, 255, 255}));
  const auto palette =
      decode_picture(bytes_of(png_file(2, 1, 4, 3, std::string("\0\x10", 2), png_chunk("PLTE", "abcdef"))));
  ASSERT_TRUE(palette) << palette.error().message;
  EXPECT_EQ(palette->bgr, (std::vector<uint8_t>{'f', 'e', 'd', 'c', 'b', 'a'}));
  const auto alpha = decode_picture(bytes_of(png_file(1, 1, 8, 6, std::string("\0\x01\x02\x03\x00", 5))));
  ASSERT_TRUE(alpha) << alpha.error().message;
  EXPECT_EQ(alpha->bgr, (std::vector<uint8_t>{3, 2, 1}));
}

TEST(Pictures, BmpOfEveryDepthAndDirection) {
  const std::string palette("\x01\x02\x03\0\x04\x05\x06\0", 8);
  const std::vector<uint8_t> both = {4, 5, 6, 1, 2, 3};
  for (const auto& [bits, pixels] : {std::pair<uint16_t, std::string>{1, std::string("\x80\0\0\0", 4)},
                                     {4, std::string("\x10\0\0\0", 4)},
                                     {8, std::string("\x01\0\0\0", 4)}}) {
    const auto read = decode_picture(bytes_of(bmp_file(2, 1, bits, palette, pixels)));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->bgr, both) << bits;
  }
  const std::string rows("abc\0def\0", 8);
  EXPECT_EQ(decode_picture(bytes_of(bmp_file(1, 2, 24, "", rows)))->bgr,
            (std::vector<uint8_t>{'d', 'e', 'f', 'a', 'b', 'c'}));
  EXPECT_EQ(decode_picture(bytes_of(bmp_file(1, -2, 24, "", rows)))->bgr,
            (std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
  EXPECT_EQ(decode_picture(bytes_of(bmp_file(1, -2, 32, "", rows)))->bgr,
            (std::vector<uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
}

TEST(Pictures, TiffIsReadAndTurned) {
  const std::string pixels = "abcdefghijklmnopqr";  // 3 x 2 pixels
  const auto read = decode_picture(bytes_of(tiff_file(3, 2, pixels)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(std::string(read->bgr.begin(), read->bgr.end()), "cbafedihglkjonmrqp");
  const auto turned = decode_picture(bytes_of(tiff_file(3, 2, pixels, 6)));
  ASSERT_TRUE(turned);
  EXPECT_EQ(turned->width, 2);
  EXPECT_EQ(std::string(turned->bgr.begin(), turned->bgr.end()), "lkjcbaonmfedrqpihg");
}

// The upright picture is ABC / DEF; what is stored under each orientation (CIPA DC-008, 4.6.4).
TEST(Pictures, EveryOrientationIsTurnedUpright) {
  const char* stored[] = {"ABCDEF", "CBAFED", "FEDCBA", "DEFABC", "ADBECF", "CFBEAD", "FCEBDA", "DAEBFC"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const bool on_side = orientation >= 5;
    Picture picture{.width = on_side ? 2 : 3, .height = on_side ? 3 : 2, .bgr = {}};
    for (const char* c = stored[orientation - 1]; *c; ++c)
      picture.bgr.insert(picture.bgr.end(), 3, static_cast<uint8_t>(*c));
    const Picture turned = upright(picture, orientation);
    EXPECT_EQ(turned.width, 3);
    std::string letters;
    for (size_t i = 0; i < turned.bgr.size(); i += 3) letters += static_cast<char>(turned.bgr[i]);
    EXPECT_EQ(letters, "ABCDEF") << orientation;
  }
}

TEST(Pictures, JpegAndPngHonourTheirExif) {
  const Picture picture = gradient(20, 10);
  for (const bool big_endian : {false, true}) {
    const std::string tag = exif(6, big_endian);
    std::string marker = std::string("\xff\xe1") + std::string(1, 0) + static_cast<char>(tag.size() + 8) +
                         std::string("Exif\0\0", 6) + tag;
    std::string jpeg = encode_jpeg(picture.view(), 90).value();
    jpeg.insert(2, marker);
    EXPECT_EQ(decode_picture(bytes_of(jpeg))->width, 10);
    const std::string png = png_file(2, 1, 8, 0, std::string("\0ab", 3), png_chunk("eXIf", tag));
    EXPECT_EQ(decode_picture(bytes_of(png))->height, 2);
  }
  EXPECT_EQ(exif_orientation(bytes_of(exif(9, true))), 1);
  EXPECT_EQ(exif_orientation(bytes_of(std::string("II*\0\xff\xff\xff\xff", 8))), 1);
}

TEST(Pictures, WhatIsNoPictureIsRefusedInOneSentence) {
  const Picture picture = gradient(64, 48);
  const std::string png = *encode_png(picture.view()), jpeg = *encode_jpeg(picture.view(), 90);
  std::vector<std::string> bad = {"",
                                  "hello",
                                  "BM",
                                  std::string("\xff\xd8\xff", 3),
                                  std::string(100, 'x'),
                                  png.substr(0, 20),
                                  png.substr(0, png.size() / 2),
                                  jpeg.substr(0, jpeg.size() / 2),
                                  webp_file(picture).substr(0, 40),
                                  tiff_file(64, 48, "short"),
                                  bmp_file(64, 48, 24, "", "short"),
                                  bmp_file(0, 5, 24, "", ""),
                                  bmp_file(5, 5, 7, "", std::string(200, 'x'))};
  for (const std::string& file : bad) {
    const auto read = decode_picture(bytes_of(file));
    ASSERT_FALSE(read) << file.size();
    EXPECT_FALSE(read.error().message.empty());
    EXPECT_EQ(read.error().message.find('\n'), std::string::npos);
  }
}

TEST(Pictures, BombsAreRefusedBeforeTheyGrow) {
  std::string jpeg = *encode_jpeg(gradient(16, 16).view(), 90);
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i = 5; i < 9; ++i) jpeg[frame + i] = static_cast<char>(0xf0);  // height and width become 61680
  for (const std::string& bomb :
       {jpeg, png_file(60000, 60000, 8, 2, "x"), png_file(16000, 16000, 8, 2, "x"),
        png_file(0x7fffffff, 0x7fffffff, 8, 2, "x"), bmp_file(0x7fffffff, 0x7fffffff, 32, "", "x"),
        bmp_file(30000, -2147483647 - 1, 1, "", "x"), tiff_file(100000, 100000, "x"),
        tiff_file(0xffffffff, 2, "x")}) {
    const auto read = decode_picture(bytes_of(bomb));
    EXPECT_FALSE(read);
  }
}

// Any damage ends in a picture or an error.
TEST(Pictures, MutatedFilesNeverCrash) {
  const Picture picture = gradient(40, 30);
  const std::string png_bytes = *encode_png(picture.view());
  const std::vector<std::string> originals = {*encode_jpeg(picture.view(), 80), png_bytes, webp_file(picture),
                                              bmp_file(40, 30, 24, "", std::string(40 * 30 * 3, 'p')),
                                              tiff_file(40, 30, std::string(40 * 30 * 3, 'q'))};
  std::mt19937 random(20240607);
  size_t read = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string file = originals[static_cast<size_t>(i) % originals.size()];
    const size_t reach = i % 2 ? file.size() : std::min<size_t>(file.size(), 200);  // headers matter most
    for (uint32_t n = random() % 8 + 1; n > 0; --n) file[random() % reach] = static_cast<char>(random());
    if (random() % 4 == 0) file.resize(random() % file.size() + 1);
    read += decode_picture(bytes_of(file)).has_value();
  }
  EXPECT_GT(read, 0u);
}

TEST(Pictures, AreWrittenByTheirEnding) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hone_pictures_test_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const Picture picture = gradient(12, 9);
  ASSERT_TRUE(write_picture(folder / "a.png", picture.view()));
  EXPECT_EQ(read_picture(folder / "a.png")->bgr, picture.bgr);
  ASSERT_TRUE(write_picture(folder / "a.JPG", picture.view()));
  EXPECT_EQ(read_picture(folder / "a.JPG")->width, 12);
  EXPECT_FALSE(write_picture(folder / "a.gif", picture.view()));
  EXPECT_FALSE(write_picture(folder / "missing" / "a.png", picture.view()));
  EXPECT_FALSE(write_picture(folder / "b.png", {}));
  const auto absent = read_picture(folder / "none.jpg");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, StatusCode::not_found);
  std::filesystem::remove_all(folder);
}

// Reading, resizing and padding together give OpenCV's and Ultralytics' pixels.
TEST(Pictures, BusLetterboxedIsTheGoldenPicture) {
  const char* set = std::getenv("HONE_TEST_DATA");
  const std::filesystem::path data = set ? set : HONE_SOURCE_DIR "/../shared/data";
  const auto bus = read_picture(data / "images/ultralytics/bus.jpg");
  const auto golden = read_picture(data / "golden/bus_640.png");
  if (!bus || !golden) GTEST_SKIP() << "skipped: no test data in " << data;
  const auto g = letterbox_geometry(bus->height, bus->width, {}).value();
  std::vector<float> input(3 * 640 * 640);
  Letterboxer letterboxer(2);
  ASSERT_TRUE(letterboxer.run(bus->view(), g, DType::f32, input.data()));
  size_t different = 0;
  for (size_t i = 0; i < 640 * 640; ++i)
    for (size_t c = 0; c < 3; ++c)
      different += input[(2 - c) * 640 * 640 + i] != static_cast<float>(golden->bgr[i * 3 + c]) / 255.0f;
  EXPECT_EQ(different, 0u);
}

}  // namespace
}  // namespace hone
