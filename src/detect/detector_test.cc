#include "hone/detector.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "hone/build.h"
#include "hone/preprocess.h"

namespace hone {
namespace {

namespace fs = std::filesystem;

fs::path test_data() {
  const char* set = std::getenv("HONE_TEST_DATA");
  return set ? set : HONE_SOURCE_DIR "/../shared/data";
}

std::shared_ptr<const Engine> build_engine(const fs::path& model, ShapeRange range) {
  BuildOptions options;
  options.level = 0;
  options.profiles = {{{"images", std::move(range)}}};
  auto engine = build(model, options);
  EXPECT_TRUE(engine) << engine.error().message;
  return engine ? *engine : nullptr;
}

// Three classes, two levels; pictures of noise, so that scores are spread.
class SmallDetector : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    engine_ = build_engine(HONE_SOURCE_DIR "/assets/test_checkpoints/final.pt",
                           {{1, 3, 32, 32}, {1, 3, 64, 96}, {4, 3, 128, 128}});
  }
  static void TearDownTestSuite() { engine_.reset(); }
  void SetUp() override { ASSERT_TRUE(engine_); }

  static Picture noise(int width, int height, uint32_t seed) {
    std::mt19937 random(seed);
    Picture picture{.width = width, .height = height, .bgr = {}};
    for (int i = 0; i < width * height * 3; ++i) picture.bgr.push_back(static_cast<uint8_t>(random()));
    return picture;
  }
  static DetectorOptions options() {
    DetectorOptions o;
    o.imgsz = {64, 96};
    o.conf = 0.05f;
    o.thread_count = 2;
    return o;
  }
  static void expect_equal(const Detections& a, const Detections& b) {
    ASSERT_EQ(a.boxes.size(), b.boxes.size());
    for (size_t i = 0; i < a.boxes.size(); ++i) {
      EXPECT_EQ(a.boxes[i].class_id, b.boxes[i].class_id);
      EXPECT_NEAR(a.boxes[i].score, b.boxes[i].score, 1e-5);
      for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(a.boxes[i].box_xyxy_px[c], b.boxes[i].box_xyxy_px[c], 0.01);
    }
  }

  static std::shared_ptr<const Engine> engine_;
};
std::shared_ptr<const Engine> SmallDetector::engine_;

TEST_F(SmallDetector, GivesWhatItsPartsGive) {
  const Picture picture = noise(150, 110, 3);
  auto detector = Detector::create(engine_, options());
  ASSERT_TRUE(detector) << detector.error().message;
  EXPECT_EQ((*detector)->class_names(), (std::vector<std::string>{"car", "lorry", "person"}));
  const auto found = (*detector)->detect(picture.view());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->image_width_px, 150);
  EXPECT_EQ((*detector)->times().input_shape, (Shape{1, 3, 64, 96}));
  EXPECT_GT((*detector)->times().inference_ms, 0);

  const auto g = letterbox_geometry(110, 150, {.imgsz = {64, 96}, .rect_stride = 32}).value();
  std::vector<float> input(static_cast<size_t>(3 * g.height * g.width));
  ASSERT_TRUE(Letterboxer(1).run(picture.view(), g, DType::f32, input.data()));
  auto context = ExecutionContext::create(engine_, {});
  ASSERT_TRUE((*context)->set_input_shape("images", {1, 3, g.height, g.width}));
  const Shape shape = (*context)->tensor_shape("output0").value();
  std::vector<float> raw(static_cast<size_t>(element_count(shape).value()));
  ASSERT_TRUE((*context)->run({{"images", input.data()}}, {{"output0", raw.data()}}));
  Detections wanted;
  wanted.boxes = DetectionSelector()
                     .run({raw.data(), DType::f32, {shape[1], shape[2]}}, {.conf = 0.05f, .classes = {}})
                     .value();
  scale_boxes(wanted.boxes, g.height, g.width, 110, 150);
  EXPECT_FALSE(wanted.boxes.empty());
  expect_equal(*found, wanted);
}

TEST_F(SmallDetector, ABatchGivesWhatItsPicturesGiveAlone) {
  std::vector<Picture> pictures;
  std::vector<ImageView> views;
  for (uint32_t i = 0; i < 6; ++i) pictures.push_back(noise(100 + static_cast<int>(i) * 7, 90, i));
  for (const Picture& p : pictures) views.push_back(p.view());
  DetectorOptions o = options();
  o.rect = false;
  auto detector = Detector::create(engine_, o);
  ASSERT_TRUE(detector);
  const auto together = (*detector)->detect(views);  // six pictures, the profile takes four
  ASSERT_TRUE(together) << together.error().message;
  ASSERT_EQ(together->size(), 6u);
  for (size_t i = 0; i < views.size(); ++i) expect_equal((*together)[i], *(*detector)->detect(views[i]));
  EXPECT_TRUE((*detector)->detect(std::span<const ImageView>())->empty());
}

