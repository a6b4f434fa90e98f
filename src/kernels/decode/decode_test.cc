#include "kernels/decode/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/cpu_features.h"

namespace hone {
namespace {

struct Head {
  DecodeBoxes op;
  int64_t batch = 1, classes = 3;
  std::vector<std::pair<int64_t, int64_t>> grids;  // height, width of each level

  std::vector<TensorDesc> inputs(Layout layout) const {
    std::vector<TensorDesc> all;
    for (int64_t channels : {4 * op.reg_max, classes})
      for (const auto& [h, w] : grids) {
        all.emplace_back(DType::f32, Shape{batch, channels, h, w});
        all.back().layout = layout;
      }
    return all;
  }
  std::vector<TensorDesc> outputs() const {
    int64_t anchors = 0;
    for (const auto& [h, w] : grids) anchors += h * w;
    return {TensorDesc(DType::f32, {batch, 4 + classes, anchors})};
  }
};

// Element (n, c, a) in a layout; `blocked` padding stays NaN, so that reading it shows.
std::vector<float> arrange(const TensorDesc& desc, const std::vector<float>& plain) {
  const int64_t block = channel_block(desc.layout), plane = desc.shape[2] * desc.shape[3],
                channels = desc.shape[1];
  std::vector<float> all(static_cast<size_t>(desc.shape[0] * dense_image_stride(desc)), std::nanf(""));
  for (int64_t n = 0; n < desc.shape[0]; ++n)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t a = 0; a < plane; ++a)
        all[static_cast<size_t>(n * dense_image_stride(desc) + (c / block * plane + a) * block + c % block)] =
            plain[static_cast<size_t>((n * channels + c) * plane + a)];
  return all;
}

std::vector<float> run(const char* name, const Head& head, Layout layout, size_t threads, uint32_t seed,
                       float spread = 4) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  const std::vector<TensorDesc> plain = head.inputs(Layout::plain), in = head.inputs(layout),
                                out = head.outputs();
  std::vector<std::vector<float>> data;
  std::vector<TensorArg> args;
  for (size_t i = 0; i < in.size(); ++i) {
    std::vector<float> values(static_cast<size_t>(element_count(plain[i].shape).value()));
    for (float& v : values) v = normal(random);
    data.push_back(arrange(in[i], values));
    args.push_back({data.back().data(), &in[i], dense_image_stride(in[i])});
  }
  const std::vector<ConstantPtr> constants(in.size());
  const Op op = head.op;
  const Problem problem{
      .op = op, .inputs = in, .outputs = out, .constants = constants, .thread_count = threads};
  const Kernel* kernel = find_kernel(name);
  const Verdict verdict = kernel->may_i(problem);
  EXPECT_TRUE(verdict.legal) << verdict.reason;
  std::vector<float> result(static_cast<size_t>(element_count(out[0].shape).value()), -1e30f);
  const TensorArg y{result.data(), &out[0], dense_image_stride(out[0])};
  ThreadPool pool(threads);
  (*kernel->prepare(problem, {}))
      ->run({.inputs = args, .outputs = {&y, 1}, .workspace = nullptr, .threads = &pool});
  return result;
}

// Scores to 2e-6. Boxes are sums of a centre and distances: what counts is the largest of those, in pixels.
void expect_close(const Head& head, const std::vector<float>& a, const std::vector<float>& b,
                  const char* what) {
  ASSERT_EQ(a.size(), b.size());
  float largest_px = 0;
  for (size_t i = 0; i < head.grids.size(); ++i)
    largest_px =
        std::max(largest_px,
                 head.op.strides[i] * static_cast<float>(std::max(head.grids[i].first, head.grids[i].second) +
                                                         head.op.reg_max));
  const auto channels = static_cast<size_t>(4 + head.classes);
  const size_t anchors = a.size() / channels / static_cast<size_t>(head.batch);
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], i / anchors % channels < 4 ? 5e-7f * largest_px : 2e-6f) << what << " at " << i;
}

TEST(DecodeBoxes, EveryLayoutGivesTheReferencesBoxes) {
  Head head;
  head.op.strides = {8, 16, 32};
  head.grids = {{9, 13}, {5, 7}, {3, 3}};
  head.batch = 2, head.classes = 11;
  for (const bool xyxy : {false, true}) {
    head.op.xyxy = xyxy;
    const auto wanted = run("decode.reference", head, Layout::plain, 1, 3);
    expect_close(head, wanted, run("decode.cpu", head, Layout::plain, 1, 3), "plain");
    expect_close(head, wanted, run("decode.cpu", head, Layout::nchw8c, 2, 3), "nchw8c");
    expect_close(head, wanted, run("decode.cpu", head, Layout::nchw16c, 3, 3), "nchw16c");
  }
}

