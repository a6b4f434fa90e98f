#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "detect/font.h"
#include "hone/picture.h"

namespace hone {
namespace {

Picture grey(int width, int height) {
  return {.width = width,
          .height = height,
          .bgr = std::vector<uint8_t>(static_cast<size_t>(width * height) * 3, 128)};
}

int ink(const TextMask& mask) { return std::accumulate(mask.coverage.begin(), mask.coverage.end(), 0); }

TEST(Drawing, TextHasInkAndAWidthThatGrows) {
  const TextMask one = draw_text("i", 20), many = draw_text("iiii", 20);
  EXPECT_GT(ink(one), 0);
  EXPECT_GT(many.width, 3 * one.width);
  EXPECT_NEAR(one.height, 20, 2);
  EXPECT_EQ(draw_text("", 20).width, 0);
  EXPECT_GT(ink(draw_text("Грузовик", 20)), 0);
}

TEST(Drawing, TextThatIsNoUtf8IsShownAsReplacements) {
  EXPECT_EQ(draw_text("\xff", 20).width, draw_text("\xef\xbf\xbd", 20).width);
  EXPECT_EQ(draw_text("\xe2\x82", 20).width, draw_text("\xef\xbf\xbd\xef\xbf\xbd", 20).width);
  EXPECT_LT(draw_text(std::string(100000, 'W'), 20).width, 100000);
}

TEST(Drawing, ABoxIsFramedAndItsInsideStays) {
  Picture picture = grey(200, 200);
  Detections d{.image_width_px = 200, .image_height_px = 200, .boxes = {}};
  d.boxes.push_back({.box_xyxy_px = {50, 60, 150, 160}, .score = 0.5f, .class_id = 3});
  const std::vector<std::string> names = {"a", "b", "c", "van"};
  draw_detections(picture, d, names, 2);
  const auto at = [&](int x, int y) { return &picture.bgr[static_cast<size_t>(y * 200 + x) * 3]; };
  EXPECT_NE(std::vector(at(50, 100), at(50, 100) + 3), std::vector<uint8_t>(3, 128));
  EXPECT_EQ(std::vector(at(50, 100), at(50, 100) + 3), std::vector(at(149, 100), at(149, 100) + 3));
  EXPECT_EQ(*at(100, 110), 128);
  EXPECT_EQ(*at(20, 20), 128);
  EXPECT_NE(std::vector(at(51, 56), at(51, 56) + 3), std::vector<uint8_t>(3, 128));  // the label stands above
}

TEST(Drawing, BoxesOutsideThePictureAndOfNoNumberDoNoHarm) {
  const std::vector<std::string> names;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 200}, {64, 48}}) {
    Picture picture = grey(width, height);
    Detections d{.image_width_px = width, .image_height_px = height, .boxes = {}};
    for (const float v : {-1e30f, -5.0f, 0.0f, 20.0f, 1e30f, NAN, INFINITY})
      for (const float u : {-100.0f, 30.0f, 1e9f})
        d.boxes.push_back({.box_xyxy_px = {v, u, u, v}, .score = v, .class_id = static_cast<int>(u)});
    d.boxes.push_back({.box_xyxy_px = {}, .score = 1, .class_id = -7});
    draw_detections(picture, d, names);
    draw_detections(picture, d, names, 1000);
    EXPECT_EQ(picture.bgr.size(), static_cast<size_t>(width * height) * 3);
  }
}

}  // namespace
}  // namespace hone