TEST_F(SmallDetector, ClassesAndLimitsAreHonoured) {
  const Picture picture = noise(96, 64, 9);
  const auto with = [&](auto&& change) {
    DetectorOptions o = options();
    change(o);
    return (*Detector::create(engine_, o))->detect(picture.view())->boxes;
  };
  const auto all = with([](DetectorOptions&) {});
  ASSERT_GT(all.size(), 3u);
  EXPECT_EQ(with([](DetectorOptions& o) { o.max_det = 2; }).size(), 2u);
  EXPECT_TRUE(with([](DetectorOptions& o) { o.classes = {77}; }).empty());
  for (const Detection& d : with([&](DetectorOptions& o) { o.classes = {all[0].class_id}; }))
    EXPECT_EQ(d.class_id, all[0].class_id);
  EXPECT_TRUE(with([](DetectorOptions& o) { o.conf = 1; }).empty());
}

TEST_F(SmallDetector, SaysWhatItCannotDo) {
  DetectorOptions o = options();
  o.imgsz = {64};
  EXPECT_FALSE(Detector::create(engine_, o));
  EXPECT_FALSE(Detector::create(nullptr, {}));
  o.imgsz = {1280, 1280};
  auto large = Detector::create(engine_, o);
  ASSERT_TRUE(large);
  const Picture picture = noise(10, 10, 1);
  const auto refused = (*large)->detect(picture.view());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::out_of_range);
  EXPECT_FALSE((*large)->detect(ImageView{}));
}

double iou(const std::array<float, 4>& a, const std::array<float, 4>& b) {
  const double w = std::max(0.0f, std::min(a[2], b[2]) - std::max(a[0], b[0]));
  const double h = std::max(0.0f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  const auto area = [](const std::array<float, 4>& x) {
    return static_cast<double>(x[2] - x[0]) * static_cast<double>(x[3] - x[1]);
  };
  return w * h / (area(a) + area(b) - w * h);
}

// Every box of the golden list is found once, of the same class, IoU at least 0.99, score within 0.005, and
// nothing else.
void expect_golden_detections(const std::shared_ptr<const Engine>& engine, const std::string& model) {
  DetectorOptions o;
  o.rect = false, o.iou = 0.45f, o.imgsz = {640, 640};
  auto detector = Detector::create(engine, o);
  ASSERT_TRUE(detector) << detector.error().message;
  std::ifstream file(test_data() / "golden/detections.json");
  const auto golden = nlohmann::json::parse(file).at("models").at(model).at("images");
  for (const auto& [name, image] : golden.items()) {
    SCOPED_TRACE(name);
    const auto picture = read_picture(test_data() / name);
    ASSERT_TRUE(picture) << picture.error().message;
    auto found = (*detector)->detect(picture->view());
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->boxes.size(), image.at("detections").size());
    for (const auto& wanted : image.at("detections")) {
      std::array<float, 4> box;
      for (size_t i = 0; i < 4; ++i) box[i] = wanted[i];
      const auto match = std::ranges::find_if(found->boxes, [&](const Detection& d) {
        return d.class_id == wanted[5] && std::abs(d.score - wanted[4].get<float>()) <= 0.005f &&
               iou(d.box_xyxy_px, box) >= 0.99;
      });
      if (match == found->boxes.end())
        ADD_FAILURE() << "no box like " << wanted;
      else
        found->boxes.erase(match);
    }
  }
}

// HONE_GOLDEN_ENGINE: an engine of yolov8n.pt, 1x3x640x640, instead of one that is built here.
TEST(GoldenDetections, Yolov8nFindsUltralyticsBoxesInAllPictures) {
  const fs::path model = test_data() / "models/pt/yolov8n.pt";
  if (!fs::exists(model)) GTEST_SKIP() << "skipped: no test data in " << test_data();
  const char* given = std::getenv("HONE_GOLDEN_ENGINE");
  std::shared_ptr<const Engine> engine;
  if (given) {
    auto opened = Engine::open(given);
    ASSERT_TRUE(opened) << opened.error().message;
    engine = *opened;
  } else {
    engine = build_engine(model, {{1, 3, 640, 640}, {1, 3, 640, 640}, {1, 3, 640, 640}});
  }
  ASSERT_TRUE(engine);
  expect_golden_detections(engine, "yolov8n");
}

}  // namespace
}  // namespace hone