TEST(DecodeBoxes, ManyAnchorsAndFewBinsAreDecodedToo) {
  Head head;
  head.op.levels = 1, head.op.strides = {4};
  head.grids = {{40, 41}};
  head.classes = 1;
  for (int64_t bins : {1, 2, 16, 17}) {
    head.op.reg_max = bins;
    expect_close(head, run("decode.reference", head, Layout::plain, 1, 5),
                 run("decode.cpu", head, Layout::plain, 2, 5), "plain");
    expect_close(head, run("decode.reference", head, Layout::plain, 1, 5),
                 run("decode.cpu", head, Layout::nchw8c, 1, 5), "blocked");
  }
}

TEST(DecodeBoxes, ExtremeLogitsStayFinite) {
  Head head;
  head.op.strides = {8, 16, 32};
  head.grids = {{4, 4}, {2, 2}, {1, 1}};
  const auto wanted = run("decode.reference", head, Layout::plain, 1, 8, 300);
  const auto got = run("decode.cpu", head, Layout::plain, 1, 8, 300);
  for (float v : got) ASSERT_TRUE(std::isfinite(v));
  expect_close(head, wanted, got, "extreme");
}

TEST(DecodeBoxes, OneAnchorIsDecodedAsTheFormulaSays) {
  // All bins equal: the expectation of 0..15 is 7.5 on each side of the centre (0.5, 0.5), times stride 8.
  DecodeBoxes op;
  op.levels = 1, op.strides = {8};
  const std::vector<TensorDesc> in = {TensorDesc(DType::f32, {1, 64, 1, 1}),
                                      TensorDesc(DType::f32, {1, 2, 1, 1})};
  const std::vector<TensorDesc> out = {TensorDesc(DType::f32, {1, 6, 1})};
  std::vector<std::byte> zeros(64 * 4);
  const std::vector<Bytes> data = {Bytes::of(zeros), Bytes::of(zeros)};
  const auto result = run_reference(op, in, data, out);
  ASSERT_TRUE(result);
  const auto values = (*result)[0].as<float>();
  for (const auto& [index, wanted] :
       {std::pair<size_t, float>{0, 4}, {1, 4}, {2, 120}, {3, 120}, {4, 0.5f}, {5, 0.5f}})
    EXPECT_FLOAT_EQ(values[index], wanted);
}

TEST(DecodeBoxes, FunctionsOfEveryInstructionSetAgree) {
#if defined(__x86_64__)
  constexpr int64_t plane = 37, classes = 5;
  Head head;
  head.op.levels = 1, head.op.strides = {8}, head.classes = classes;
  head.grids = {{1, plane}};
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> boxes(64 * plane), scores(classes * plane), cx(plane, 0.5f), cy(plane, 1.5f);
  for (float& v : boxes) v = normal(random);
  for (float& v : scores) v = normal(random);
  const auto with = [&](DecodeFunction function) {
    std::vector<float> out((4 + classes) * plane);
    function({.boxes = boxes.data(),
              .classes = scores.data(),
              .centre_x = cx.data(),
              .centre_y = cy.data(),
              .out = out.data(),
              .out_step = plane,
              .plane = plane,
              .block = 1,
              .reg_max = 16,
              .class_count = classes,
              .stride = 8,
              .xyxy = false,
              .begin = 0,
              .end = plane});
    return out;
  };
  const auto baseline = with(kDecodeBaseline);
  if (cpu_features().avx2_fma) expect_close(head, baseline, with(kDecodeAvx2), "avx2");
  if (cpu_features().avx512) expect_close(head, baseline, with(kDecodeAvx512), "avx512");
  if (!cpu_features().avx2_fma) GTEST_SKIP() << "skipped: this CPU has no AVX2";
#else
  GTEST_SKIP() << "skipped: one instruction set alone";
#endif
}

TEST(DecodeBoxes, RefusesHeadsThatDoNotFit) {
  Head head;
  head.op.strides = {8, 16, 32};
  head.grids = {{4, 4}, {2, 2}, {1, 1}};
  auto in = head.inputs(Layout::plain), out = head.outputs();
  const std::vector<ConstantPtr> constants(in.size());
  in[1].shape[1] = 60;
  const Op op = head.op;
  const Verdict verdict =
      find_kernel("decode.cpu")->may_i({.op = op, .inputs = in, .outputs = out, .constants = constants});
  EXPECT_FALSE(verdict.legal);
  EXPECT_FALSE(verdict.reason.empty());
}

}  // namespace
}  // namespace hone
