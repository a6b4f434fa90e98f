#include "detect/input_shape.h"

#include <gtest/gtest.h>

#include "detect/model_facts.h"

namespace hone {
namespace {

const uint8_t kPixel[3] = {};
ImageView sized(int width, int height) { return {kPixel, width, height, static_cast<size_t>(width) * 3}; }

InputLimits open_input(std::vector<ShapeRange> ranges = {}) {
  return {.name = "images", .shape = {-1, 3, -1, -1}, .ranges = std::move(ranges)};
}

TEST(InputShape, FixedExtentsWinOverWhatIsAsked) {
  const InputLimits fixed{.name = "images", .shape = {1, 3, 480, 640}, .ranges = {}};
  EXPECT_EQ(base_size(fixed, {320, 320}, {}, 32), (Shape{480, 640}));
  const auto g = geometries(fixed, std::vector{sized(1000, 100)}, {480, 640}, true, 32);
  ASSERT_TRUE(g);
  EXPECT_EQ((*g)[0].height, 480);
  EXPECT_EQ((*g)[0].width, 640);
}

TEST(InputShape, OpenExtentsTakeWhatIsAskedThenTheModelsThenTheProfiles) {
  EXPECT_EQ(base_size(open_input(), {500, 640}, {320, 320}, 32), (Shape{512, 640}));
  EXPECT_EQ(base_size(open_input(), {}, {320, 416}, 32), (Shape{320, 416}));
  EXPECT_EQ(base_size(open_input({{{1, 3, 32, 32}, {1, 3, 736, 1280}, {4, 3, 1280, 1280}}}), {}, {}, 32),
            (Shape{736, 1280}));
  EXPECT_EQ(base_size(open_input(), {}, {}, 32), (Shape{640, 640}));
}

TEST(InputShape, TheMinimalRectangleNeedsOneSizeAndAnOpenEngine) {
  const std::vector same = {sized(1920, 1080), sized(1920, 1080)},
                    mixed = {sized(1920, 1080), sized(640, 480)};
  EXPECT_EQ((*geometries(open_input(), same, {640, 640}, true, 32))[1].height, 384);
  EXPECT_EQ((*geometries(open_input(), mixed, {640, 640}, true, 32))[0].height, 640);
  EXPECT_EQ((*geometries(open_input(), same, {640, 640}, false, 32))[0].height, 640);
  const InputLimits narrow = open_input({{{1, 3, 640, 640}, {1, 3, 640, 640}, {8, 3, 640, 640}}});
  EXPECT_EQ((*geometries(narrow, same, {640, 640}, true, 32))[0].height, 640);
}

TEST(InputShape, BatchesFitTheProfiles) {
  const InputLimits limits = open_input({{{1, 3, 32, 32}, {1, 3, 640, 640}, {2, 3, 640, 640}},
                                         {{4, 3, 32, 32}, {4, 3, 640, 640}, {8, 3, 640, 640}}});
  EXPECT_EQ(limits.batch_for(1, 640, 640), 1);
  EXPECT_EQ(limits.batch_for(3, 640, 640), 4);
  EXPECT_EQ(limits.batch_for(20, 640, 640), 8);
  EXPECT_EQ(limits.batch_for(1, 1280, 640), 0);
  EXPECT_EQ(open_input().batch_for(20, 640, 640), 20);
  const InputLimits fixed{.name = "images", .shape = {4, 3, 640, 640}, .ranges = {}};
  EXPECT_EQ(fixed.batch_for(1, 640, 640), 4);
  EXPECT_EQ(fixed.batch_for(1, 320, 640), 0);
}

TEST(ModelFacts, AreReadFromUltralyticsMetadata) {
  const ModelFacts facts = read_model_facts({{"names", "{0: 'person', 2: \"traffic 'light'\"}"},
                                             {"imgsz", "[640, 480]"},
                                             {"stride", "32"},
                                             {"task", "detect"}});
  EXPECT_EQ(facts.class_names, (std::vector<std::string>{"person", "1", "traffic 'light'"}));
  EXPECT_EQ(facts.imgsz, (Shape{640, 480}));
  EXPECT_EQ(facts.task, "detect");
  EXPECT_EQ(read_model_facts({{"imgsz", "320"}, {"names", "['a']"}}).imgsz, (Shape{320, 320}));
}

TEST(ModelFacts, SenselessMetadataIsLeftOut) {
  for (const char* text : {"", "{", "{-1: 'x'}", "{999999999: 'x'}", "{0: 5}", "{'a': 'b'}", "[[[[", "-5",
                           "[0, 0]", "[1, 2, 3]", "99999999999999"}) {
    const ModelFacts facts = read_model_facts({{"names", text}, {"imgsz", text}, {"stride", text}});
    EXPECT_TRUE(facts.class_names.empty()) << text;
    EXPECT_TRUE(facts.imgsz.empty()) << text;
    EXPECT_EQ(facts.stride, 32) << text;
  }
}

}  // namespace
}  // namespace hone
