// Detection on a GPU from picture to boxes, beside the same on the host. Skipped where there is no GPU.
#include "hone/gpu_detection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include "device/cuda/cuda_device.h"
#include "device/cuda/stream.h"
#include "hone/build.h"
#include "hone/detector.h"
#include "test_data.h"

namespace hone {
namespace {

// A detector with one dynamic input "images".
std::filesystem::path model() {
  const char* set = std::getenv("HONE_TEST_MODEL");
  return set != nullptr ? std::filesystem::path(set) : outside_data("models/pt/yolov8n.pt");
}

Result<std::shared_ptr<const Engine>> build_for(const std::string& device, const std::string& precision) {
  BuildOptions options;
  options.profiles = {{{"images", {{1, 3, 64, 64}, {1, 3, 640, 640}, {4, 3, 640, 640}}}}};
  options.precisions = {precision};
  options.targets = {device};
  options.level = 1;
  return build(model(), options);
}

Picture noise(int width, int height, uint32_t seed) {
  std::mt19937 random(seed);
  Picture picture{.width = width, .height = height, .bgr = {}};
  // Flat areas with edges: more like a picture than single pixels are.
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width * 3; ++x)
      picture.bgr.push_back(
          static_cast<uint8_t>((x / 40 * 37 + y / 30 * 91 + x % 3 * 50) % 256 ^ random() % 8));
  return picture;
}

std::vector<Picture> pictures() {
  std::vector<Picture> all;
  for (const char* folder : {"images/ultralytics", "images/coco_val2017/images"}) {
    if (!std::filesystem::is_directory(outside_data(folder))) continue;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(outside_data(folder)))
      if (entry.path().extension() == ".jpg") files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files)
      if (all.size() < 40)
        if (auto picture = read_picture(file)) all.push_back(std::move(*picture));
  }
  return all;
}

bool equal(const Detection& a, const Detection& b) {
  return a.box_xyxy_px == b.box_xyxy_px && a.score == b.score && a.class_id == b.class_id;
}

double iou(const std::array<float, 4>& a, const std::array<float, 4>& b) {
  const double w = std::max(0.0f, std::min(a[2], b[2]) - std::max(a[0], b[0]));
  const double h = std::max(0.0f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  const auto area = [](const auto& x) { return static_cast<double>(x[2] - x[0]) * (x[3] - x[1]); };
  return w * h / (area(a) + area(b) - w * h);
}

class GpuDetectionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto device = open_device("cuda:0"); !device)
      GTEST_SKIP() << "skipped: " << device.error().message;
    if (!std::filesystem::exists(model())) GTEST_SKIP() << "skipped: no model " << model();
    static const auto built = build_for("cuda:0", "f16");
    ASSERT_TRUE(built) << built.error().message;
    engine_ = *built;
    auto context = ExecutionContext::create(engine_, {.device = "cuda:0"});
    ASSERT_TRUE(context) << context.error().message;
    context_ = std::move(*context);
    auto detection = GpuDetection::create(*engine_, *context_);
    ASSERT_TRUE(detection) << detection.error().message;
    detection_ = std::move(*detection);
  }

  // Letterboxer, the same network on the GPU, DetectionSelector.
  std::vector<std::vector<Detection>> on_host(std::span<const ImageView> images,
                                              std::span<const LetterboxGeometry> geometry, const Shape& shape,
                                              const SelectionOptions& options) {
    std::vector<float> input(static_cast<size_t>(element_count(shape).value()));
    Letterboxer letterboxer(2);
    const size_t image = input.size() / static_cast<size_t>(shape[0]);
    for (size_t i = 0; i < images.size(); ++i)
      EXPECT_TRUE(letterboxer.run(images[i], geometry[i], DType::f32, input.data() + i * image));
    const Shape out = context_->tensor_shape("output0").value();
    std::vector<float> raw(static_cast<size_t>(element_count(out).value()));
    EXPECT_TRUE(context_->run({{"images", input.data()}}, {{"output0", raw.data()}}));
    std::vector<std::vector<Detection>> found;
    for (size_t i = 0; i < images.size(); ++i)
      found.push_back(
          DetectionSelector()
              .run({raw.data() + i * static_cast<size_t>(out[1] * out[2]), DType::f32, {out[1], out[2]}},
                   options)
              .value());
    return found;
  }

  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<ExecutionContext> context_;
  std::unique_ptr<GpuDetection> detection_;
};

