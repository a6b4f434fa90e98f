#include "hone/detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "base/cpu_features.h"
#include "base/float16.h"
#include "base/log.h"
#include "detect/input_shape.h"
#include "detect/model_facts.h"
#include "hone/gpu_detection.h"
#include "hone/preprocess.h"

namespace hone {
namespace {

// More do not copy pictures faster.
constexpr size_t kCopyThreads = 4;

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// 64-byte aligned bytes that only grow.
class Buffer {
 public:
  Result<std::byte*> reserve(size_t size) {
    if (size > size_) {
      data_.reset(static_cast<std::byte*>(std::aligned_alloc(64, (size + 63) / 64 * 64)));
      size_ = data_ ? size : 0;
      if (!data_)
        return error(StatusCode::resource, fmt::format("no memory for {} bytes of pictures or boxes", size));
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_ = 0;
};

bool is_io_type(DType type) { return type == DType::f32 || type == DType::f16; }

Result<InputLimits> limits_of(const Engine& engine) {
  const auto& inputs = engine.inputs();
  if (inputs.size() != 1 || inputs[0].shape.size() != 4 ||
      (inputs[0].shape[1] != 3 && inputs[0].shape[1] != -1) || !is_io_type(inputs[0].type)) {
    std::string found;
    for (const TensorInfo& input : inputs)
      found += fmt::format("{}{} {} {}", found.empty() ? "" : ", ", input.name, dtype_name(input.type),
                           shape_text(input.shape));
    return error(
        StatusCode::unsupported,
        fmt::format("a detector takes one f32 or f16 input of N x 3 x height x width; this engine has {}",
                    found));
  }
  InputLimits limits{.name = inputs[0].name, .shape = inputs[0].shape, .ranges = {}};
  limits.shape[1] = 3;
  for (const Profile& profile : engine.profiles())
    if (const auto range = profile.find(limits.name);
        range != profile.end() && range->second.min.size() == 4 && range->second.max.size() == 4 &&
        range->second.opt.size() == 4)
      limits.ranges.push_back(range->second);
  return limits;
}

Result<> check_output(const Engine& engine, const ModelFacts& facts) {
  if (!facts.task.empty() && facts.task != "detect")
    return error(StatusCode::unsupported,
                 fmt::format("the engine's task is '{}'; a detector runs 'detect'", facts.task));
  if (engine.outputs().empty() || engine.outputs()[0].shape.size() != 3 ||
      !is_io_type(engine.outputs()[0].type))
    return error(StatusCode::unsupported,
                 fmt::format("a detector wants a first output of rank 3 in f32 or f16; this engine has {}",
                             engine.outputs().empty() ? "none" : shape_text(engine.outputs()[0].shape)));
  return {};
}

}  // namespace

struct Detector::State {
  State(std::shared_ptr<const Engine> e, DetectorOptions o)
      : engine(std::move(e)), options(std::move(o)), letterboxer(options.thread_count) {}

  Result<> run_batch(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry,
                     int64_t batch, std::vector<Detections>& found);
  Result<> run_on_gpu(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry,
                      const Shape& output, std::vector<Detections>& found);
  Result<> run_on_host(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry,
                       const Shape& input_shape, const Shape& output_shape, std::vector<Detections>& found);
  Result<Shape> bind(const Shape& input);
  Result<std::vector<Detection>> select(const std::byte* output, const Shape& shape, int64_t index);
  std::vector<Detection> selected_rows(const std::byte* rows, int64_t count) const;
  void keep(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry,
            std::vector<std::vector<Detection>> boxes, std::vector<Detections>& found);
  enum class RawKind : uint8_t { raw, selected };
  Result<RawKind> kind_of(const Shape& output) const;
  SelectionOptions selection_options() const;

