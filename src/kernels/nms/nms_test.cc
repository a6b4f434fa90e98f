#include "kernels/nms/nms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "base/cpu_features.h"
#include "base/float16.h"

namespace hone {
namespace {

struct Rows {
  std::vector<float> rows;
  std::vector<int32_t> count;
  bool operator==(const Rows&) const = default;
};

Rows run(const char* name, const DetectionNms& op, int64_t batch, int64_t channels, int64_t anchors,
         const std::vector<float>& raw, DType type = DType::f32, size_t threads = 1) {
  std::vector<uint16_t> halves;
  for (float v : raw) halves.push_back(f32_to_f16(v));
  const std::vector<TensorDesc> in = {TensorDesc(type, {batch, channels, anchors})};
  const std::vector<TensorDesc> out = {TensorDesc(DType::f32, {batch, op.max_det, 6 + op.extra}),
                                       TensorDesc(DType::i32, {batch})};
  const std::vector<ConstantPtr> constants(1);
  const Op any = op;
  const Problem problem{
      .op = any, .inputs = in, .outputs = out, .constants = constants, .thread_count = threads};
  const Kernel* kernel = find_kernel(name);
  const Verdict verdict = kernel->may_i(problem);
  EXPECT_TRUE(verdict.legal) << verdict.reason;
  Rows result;
  result.rows.assign(static_cast<size_t>(batch * op.max_det * (6 + op.extra)), -1);
  result.count.assign(static_cast<size_t>(batch), -1);
  std::vector<std::byte> workspace(verdict.workspace_bytes);
  const void* data = type == DType::f16 ? static_cast<const void*>(halves.data()) : raw.data();
  const TensorArg x{const_cast<void*>(data), &in[0], channels * anchors};
  const TensorArg y[] = {{result.rows.data(), &out[0], op.max_det * (6 + op.extra)},
                         {result.count.data(), &out[1], 1}};
  ThreadPool pool(threads);
  (*kernel->prepare(problem, {}))
      ->run({.inputs = {&x, 1}, .outputs = y, .workspace = workspace.data(), .threads = &pool});
  return result;
}

// Boxes that crowd on a grid, scores on few levels: overlaps and exact ties are common.
std::vector<float> crowd(int64_t batch, int64_t channels, int64_t anchors, uint32_t seed, int score_levels) {
  std::mt19937 random(seed);
  const auto pick = [&](int n) { return static_cast<float>(random() % static_cast<uint32_t>(n)); };
  std::vector<float> raw;
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t a = 0; a < anchors; ++a)
        raw.push_back(c < 2   ? 100 + 5 * pick(40)
                      : c < 4 ? 10 + 10 * pick(6)
                              : pick(score_levels) / static_cast<float>(score_levels));
  return raw;
}

TEST(DetectionNms, GivesTheReferencesRowsBitForBit) {
  std::mt19937 random(11);
  for (int i = 0; i < 60; ++i) {
    DetectionNms op;
    op.conf = i % 3 ? 0.25f : 0.5f, op.iou = i % 4 == 0 ? 0.45f : i % 4 == 1 ? 0.6f : 0.7f;
    op.max_det = i % 5 ? 300 : 7;
    op.agnostic = i % 2, op.multi_label = i % 7 == 0, op.extra = i % 6 == 0 ? 3 : 0;
    if (i % 8 == 0) op.classes = {1, 3};
    const int64_t classes = 1 + i % 9, anchors = 1 + static_cast<int64_t>(random() % 700), batch = 1 + i % 3;
    const int64_t channels = 4 + classes + op.extra;
    const auto raw = crowd(batch, channels, anchors, static_cast<uint32_t>(i), i % 2 ? 8 : 1000);
    EXPECT_EQ(run("nms.reference", op, batch, channels, anchors, raw),
              run("nms.cpu", op, batch, channels, anchors, raw, DType::f32, 2))
        << i;
  }
}

TEST(DetectionNms, EmptyAndFullScenesAreNothingSpecial) {
  DetectionNms op;
  op.conf = 0.999f;
  const auto raw = crowd(1, 10, 500, 1, 10);
  const Rows none = run("nms.cpu", op, 1, 10, 500, raw);
  EXPECT_EQ(none.count[0], 0);
  EXPECT_EQ(none.rows, std::vector<float>(300 * 6, 0.0f));
  op.conf = -1, op.iou = 1;
  const Rows all = run("nms.cpu", op, 1, 10, 500, raw);
  EXPECT_EQ(all.count[0], 300);
  EXPECT_EQ(all, run("nms.reference", op, 1, 10, 500, raw));
}

// One class, anchors as {cx, cy, w, h, score}.
Rows of_boxes(const DetectionNms& op, const std::vector<std::array<float, 5>>& boxes,
              const char* name = "nms.cpu", DType type = DType::f32) {
  std::vector<float> raw;
  for (size_t c = 0; c < 5; ++c)
    for (const auto& box : boxes) raw.push_back(box[c]);
  return run(name, op, 1, 5, static_cast<int64_t>(boxes.size()), raw, type);
}

TEST(DetectionNms, AScoreEqualToConfIsDropped) {
  DetectionNms op;
  op.conf = 0.3f;
  EXPECT_EQ(of_boxes(op, {{10, 10, 4, 4, 0.3f}, {30, 30, 4, 4, std::nextafter(0.3f, 1.0f)}}).count[0], 1);
}

// 6 of 10 columns shared: IoU is 0.6 as float, which is greater than the double 0.6 (torchvision removes it),
// while 0.45 as float is less than the double (both stay).
TEST(DetectionNms, AnOverlapEqualToTheThresholdIsDecidedInDouble) {
  DetectionNms op;
  op.conf = 0.1f, op.iou = 0.6f;
  const std::vector<std::array<float, 5>> six_tenths = {{5, 5, 10, 10, 0.9f}, {3, 5, 6, 10, 0.8f}};
  const std::vector<std::array<float, 5>> nine_twentieths = {{10, 5, 20, 10, 0.9f}, {4.5f, 5, 9, 10, 0.8f}};
  for (const char* name : {"nms.reference", "nms.cpu"}) {
    EXPECT_EQ(of_boxes(op, six_tenths, name).count[0], 1) << name;
    DetectionNms looser = op;
    looser.iou = 0.45f;
    EXPECT_EQ(of_boxes(looser, nine_twentieths, name).count[0], 2) << name;
  }
  EXPECT_EQ(typed_threshold(0.6f), 0.6);
  EXPECT_EQ(typed_threshold(0.45f), 0.45);
  EXPECT_EQ(typed_threshold(1.0f), 1.0);
}

TEST(DetectionNms, OfEqualScoresTheLowerAnchorStays) {
  DetectionNms op;
  const Rows rows = of_boxes(op, {{50, 50, 20, 20, 0.5f}, {51, 50, 20, 20, 0.5f}, {90, 90, 8, 8, 0.75f}});
  EXPECT_EQ(rows.count[0], 2);
  EXPECT_EQ(rows.rows[0], 86);
  EXPECT_EQ(rows.rows[6], 40);
}

TEST(DetectionNms, AnAnchorWithANanScoreIsDropped) {
  DetectionNms op;
  auto raw = crowd(1, 12, 200, 4, 50);
  for (size_t a = 0; a < 200; a += 3) raw[(4 + a % 8) * 200 + a] = std::nanf("");
  for (const bool multi : {false, true}) {
    op.multi_label = multi;
    EXPECT_EQ(run("nms.reference", op, 1, 12, 200, raw), run("nms.cpu", op, 1, 12, 200, raw));
  }
}

TEST(DetectionNms, MoreThanThirtyThousandCandidatesAreCutToTheBest) {
  DetectionNms op;
  op.conf = 0.001f, op.multi_label = true, op.max_det = 500;
  const auto raw = crowd(1, 24, 2000, 6, 400);
  EXPECT_EQ(run("nms.reference", op, 1, 24, 2000, raw), run("nms.cpu", op, 1, 24, 2000, raw));
}

TEST(DetectionNms, HalfPrecisionOutputRoundsItsCornersAndConfToHalf) {
  DetectionNms op;
  op.conf = 0.3f;  // 0.30005 as half: a score of that value is not above it
  EXPECT_EQ(of_boxes(op, {{10, 10, 4, 4, 0.30005f}}, "nms.reference", DType::f16).count[0], 0);
  const Rows rows = of_boxes(op, {{2000.3f, 10, 4.1f, 4, 0.5f}}, "nms.reference", DType::f16);
  EXPECT_EQ(rows.rows[0], f16_to_f32(f32_to_f16(rows.rows[0])));

  std::vector<uint16_t> raw;
  for (float v : crowd(1, 8, 300, 5, 40)) raw.push_back(f32_to_f16(v));
  std::vector<float> widened(raw.size());
  f16_to_f32(raw, widened.data());
  const Rows wanted = run("nms.reference", op, 1, 8, 300, widened, DType::f16);
  DetectionSelector selector(2);
  const auto found = selector.run({.data = raw.data(), .type = DType::f16, .shape = {8, 300}},
                                  {.conf = 0.3f, .classes = {}});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), static_cast<size_t>(wanted.count[0]));
  for (size_t i = 0; i < found->size(); ++i) {
    EXPECT_EQ((*found)[i].box_xyxy_px[2], wanted.rows[i * 6 + 2]);
    EXPECT_EQ((*found)[i].score, wanted.rows[i * 6 + 4]);
    EXPECT_EQ(static_cast<float>((*found)[i].class_id), wanted.rows[i * 6 + 5]);
  }
}