TEST_F(GpuDetectionTest, boxes_are_those_of_the_host_around_the_same_network_bit_for_bit) {
  std::vector<Picture> all = pictures();
  for (uint32_t i = 0; i < 6; ++i) all.push_back(noise(200 + static_cast<int>(i) * 77, 333, i));
  size_t boxes = 0, at = 0;
  const float confs[] = {0.25f, 0.001f, 0.05f}, ious[] = {0.7f, 0.45f, 0.6f};
  const Shape sizes[] = {{1, 3, 640, 640}, {3, 3, 320, 448}, {4, 3, 384, 640}, {2, 3, 64, 96}};
  for (int round = 0; round < 30; ++round) {
    const Shape& shape = sizes[round % 4];
    ASSERT_TRUE(context_->set_input_shape("images", shape));
    std::vector<ImageView> images;
    std::vector<LetterboxGeometry> geometry;
    // One fewer than the batch now and then.
    const auto count = static_cast<size_t>(std::max<int64_t>(1, shape[0] - round % 3 / 2));
    for (size_t i = 0; i < count; ++i) {
      images.push_back(all[at++ % all.size()].view());
      geometry.push_back(
          letterbox_geometry(images[i].height, images[i].width, {.imgsz = {shape[2], shape[3]}}).value());
    }
    SelectionOptions options{.conf = confs[round % 3], .iou = ious[round % 3]};
    options.agnostic = round % 5 == 0, options.multi_label = round % 7 == 0;
    options.max_det = round % 4 == 3 ? 5 : 300;
    if (round % 6 == 0) options.classes = {0, 2, 5};
    const auto wanted = on_host(images, geometry, shape, options);
    const auto got = detection_->run(images, geometry, options);
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_EQ(got->size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ((*got)[i].size(), wanted[i].size()) << "round " << round << ", picture " << i;
      EXPECT_TRUE(std::ranges::equal((*got)[i], wanted[i], equal)) << "round " << round << ", picture " << i;
      boxes += wanted[i].size();
    }
  }
  EXPECT_GT(boxes, 100u);
  std::printf("%zu boxes compared\n", boxes);
}

TEST_F(GpuDetectionTest, where_a_picture_lies_and_its_format_change_nothing) {
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const Picture picture = pictures().empty() ? noise(640, 480, 1) : pictures()[0];
  const Shape shape = {1, 3, 320, 320};
  ASSERT_TRUE(context_->set_input_shape("images", shape));
  const std::vector<LetterboxGeometry> g = {
      letterbox_geometry(picture.height, picture.width, {.imgsz = {320, 320}}).value()};
  const SelectionOptions options{.conf = 0.01f};
  const auto run = [&](const ImageView& view) {
    auto found = detection_->run({&view, 1}, g, options);
    EXPECT_TRUE(found) << found.error().message;
    return found ? (*found)[0] : std::vector<Detection>{};
  };
  const auto wanted = run(picture.view());
  EXPECT_FALSE(wanted.empty());
  const size_t bytes = picture.bgr.size(), row = static_cast<size_t>(picture.width) * 3;

  const auto pinned = context_->host_memory(bytes);
  ASSERT_TRUE(pinned);
  std::memcpy(pinned->get(), picture.bgr.data(), bytes);
  ImageView view = picture.view();
  view.data = reinterpret_cast<const uint8_t*>(pinned->get());
  EXPECT_TRUE(std::ranges::equal(run(view), wanted, equal)) << "page-locked memory";

  const auto buffer = device->allocate(bytes).value();
  ASSERT_TRUE(device->copy_in(*buffer, 0, std::as_bytes(std::span(picture.bgr))));
  view.data = static_cast<const uint8_t*>(buffer->address());
  EXPECT_TRUE(std::ranges::equal(run(view), wanted, equal)) << "the GPU's memory";

  std::vector<uint8_t> padded, rgb = picture.bgr;
  for (int y = 0; y < picture.height; ++y) {
    const uint8_t* from = picture.bgr.data() + static_cast<size_t>(y) * row;
    padded.insert(padded.end(), from, from + row);
    padded.resize(padded.size() + 13, 0x55);
  }
  for (size_t i = 0; i < rgb.size(); i += 3) std::swap(rgb[i], rgb[i + 2]);
  EXPECT_TRUE(
      std::ranges::equal(run({padded.data(), picture.width, picture.height, row + 13}), wanted, equal))
      << "padded rows";
  EXPECT_TRUE(std::ranges::equal(run({rgb.data(), picture.width, picture.height, row, PixelFormat::rgb}),
                                 wanted, equal))
      << "RGB";

  // NV12 has fewer colours than the picture: both devices see the same ones.
  std::mt19937 random(5);
  const int width = 301, height = 203;
  const size_t stride = 310;
  std::vector<uint8_t> planes(stride * static_cast<size_t>(height + (height + 1) / 2));
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = static_cast<uint8_t>(i / 29 * 7 + random() % 9);
  const ImageView nv12{planes.data(), width, height, stride, PixelFormat::nv12};
  const std::vector<LetterboxGeometry> place = {
      letterbox_geometry(height, width, {.imgsz = {320, 320}}).value()};
  const auto from_planes = detection_->run({&nv12, 1}, place, options);
  ASSERT_TRUE(from_planes) << from_planes.error().message;
  EXPECT_TRUE(std::ranges::equal((*from_planes)[0], on_host({&nv12, 1}, place, shape, options)[0], equal));
}

