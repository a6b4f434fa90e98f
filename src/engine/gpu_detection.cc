// Pictures to boxes on a GPU: copies of the pictures, then one graph of letterbox, network and selection.
// Boxes are written to page-locked memory by the last kernel itself.
#include "hone/gpu_detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "device/cuda/driver.h"
#include "engine/detection_programs.h"
#include "engine/picture_upload.h"
#include "kernels/kernel.h"

namespace hone {
namespace {

// Device memory that only grows.
class Room {
 public:
  Result<> reserve(CudaDevice& device, size_t bytes) {
    if (memory_ != nullptr && memory_->size_bytes() >= bytes) return {};
    memory_.reset();
    HONE_ASSIGN(memory_, device.allocate(std::max<size_t>(bytes, 1)));
    return {};
  }
  void* address() const { return memory_ != nullptr ? memory_->address() : nullptr; }

 private:
  std::shared_ptr<DeviceBuffer> memory_;
};

Result<> reserve(CudaDevice& device, cuda::PinnedBuffer& memory, size_t bytes) {
  if (memory.size_bytes() >= bytes) return {};
  memory = {};
  HONE_ASSIGN(memory, cuda::PinnedBuffer::create(device, bytes));
  return {};
}

// The selection of boxes as a kernel's problem, for one shape and one set of options.
struct Selection {
  SelectionOptions options;
  Op op;
  TensorDesc raw, rows, counts;
  std::unique_ptr<Runner> runner;
  size_t workspace_bytes = 0, row_count = 0;
};

bool same(const SelectionOptions& a, const SelectionOptions& b) {
  return a.conf == b.conf && a.iou == b.iou && a.max_det == b.max_det && a.agnostic == b.agnostic &&
         a.multi_label == b.multi_label && a.classes == b.classes;
}

Result<std::unique_ptr<Selection>> make_selection(CudaDevice& device, DType type, const Shape& raw,
                                                  const SelectionOptions& options) {
  if (raw.size() != 3 || raw[1] < 5)
    return error(
        StatusCode::invalid_argument,
        fmt::format("raw detections are {}, wanted is N x (4 + classes) x anchors", shape_text(raw)));
  auto made = std::make_unique<Selection>();
  made->options = options;
  made->op = detection_nms(options);
  made->raw = TensorDesc(type, raw);
  made->rows = TensorDesc(DType::f32, {raw[0], options.max_det, 6});
  made->counts = TensorDesc(DType::i32, {raw[0]});
  const TensorDesc outputs[] = {made->rows, made->counts};
  const ConstantPtr constants[1];
  const Problem problem{.op = made->op,
                        .inputs = {&made->raw, 1},
                        .outputs = outputs,
                        .constants = constants,
                        .device = &device};
  for (const Kernel* kernel : kernels_for(DetectionNms::name, DeviceKind::cuda)) {
    const Verdict verdict = kernel->may_i(problem);
    if (!verdict.legal)
      return error(StatusCode::unsupported, fmt::format("{}: {}", kernel->name(), verdict.reason));
    made->workspace_bytes = verdict.workspace_bytes;
    HONE_ASSIGN(made->runner, kernel->prepare(problem, {}));
    return made;
  }
  return error(StatusCode::unsupported, "no kernel selects boxes on a GPU");
}

}  // namespace

struct GpuDetection::State {
  State(const Engine& e, ExecutionContext& c, std::shared_ptr<CudaDevice> d, size_t thread_count)
      : engine(e), context(c), device(std::move(d)), upload(device, thread_count) {}

  Result<> bind(const SelectionOptions* options);
  Result<> launch(std::span<const ImageView> images, std::span<const LetterboxGeometry> geometry);
  ExecutionContext::Around around();
  Result<> enqueue_selection(cuda::Stream on);

