#include "detect/results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace hone {
namespace {

const std::vector<std::string> kNames = {"person", "dog \"Rex\"", "bus"};

Detections some() {
  Detections d{.image_width_px = 810, .image_height_px = 1080, .boxes = {}};
  d.boxes.push_back({.box_xyxy_px = {1.25f, 2, 3.0004f, 4}, .score = 0.875f, .class_id = 2});
  d.boxes.push_back({.box_xyxy_px = {0, 0, 810, 1080}, .score = 0.5f, .class_id = 0});
  d.boxes.push_back({.box_xyxy_px = {0, 0, 1, 1}, .score = 0.25f, .class_id = 0});
  return d;
}

TEST(Results, JsonHasTheAgreedKeys) {
  Detections odd{.image_width_px = 5, .image_height_px = 6, .boxes = {}};
  odd.boxes.push_back({.box_xyxy_px = {NAN, 0, 0, 0}, .score = INFINITY, .class_id = 1});
  odd.boxes.push_back({.box_xyxy_px = {}, .score = 0, .class_id = 77});
  const std::vector<PictureResult> results = {
      {"a\\b\n\x01.jpg", some()}, {"empty.jpg", {}}, {"odd.jpg", odd}};
  const auto json = nlohmann::json::parse(results_json(results, kNames));
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["image"], "a\\b\n\x01.jpg");
  EXPECT_EQ(json[0]["width"], 810);
  EXPECT_EQ(json[0]["height"], 1080);
  EXPECT_EQ(json[0]["boxes"].size(), 3u);
  EXPECT_EQ(json[0]["boxes"][0]["class_id"], 2);
  EXPECT_EQ(json[0]["boxes"][0]["class"], "bus");
  EXPECT_EQ(json[0]["boxes"][0]["score"], 0.875);
  EXPECT_EQ(json[0]["boxes"][0]["xyxy"], nlohmann::json({1.25, 2.0, 3.0, 4.0}));
  EXPECT_TRUE(json[1]["boxes"].empty());
  EXPECT_EQ(json[2]["boxes"][0]["class"], "dog \"Rex\"");
  EXPECT_EQ(json[2]["boxes"][1]["class"], "77");
  EXPECT_EQ(nlohmann::json::parse(results_json({}, {})).size(), 0u);
}

TEST(Results, TheLineIsThatOfUltralytics) {
  EXPECT_EQ(progress_line(0, 2, "/p/bus.jpg", some(), kNames, {1, 3, 640, 480}, 83.94),
            "image 1/2 /p/bus.jpg: 640x480 2 persons, 1 bus, 83.9ms");
  EXPECT_EQ(summary({}, kNames, 640, 640), "640x640 (no detections), ");
}

}  // namespace
}  // namespace hone