TEST_F(GpuDetectionTest, raw_output_and_refusals) {
  const Picture picture = noise(300, 200, 3);
  const ImageView view = picture.view();
  ASSERT_TRUE(context_->set_input_shape("images", {1, 3, 192, 256}));
  const LetterboxGeometry g = letterbox_geometry(200, 300, {.imgsz = {192, 256}}).value();
  const auto raw = detection_->run_raw({&view, 1}, {&g, 1});
  ASSERT_TRUE(raw) << raw.error().message;
  const Shape out = context_->tensor_shape("output0").value();
  std::vector<float> input(3 * 192 * 256), wanted(static_cast<size_t>(element_count(out).value()));
  ASSERT_TRUE(Letterboxer(1).run(view, g, DType::f32, input.data()));
  ASSERT_TRUE(context_->run({{"images", input.data()}}, {{"output0", wanted.data()}}));
  ASSERT_EQ(raw->size(), wanted.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(raw->data(), wanted.data(), raw->size()), 0);

  LetterboxGeometry other = g;
  other.width = 320;
  EXPECT_FALSE(detection_->run({&view, 1}, {&other, 1}, {}));
  EXPECT_FALSE(detection_->run({&view, 1}, {}, {}));
  const ImageView none{};
  EXPECT_FALSE(detection_->run({&none, 1}, {&g, 1}, {}));
  EXPECT_TRUE(detection_->run({&view, 1}, {&g, 1}, {})) << "works on after an error";
}

TEST_F(GpuDetectionTest, a_run_becomes_part_of_the_callers_own_graph) {
  const auto device = std::static_pointer_cast<CudaDevice>(*open_device("cuda:0"));
  const Shape shape = {1, 3, 256, 320};
  ASSERT_TRUE(context_->set_input_shape("images", shape));
  const Shape out = context_->tensor_shape("output0").value();
  const auto in_bytes = static_cast<size_t>(element_count(shape).value()) * 4;
  const auto out_bytes = static_cast<size_t>(element_count(out).value()) * 4;
  const auto in = device->allocate(in_bytes).value(), result = device->allocate(out_bytes).value();
  std::vector<float> input(in_bytes / 4), wanted(out_bytes / 4), got(out_bytes / 4);
  std::mt19937 random(3);
  for (float& v : input) v = static_cast<float>(random() % 256) / 255;
  ASSERT_TRUE(context_->run({{"images", input.data()}}, {{"output0", wanted.data()}}));
  ASSERT_TRUE(device->copy_in(*in, 0, std::as_bytes(std::span(input))));
  ASSERT_TRUE(device->fill(*result, std::byte{0xff}));
  const auto stream = cuda::OwnedStream::create(*device);
  ASSERT_TRUE(stream);
  const void* inputs[] = {in->address()};
  void* outputs[] = {result->address()};
  const auto graph = cuda::OwnedGraph::capture(
      *device, stream->get(), [&] { return context_->enqueue(inputs, outputs, stream->get()); });
  ASSERT_TRUE(graph) << graph.error().message;
  ASSERT_TRUE(graph->launch(stream->get()));
  ASSERT_TRUE(stream->synchronize());
  ASSERT_TRUE(device->copy_out(std::as_writable_bytes(std::span(got)), *result, 0));
  EXPECT_EQ(got, wanted);
}

TEST_F(GpuDetectionTest, two_detectors_on_two_threads_are_right_every_time) {
  std::vector<Picture> all;
  for (uint32_t i = 0; i < 5; ++i) all.push_back(noise(150 + static_cast<int>(i) * 90, 260, i));
  const auto make = [&] {
    auto made = Detector::create(engine_, {.conf = 0.001f, .device = "cuda:0", .thread_count = 2});
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  };
  std::vector<std::vector<Detection>> wanted;
  {
    const auto detector = make();
    for (const Picture& picture : all) wanted.push_back(detector->detect(picture.view())->boxes);
  }
  size_t wrong[2] = {};
  const auto work = [&](size_t thread) {
    const auto detector = make();
    for (size_t i = 0; i < 200; ++i) {
      const size_t k = (i * 3 + thread) % all.size();
      const auto found = detector->detect(all[k].view());
      if (!found || !std::ranges::equal(found->boxes, wanted[k], equal)) ++wrong[thread];
    }
  };
  std::thread first(work, 0), second(work, 1);
  first.join(), second.join();
  EXPECT_EQ(wrong[0] + wrong[1], 0u);
}