  const Engine& engine;
  ExecutionContext& context;
  std::shared_ptr<CudaDevice> device;
  cuda::OwnedStream stream;
  GpuLetterbox letterbox;
  PictureUpload upload;
  Room input, raw, workspace;
  cuda::PinnedBuffer results;  // rows and counts of every image, or output 0
  // Of the current shapes.
  Shape input_shape, output_shape;
  size_t raw_bytes = 0;
  uint64_t key = 0;                      // of all that is recorded around the network
  std::unique_ptr<Selection> selection;  // null: output 0 itself is wanted
};

Result<std::unique_ptr<GpuDetection>> GpuDetection::create(const Engine& engine, ExecutionContext& context,
                                                           size_t thread_count) {
  if (context.device() == "cpu") return error(StatusCode::unsupported, "the context runs on the CPU");
  if (!takes_pictures(engine.inputs()))
    return error(StatusCode::unsupported,
                 "the engine has not one f32 or f16 input of N x 3 x height x width");
  HONE_ASSIGN(auto device, open_device(context.device()));
  auto state =
      std::make_unique<State>(engine, context, std::static_pointer_cast<CudaDevice>(device), thread_count);
  HONE_ASSIGN(state->stream, cuda::OwnedStream::create(*state->device));
  HONE_ASSIGN(state->letterbox, GpuLetterbox::create(*state->device, engine.inputs()[0].type));
  return std::unique_ptr<GpuDetection>(new GpuDetection(std::move(state)));
}

GpuDetection::GpuDetection(std::unique_ptr<State> state) : state_(std::move(state)) {}
GpuDetection::~GpuDetection() = default;

// Makes everything ready for the context's shapes and the options; quick when nothing has changed.
Result<> GpuDetection::State::bind(const SelectionOptions* options) {
  HONE_ASSIGN(Shape wanted_input, context.tensor_shape(engine.inputs()[0].name));
  HONE_ASSIGN(Shape wanted_output, context.tensor_shape(engine.outputs()[0].name));
  const bool same_selection =
      options != nullptr ? selection != nullptr && same(selection->options, *options) : selection == nullptr;
  if (wanted_input == input_shape && wanted_output == output_shape && same_selection) return {};
  input_shape.clear();
  const DType type = engine.outputs()[0].type;
  HONE_ASSIGN(const size_t input_bytes, byte_count(engine.inputs()[0].type, wanted_input));
  HONE_ASSIGN(raw_bytes, byte_count(type, wanted_output));
  HONE_TRY(input.reserve(*device, input_bytes));
  HONE_TRY(raw.reserve(*device, raw_bytes));
  HONE_TRY(upload.reserve(static_cast<size_t>(wanted_input[0])));
  selection.reset();
  size_t result_bytes = raw_bytes;
  if (options != nullptr) {
    HONE_ASSIGN(selection, make_selection(*device, type, wanted_output, *options));
    HONE_TRY(workspace.reserve(*device, selection->workspace_bytes));
    const auto images = static_cast<size_t>(wanted_output[0]);
    selection->row_count = images * static_cast<size_t>(options->max_det);
    result_bytes = selection->row_count * 6 * sizeof(float) + images * sizeof(int32_t);
  }
  HONE_TRY(reserve(*device, results, result_bytes));
  key = selection != nullptr ? op_hash(selection->op) : 0;
  for (const void* address :
       {static_cast<const void*>(upload.pictures()), static_cast<const void*>(input.address()),
        static_cast<const void*>(raw.address()), static_cast<const void*>(workspace.address()),
        static_cast<const void*>(results.data())})
    key = hash_combine(key, reinterpret_cast<uintptr_t>(address));
  key |= 1;
  input_shape = std::move(wanted_input), output_shape = std::move(wanted_output);
  return {};
}

Result<> GpuDetection::State::enqueue_selection(cuda::Stream on) {
  const cuda::Driver& d = device->driver();
  if (selection == nullptr)
    return d.check(
        d.copy_to_host_async(results.data(), reinterpret_cast<cuda::Address>(raw.address()), raw_bytes, on),
        "cuMemcpyDtoHAsync");
  const auto arg = [](void* data, const TensorDesc& desc) {
    return TensorArg{.data = data, .desc = &desc, .image_stride = dense_image_stride(desc)};
  };
  const size_t rows = selection->row_count * 6;
  const TensorArg in = arg(raw.address(), selection->raw);
  const TensorArg out[] = {arg(results.data(), selection->rows),
                           arg(results.data() + rows * sizeof(float), selection->counts)};
  selection->runner->run({.inputs = {&in, 1},
                          .outputs = out,
                          .workspace = static_cast<std::byte*>(workspace.address()),
                          .stream = on});
  return {};
}

ExecutionContext::Around GpuDetection::State::around() {
  return {.key = key,
          .before = [this](void* on) -> Result<> {
            letterbox.enqueue(upload.pictures(), input_shape, input.address(), static_cast<cuda::Stream>(on));
            return {};
          },
          .after = [this](void* on) { return enqueue_selection(static_cast<cuda::Stream>(on)); }};
}

Result<> GpuDetection::State::launch(std::span<const ImageView> images,
                                     std::span<const LetterboxGeometry> geometry) {
  if (images.size() != geometry.size() || images.size() > static_cast<size_t>(input_shape[0]))
    return error(StatusCode::invalid_argument,
                 fmt::format("{} pictures with {} places were given for an input of {}", images.size(),
                             geometry.size(), shape_text(input_shape)));
  for (const LetterboxGeometry& g : geometry)
    if (g.height != input_shape[2] || g.width != input_shape[3])
      return error(StatusCode::invalid_argument,
                   fmt::format("a picture was placed in {} x {}, the input is {}", g.height, g.width,
                               shape_text(input_shape)));
  Result<> done = upload.enqueue(images, geometry, static_cast<size_t>(input_shape[0]), stream.get());
  const void* const inputs[] = {input.address()};
  std::vector<void*> outputs(engine.outputs().size());
  outputs[0] = raw.address();
  if (done) done = context.enqueue(inputs, outputs, stream.get(), around());
  // Pictures may be reused once this returns, whatever came of it.
  auto waited = stream.synchronize();
  HONE_TRY(std::move(done));
  return waited;
}

Result<std::vector<std::vector<Detection>>> GpuDetection::run(std::span<const ImageView> images,
                                                              std::span<const LetterboxGeometry> geometry,
                                                              const SelectionOptions& options) {
  State& s = *state_;
  HONE_TRY(s.bind(&options));
  HONE_TRY(s.launch(images, geometry));
  const auto* rows = reinterpret_cast<const float*>(s.results.data());
  const auto width = static_cast<size_t>(options.max_det) * 6;
  const auto* counts =
      reinterpret_cast<const int32_t*>(rows + static_cast<size_t>(s.output_shape[0]) * width);
  std::vector<std::vector<Detection>> found(images.size());
  for (size_t i = 0; i < images.size(); ++i)
    for (int k = 0; k < std::clamp(counts[i], 0, options.max_det); ++k) {
      const float* row = rows + i * width + static_cast<size_t>(k) * 6;
      found[i].push_back({.box_xyxy_px = {row[0], row[1], row[2], row[3]},
                          .score = row[4],
                          .class_id = static_cast<int>(row[5])});
    }
  return found;
}

Result<std::span<const std::byte>> GpuDetection::run_raw(std::span<const ImageView> images,
                                                         std::span<const LetterboxGeometry> geometry) {
  State& s = *state_;
  HONE_TRY(s.bind(nullptr));
  HONE_TRY(s.launch(images, geometry));
  return std::span<const std::byte>(s.results.data(), s.raw_bytes);
}

}  // namespace hone