  std::shared_ptr<const Engine> engine;
  DetectorOptions options;
  std::unique_ptr<ExecutionContext> context;
  std::unique_ptr<GpuDetection> gpu;  // null: letterbox and selection are the host's work
  ModelFacts facts;
  InputLimits limits;
  Shape size;
  Letterboxer letterboxer;
  DetectionSelector selector;
  Buffer input, output;
  Shape bound;
  DetectTimes times;
};

Result<std::unique_ptr<Detector>> Detector::create(std::shared_ptr<const Engine> engine,
                                                   DetectorOptions options) {
  if (!engine) return error(StatusCode::invalid_argument, "a detector needs an engine");
  if (!options.imgsz.empty() &&
      (options.imgsz.size() != 2 ||
       std::ranges::any_of(options.imgsz, [](int64_t s) { return s < 1 || s > 65536; })))
    return error(StatusCode::invalid_argument,
                 fmt::format("imgsz is {}, wanted is height x width, each from 1 to 65536",
                             shape_text(options.imgsz)));
  const auto is_share = [](float value) { return value >= 0 && value <= 1; };
  if (!is_share(options.conf) || !is_share(options.iou))
    return error(
        StatusCode::invalid_argument,
        fmt::format("conf is {} and iou {}, wanted are numbers from 0 to 1", options.conf, options.iou));
  if (options.max_det < 1)
    return error(StatusCode::invalid_argument,
                 fmt::format("max_det is {}, wanted is at least 1", options.max_det));
  auto state = std::make_unique<State>(std::move(engine), std::move(options));
  State& s = *state;
  s.facts = read_model_facts(s.engine->metadata());
  HONE_ASSIGN(s.limits, limits_of(*s.engine));
  HONE_TRY(check_output(*s.engine, s.facts));
  s.size = base_size(s.limits, s.options.imgsz, s.facts.imgsz, s.facts.stride);
  if (!s.options.imgsz.empty() && s.size != s.options.imgsz)
    log_warning(
        fmt::format("imgsz {} was asked for, {} is used", shape_text(s.options.imgsz), shape_text(s.size)));
  HONE_ASSIGN(s.context, ExecutionContext::create(
                             s.engine, {.device = s.options.device, .thread_count = s.options.thread_count}));
  if (s.context->device() != "cpu") {
    const size_t threads = s.options.thread_count > 0 ? s.options.thread_count : usable_cores();
    auto made = GpuDetection::create(*s.engine, *s.context, std::min(threads, kCopyThreads));
    if (made)
      s.gpu = std::move(*made);
    else
      log_verbose(fmt::format("{}; letterbox and selection of boxes run on the CPU", made.error().message));
  }
  return std::unique_ptr<Detector>(new Detector(std::move(state)));
}

Result<std::shared_ptr<std::byte>> Detector::host_memory(size_t size_bytes) {
  return state_->context->host_memory(size_bytes);
}

Detector::Detector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Detector::~Detector() = default;

const std::vector<std::string>& Detector::class_names() const { return state_->facts.class_names; }
const DetectTimes& Detector::times() const { return state_->times; }
std::string Detector::device() const { return state_->context->device(); }

Result<Detections> Detector::detect(const ImageView& image) {
  HONE_ASSIGN(std::vector<Detections> found, detect(std::span(&image, 1)));
  return std::move(found[0]);
}

Result<std::vector<Detections>> Detector::detect(std::span<const ImageView> images) {
  State& s = *state_;
  s.times = {};
  std::vector<Detections> found;
  if (images.empty()) return found;
  for (const ImageView& image : images)
    if (!image.data || image.width < 1 || image.height < 1)
      return error(StatusCode::invalid_argument,
                   fmt::format("picture {} of the batch is empty", &image - images.data()));
  HONE_ASSIGN(const std::vector<LetterboxGeometry> all,
              geometries(s.limits, images, s.size, s.options.rect, s.facts.stride));
  while (found.size() < images.size()) {
    const size_t at = found.size();
    const auto left = static_cast<int64_t>(images.size() - at);
    const int64_t batch = s.limits.batch_for(left, all[0].height, all[0].width);
    if (batch < 1)
      return error(StatusCode::out_of_range,
                   fmt::format("no profile of the engine takes pictures of {} x {} (height x width)",
                               all[0].height, all[0].width));
    const auto count = static_cast<size_t>(std::min(batch, left));
    HONE_TRY(s.run_batch(images.subspan(at, count), std::span(all).subspan(at, count), batch, found));
  }
  return found;
}

// Sets the input's shape where it is open and returns the output's.
Result<Shape> Detector::State::bind(const Shape& wanted) {
  if (wanted != bound && !is_concrete(engine->inputs()[0].shape))
    HONE_TRY(context->set_input_shape(limits.name, wanted));
  bound = wanted;
  return context->tensor_shape(engine->outputs()[0].name);
}

Result<> Detector::State::run_batch(std::span<const ImageView> images,
                                    std::span<const LetterboxGeometry> geometry, int64_t batch,
                                    std::vector<Detections>& found) {
  const Shape shape = {batch, 3, geometry[0].height, geometry[0].width};
  const auto start = Clock::now();
  HONE_ASSIGN(const Shape output_shape, bind(shape));
  times.inference_ms += ms_since(start);
  times.input_shape = shape;
  if (gpu != nullptr) {
    auto done = run_on_gpu(images, geometry, output_shape, found);
    if (done || (done.error().code != StatusCode::unsupported && done.error().code != StatusCode::not_found))
      return done;
    // What the GPU lacks for the whole of it (machine code, and a compiler) is for the host to do.
    log_verbose(fmt::format("{}; letterbox and selection of boxes run on the CPU", done.error().message));
    gpu.reset();
  }
  return run_on_host(images, geometry, shape, output_shape, found);
}

Result<> Detector::State::run_on_gpu(std::span<const ImageView> images,
                                     std::span<const LetterboxGeometry> geometry, const Shape& output_shape,
                                     std::vector<Detections>& found) {
  const auto start = Clock::now();
  std::vector<std::vector<Detection>> boxes;
  HONE_ASSIGN(const RawKind kind, kind_of(output_shape));
  if (kind == RawKind::selected) {
    HONE_ASSIGN(const auto raw, gpu->run_raw(images, geometry));
    for (size_t i = 0; i < images.size(); ++i)
      boxes.push_back(selected_rows(raw.data() + i * (raw.size() / static_cast<size_t>(output_shape[0])),
                                    output_shape[1]));
  } else {
    HONE_ASSIGN(boxes, gpu->run(images, geometry, selection_options()));
  }
  times.inference_ms += ms_since(start);
  keep(images, geometry, std::move(boxes), found);
  return {};
}

Result<> Detector::State::run_on_host(std::span<const ImageView> images,
                                      std::span<const LetterboxGeometry> geometry, const Shape& shape,
                                      const Shape& output_shape, std::vector<Detections>& found) {
  auto start = Clock::now();
  const DType type = engine->inputs()[0].type;
  HONE_ASSIGN(const size_t image_bytes, byte_count(type, std::span(shape).subspan(1)));
  HONE_ASSIGN(const size_t input_bytes, byte_count(type, shape));
  HONE_ASSIGN(std::byte* const pixels, input.reserve(input_bytes));
  for (size_t i = 0; i < images.size(); ++i)
    HONE_TRY(letterboxer.run(images[i], geometry[i], type, pixels + i * image_bytes));
  std::memset(pixels + images.size() * image_bytes, 0, input_bytes - images.size() * image_bytes);
  times.preprocess_ms += ms_since(start);

  start = Clock::now();
  HONE_ASSIGN(const size_t output_bytes, byte_count(engine->outputs()[0].type, output_shape));
  HONE_ASSIGN(std::byte* const raw, output.reserve(output_bytes));
  const void* const inputs[] = {pixels};
  std::vector<void*> outputs(engine->outputs().size());
  outputs[0] = raw;
  HONE_TRY(context->run(inputs, outputs));
  times.inference_ms += ms_since(start);

  start = Clock::now();
  std::vector<std::vector<Detection>> boxes;
  for (size_t i = 0; i < images.size(); ++i) {
    HONE_ASSIGN(boxes.emplace_back(), select(raw, output_shape, static_cast<int64_t>(i)));
  }
  keep(images, geometry, std::move(boxes), found);
  times.postprocess_ms += ms_since(start);
  return {};
}

// Boxes of the input become boxes of the pictures.
void Detector::State::keep(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry,
                           std::vector<std::vector<Detection>> boxes, std::vector<Detections>& found) {
  for (size_t i = 0; i < images.size(); ++i) {
    Detections d{
        .image_width_px = images[i].width, .image_height_px = images[i].height, .boxes = std::move(boxes[i])};
    scale_boxes(d.boxes, geometry[i].height, geometry[i].width, images[i].height, images[i].width);
    found.push_back(std::move(d));
  }
}

// What output 0 is, by its shape.
Result<Detector::State::RawKind> Detector::State::kind_of(const Shape& shape) const {
  if (shape.size() != 3)
    return error(StatusCode::unsupported,
                 fmt::format("the engine's output is {}, which holds no boxes", shape_text(shape)));
  // Six values a row: an engine that ends in its own selection of boxes (NMS-free heads, nms=True).
  if (shape[2] == 6) return RawKind::selected;
  const auto classes = static_cast<int64_t>(facts.class_names.size());
  if (shape[1] < 5 || (classes > 0 && shape[1] != 4 + classes))
    return error(StatusCode::unsupported,
                 fmt::format("the engine's output is {}; wanted is N x (4 + {} classes) x anchors",
                             shape_text(shape), classes));
  return RawKind::raw;
}

SelectionOptions Detector::State::selection_options() const {
  return {.conf = options.conf,
          .iou = options.iou,
          .max_det = options.max_det,
          .agnostic = options.agnostic,
          .classes = options.classes};
}

Result<std::vector<Detection>> Detector::State::select(const std::byte* raw, const Shape& shape,
                                                       int64_t index) {
  const DType type = engine->outputs()[0].type;
  HONE_ASSIGN(const RawKind kind, kind_of(shape));
  HONE_ASSIGN(const size_t bytes, byte_count(type, std::span(shape).subspan(1)));
  const std::byte* own = raw + static_cast<size_t>(index) * bytes;
  if (kind == RawKind::selected) return selected_rows(own, shape[1]);
  return selector.run({.data = own, .type = type, .shape = {shape[1], shape[2]}}, selection_options());
}

// Rows of x1, y1, x2, y2, score, class, best first.
std::vector<Detection> Detector::State::selected_rows(const std::byte* rows, int64_t count) const {
  std::vector<float> values(static_cast<size_t>(count) * 6);
  if (engine->outputs()[0].type == DType::f16)
    f16_to_f32({reinterpret_cast<const uint16_t*>(rows), values.size()}, values.data());
  else
    std::memcpy(values.data(), rows, values.size() * sizeof(float));
  std::vector<Detection> found;
  for (size_t i = 0; i < values.size() && static_cast<int>(found.size()) < options.max_det; i += 6) {
    if (!(values[i + 4] > options.conf) || !(values[i + 5] >= 0 && values[i + 5] < 1e6f)) continue;
    const auto id = static_cast<int>(values[i + 5]);
    if (!options.classes.empty() && std::ranges::find(options.classes, id) == options.classes.end()) continue;
    found.push_back({.box_xyxy_px = {values[i], values[i + 1], values[i + 2], values[i + 3]},
                     .score = values[i + 4],
                     .class_id = id});
  }
  return found;
}

}  // namespace hone