// A detector on a GPU in f16 and one on the CPU in f32.
TEST_F(GpuDetectionTest, real_pictures_give_the_cpus_boxes) {
  const std::vector<Picture> all = pictures();
  if (all.empty()) GTEST_SKIP() << "skipped: no pictures in " << outside_data("images");
  DetectorOptions options;
  options.device = "cuda:0";
  const auto gpu = Detector::create(engine_, options);
  ASSERT_TRUE(gpu) << gpu.error().message;
  options.device = "cpu";
  const auto cpu = Detector::create(engine_, options);
  ASSERT_TRUE(cpu) << cpu.error().message;
  size_t boxes = 0, at_the_limit = 0;
  float worst_score = 0;
  double worst_iou = 1;
  for (const Picture& picture : all) {
    const auto got = (*gpu)->detect(picture.view()), wanted = (*cpu)->detect(picture.view());
    ASSERT_TRUE(got) << got.error().message;
    ASSERT_TRUE(wanted) << wanted.error().message;
    std::vector<Detection> left = got->boxes;
    for (const Detection& w : wanted->boxes) {
      const auto match = std::ranges::find_if(left, [&](const Detection& d) {
        return d.class_id == w.class_id && iou(d.box_xyxy_px, w.box_xyxy_px) >= 0.98;
      });
      if (match == left.end()) {
        // A score that f16 moves across conf.
        ++at_the_limit;
        EXPECT_NEAR(w.score, options.conf, 0.01);
        continue;
      }
      ++boxes;
      EXPECT_NEAR(match->score, w.score, 0.01);
      worst_score = std::max(worst_score, std::abs(match->score - w.score));
      worst_iou = std::min(worst_iou, iou(match->box_xyxy_px, w.box_xyxy_px));
      left.erase(match);
    }
    for (const Detection& d : left) EXPECT_NEAR(d.score, options.conf, 0.01);
    at_the_limit += left.size();
    EXPECT_EQ((*gpu)->times().preprocess_ms, 0);
  }
  EXPECT_GT(boxes, all.size());
  std::printf("%zu pictures, %zu boxes: least IoU %.4f, greatest difference of scores %.4f, %zu at conf\n",
              all.size(), boxes, worst_iou, static_cast<double>(worst_score), at_the_limit);
  // Unequal sizes in one call.
  std::vector<ImageView> views;
  for (size_t i = 0; i < std::min<size_t>(6, all.size()); ++i) views.push_back(all[i].view());
  const auto together = (*gpu)->detect(views), on_cpu = (*cpu)->detect(views);
  ASSERT_TRUE(together) << together.error().message;
  ASSERT_TRUE(on_cpu);
  ASSERT_EQ(together->size(), views.size());
  for (size_t i = 0; i < views.size(); ++i) {
    const auto clear = [&](const Detections& d) {
      return std::ranges::count_if(d.boxes, [](const Detection& b) { return b.score > 0.3f; });
    };
    EXPECT_NEAR(static_cast<double>(clear((*together)[i])), static_cast<double>(clear((*on_cpu)[i])), 1) << i;
  }
}

TEST(WithoutGpu, the_cpu_is_refused_in_words) {
  const auto file = asset("test_checkpoints/final.pt");
  BuildOptions options;
  options.level = 0;
  options.profiles = {{{"images", {{1, 3, 64, 64}, {1, 3, 64, 64}, {1, 3, 64, 64}}}}};
  const auto engine = build(file, options);
  ASSERT_TRUE(engine) << engine.error().message;
  const auto context = ExecutionContext::create(*engine, {.device = "cpu"});
  ASSERT_TRUE(context);
  const auto refused = GpuDetection::create(**engine, **context);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, StatusCode::unsupported);
  EXPECT_EQ(refused.error().message, "the context runs on the CPU");
  ASSERT_TRUE((*context)->set_input_shape("images", {1, 3, 64, 64}));
  const void* const input[] = {nullptr};
  std::vector<void*> outputs((*engine)->outputs().size());
  const auto without_key = (*context)->enqueue(input, outputs, nullptr, {});
  ASSERT_FALSE(without_key);
  EXPECT_EQ(without_key.error().code, StatusCode::invalid_argument);
  const auto on_cpu = (*context)->enqueue(input, outputs, nullptr, {.key = 1});
  ASSERT_FALSE(on_cpu);
  EXPECT_EQ(on_cpu.error().code, StatusCode::unsupported);
  const auto memory = (*context)->host_memory(1000);
  ASSERT_TRUE(memory);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->get()) % 64, 0u);
  std::memset(memory->get(), 1, 1000);
}

}  // namespace
}  // namespace hone