TEST(DetectionNms, BestScoresOfEveryInstructionSetAgree) {
  constexpr int64_t classes = 7, anchors = 171;
  std::mt19937 random(3);
  std::vector<float> scores(classes * anchors);
  for (float& s : scores) s = static_cast<float>(random() % 1000);
  for (size_t a = 0; a < anchors; a += 5) scores[(a % classes) * anchors + a] = std::nanf("");
  const auto with = [&](BestScores function) {
    std::vector<float> best(anchors);
    function(scores.data(), classes, anchors, 0, anchors, best.data());
    for (float& b : best) b = std::isnan(b) ? -1 : b;
    return best;
  };
  std::vector<float> wanted(anchors);
  for (size_t a = 0; a < anchors; ++a)
    for (size_t c = 0; c < classes; ++c)
      wanted[a] = a % 5 == 0 ? -1 : std::max(wanted[a], scores[c * anchors + a]);
  EXPECT_EQ(wanted, with(kBestScoresBaseline));
#if defined(__x86_64__)
  if (cpu_features().avx2_fma) {
    EXPECT_EQ(wanted, with(kBestScoresAvx2));
  }
  if (cpu_features().avx512) {
    EXPECT_EQ(wanted, with(kBestScoresAvx512));
  }
#endif
}

TEST(DetectionSelector, RefusesWhatIsNoRawOutput) {
  DetectionSelector selector;
  const std::vector<float> raw(100);
  EXPECT_FALSE(selector.run({raw.data(), DType::f32, {4, 25}}, {}));
  EXPECT_FALSE(selector.run({raw.data(), DType::f32, {10}}, {}));
  EXPECT_FALSE(selector.run({raw.data(), DType::i32, {10, 10}}, {}));
  EXPECT_FALSE(selector.run({raw.data(), DType::f32, {10, 10}}, {.max_det = 0, .classes = {}}));
  EXPECT_TRUE(selector.run({raw.data(), DType::f32, {10, 10}}, {}));
}

}  // namespace
}  // namespace hone
