// conv.cpu.onednn_*: convolution by oneDNN where it is installed, in f32, and in bf16 where the CPU has it.
//
// Each of our threads runs primitives of its own, single-threaded: one primitive an image and part of the
// output channels. In blocked layouts both are contiguous, so that slices of a concat need nothing special.
#include <algorithm>
#include <cstring>

#include "base/cpu_features.h"
#include "base/hash.h"
#include "kernels/conv/blocked_conv.h"
#include "kernels/conv/onednn_library.h"

namespace hone {
namespace {

// An object of oneDNN's that is destroyed by one of its functions.
class Owned {
 public:
  Owned() = default;
  explicit Owned(int (*destroy)(OneDnn::Handle)) : destroy_(destroy) {}
  Owned(Owned&& other) noexcept : destroy_(other.destroy_), handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(destroy_, other.destroy_);
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_) destroy_(handle_);
  }
  OneDnn::Handle* put() { return &handle_; }
  OneDnn::Handle get() const { return handle_; }

 private:
  int (*destroy_)(OneDnn::Handle) = nullptr;
  OneDnn::Handle handle_ = nullptr;
};

Layout our_layout() { return cpu_features().avx512 ? Layout::nchw16c : Layout::nchw8c; }

struct Eltwise {
  int algorithm = 0;
  float alpha = 0, beta = 0;
};
bool find_eltwise(const Activation& a, Eltwise& e) {
  switch (a.kind) {
    case UnaryKind::relu:
      e = {OneDnn::kRelu, 0, 0};
      return true;
    case UnaryKind::leaky_relu:
      e = {OneDnn::kRelu, a.alpha, 0};
      return true;
    case UnaryKind::silu:
      e = {OneDnn::kSwish, 1, 0};
      return true;
    case UnaryKind::sigmoid:
      e = {OneDnn::kLogistic, 0, 0};
      return true;
    case UnaryKind::tanh:
      e = {OneDnn::kTanh, 0, 0};
      return true;
    case UnaryKind::elu:
      e = {OneDnn::kElu, a.alpha, 0};
      return true;
    case UnaryKind::gelu:
      e = {OneDnn::kGeluErf, 0, 0};
      return true;
    case UnaryKind::gelu_tanh:
      e = {OneDnn::kGeluTanh, 0, 0};
      return true;
    case UnaryKind::hard_swish:
      e = {OneDnn::kHardSwish, 0, 0};
      return true;
    case UnaryKind::mish:
      e = {OneDnn::kMish, 0, 0};
      return true;
    case UnaryKind::clip:
      e = {OneDnn::kClip, a.alpha, a.beta};
      return true;
    default:
      return false;
  }
}

// One image times `channels` output channels.
struct Part {
  int64_t first_channel = 0, channels = 0;
  Owned desc;                                  // primitive descriptor
  size_t weight_bytes = 0, scratch_bytes = 0;  // rounded up to 64
};

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Everything that is decided before oneDNN compiles: used by may_i, pack and prepare alike.
struct OneDnnPlan {
  const OneDnn* library = nullptr;
  ConvGeometry g;
  DType type = DType::f32;
  std::vector<Part> parts;
  size_t scratch_bytes = 0;  // of one worker

  int dnn_type() const { return type == DType::bf16 ? OneDnn::kBf16 : OneDnn::kF32; }
  int dnn_tag() const { return g.block == 16 ? OneDnn::kBlocked16 : OneDnn::kBlocked8; }
};

std::string make_part(const OneDnnPlan& plan, const Conv& conv, Part& part) {
  const OneDnn& d = *plan.library;
  const ConvGeometry& g = plan.g;
  const int type = plan.dnn_type();
  const int64_t in[4] = {1, g.in_channels, g.in_height, g.in_width};
  const int64_t weight[4] = {part.channels, g.in_channels, g.kernel_h, g.kernel_w};
  const int64_t out[4] = {1, part.channels, g.out_height, g.out_width};
  const int64_t strides[2] = {g.stride_h, g.stride_w}, dilates[2] = {g.dilation_h - 1, g.dilation_w - 1};
  const int64_t begin[2] = {g.pad_top, g.pad_left};
  // What oneDNN calls the end padding must agree with the output's extent to the last pixel.
  const int64_t end[2] = {
      (g.out_height - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1 - g.in_height - g.pad_top,
      (g.out_width - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1 - g.in_width - g.pad_left};
  OneDnn::MemoryDesc source, weights, bias, target;
  OneDnn::ConvolutionDesc convolution;
  int bad = d.memory_desc_init_by_tag(&source, 4, in, type, g.plain_input ? OneDnn::kPlain4 : plan.dnn_tag());
  bad |= d.memory_desc_init_by_tag(&weights, 4, weight, type, OneDnn::kAny);
  bad |= d.memory_desc_init_by_tag(&bias, 1, &part.channels, OneDnn::kF32, OneDnn::kX);
  bad |= d.memory_desc_init_by_tag(&target, 4, out, type, plan.dnn_tag());
  bad |= d.convolution_desc_init(&convolution, OneDnn::kInference, OneDnn::kConvolution, &source, &weights,
                                 &bias, &target, strides, dilates, begin, end);
  if (bad) return "oneDNN takes no such convolution";

  Owned attr(d.attr_destroy), post(d.post_ops_destroy);
  bad = d.attr_create(attr.put()) | d.post_ops_create(post.put());
  Eltwise eltwise;
  if (!conv.activation.is_identity()) {
    if (!find_eltwise(conv.activation, eltwise)) return "oneDNN has no such activation";
    bad |= d.post_ops_append_eltwise(post.get(), 1, eltwise.algorithm, eltwise.alpha, eltwise.beta);
  }
  if (conv.has_residual) bad |= d.post_ops_append_binary(post.get(), OneDnn::kBinaryAdd, &target);
  bad |= d.attr_set_scratchpad_mode(attr.get(), 1) | d.attr_set_post_ops(attr.get(), post.get());
  part.desc = Owned(d.primitive_desc_destroy);
  if (bad || d.primitive_desc_create(part.desc.put(), &convolution, attr.get(), d.engine, nullptr) != 0)
    return "oneDNN " + d.name + " has no implementation for it";
  const char* implementation = "";
  d.primitive_desc_query(part.desc.get(), OneDnn::kImplementation, 0, &implementation);
  if (std::string_view(implementation).starts_with("ref"))
    return "oneDNN " + d.name + " has only its reference for it";
  part.weight_bytes =
      aligned(d.memory_desc_get_size(d.primitive_desc_query_md(part.desc.get(), OneDnn::kWeightsDesc, 0)));
  part.scratch_bytes =
      aligned(d.memory_desc_get_size(d.primitive_desc_query_md(part.desc.get(), OneDnn::kScratchpadDesc, 0)));
  return {};
}

std::string make_plan(const Problem& problem, DType type, OneDnnPlan& plan) {
  std::string why;
  plan.type = type;
  if (why = read_geometry(problem, our_layout(), type, plan.g); !why.empty()) return why;
  const ConvGeometry& g = plan.g;
  if (g.group != 1) return "takes no groups";
  if (g.out_channels % g.block != 0 || (!g.plain_input && g.in_channels % g.block != 0))
    return "channels are no multiple of " + std::to_string(g.block);
  plan.library = onednn(&why);
  if (!plan.library) return why;
  // oneDNN's kernels take four blocks at a time.
  const int64_t blocks = g.out_blocks(), step = blocks % 4 == 0 ? 4 : blocks % 2 == 0 ? 2 : 1;
  const int64_t images = std::min<int64_t>(g.batch, 64);
  const auto threads = static_cast<int64_t>(std::max<size_t>(problem.thread_count, 1));
  const int64_t count = std::clamp<int64_t>((threads + images - 1) / images, 1, blocks / step);
  const OneThread single(*plan.library);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * (blocks / step) / count * step, last = (i + 1) * (blocks / step) / count * step;
    Part part;
    part.first_channel = first * g.block, part.channels = (last - first) * g.block;
    if (why = make_part(plan, std::get<Conv>(problem.op), part); !why.empty()) return why;
    plan.scratch_bytes = std::max(plan.scratch_bytes, part.scratch_bytes);
    plan.parts.push_back(std::move(part));
  }
  return {};
}

// Runs one primitive on bytes: the reorder of weights into the form that a part wants.
std::string reorder_weights(const OneDnnPlan& plan, const Part& part, const float* weight,
                            std::byte* target) {
  const OneDnn& d = *plan.library;
  const ConvGeometry& g = plan.g;
  const int64_t dims[4] = {part.channels, g.in_channels, g.kernel_h, g.kernel_w};
  OneDnn::MemoryDesc plain;
  const void* wanted = d.primitive_desc_query_md(part.desc.get(), OneDnn::kWeightsDesc, 0);
  Owned desc(d.primitive_desc_destroy), reorder(d.primitive_destroy), from(d.memory_destroy),
      to(d.memory_destroy), stream(d.stream_destroy);
  float* source = const_cast<float*>(weight + part.first_channel * g.in_channels * g.kernel_h * g.kernel_w);
  if (d.memory_desc_init_by_tag(&plain, 4, dims, OneDnn::kF32, OneDnn::kPlain4) != 0 ||
      d.reorder_desc_create(desc.put(), &plain, d.engine, wanted, d.engine, nullptr) != 0 ||
      d.primitive_create(reorder.put(), desc.get()) != 0 ||
      d.memory_create(from.put(), &plain, d.engine, source) != 0 ||
      d.memory_create(to.put(), wanted, d.engine, target) != 0 ||
      d.stream_create(stream.put(), d.engine, 1) != 0)
    return "oneDNN cannot pack the weights";
  const OneDnn::Argument arguments[2] = {{1, from.get()}, {17, to.get()}};
  if (d.primitive_execute(reorder.get(), stream.get(), 2, arguments) != 0)
    return "oneDNN failed to pack the weights";
  return {};
}

class OneDnnRunner final : public Runner {
 public:
  static Result<std::unique_ptr<Runner>> create(OneDnnPlan plan, const Conv& conv, size_t threads,
                                                std::byte* packed) {
    auto runner = std::unique_ptr<OneDnnRunner>(new OneDnnRunner(std::move(plan), conv, threads));
    if (!runner->make_primitives(packed))
      return error(StatusCode::internal, "oneDNN failed to make a primitive");
    return runner;
  }

  void run(const RunArgs& args) noexcept override {
    const int64_t tasks = plan_.g.batch * static_cast<int64_t>(plan_.parts.size());
    args.threads->run(static_cast<size_t>(workers_), [&](size_t worker) {
      const OneThread single(*plan_.library);
      for (int64_t task = static_cast<int64_t>(worker); task < tasks; task += workers_)
        run_task(args, task, static_cast<int64_t>(worker));
    });
  }

 private:
  enum Slot { kSourceSlot, kTargetSlot, kResidualSlot, kScratchSlot, kWeightSlot, kBiasSlot, kSlots };
  struct Bound {
    Owned primitive, stream, memory[kSlots];
  };

  OneDnnRunner(OneDnnPlan plan, const Conv& conv, size_t threads)
      : plan_(std::move(plan)),
        post_op_(conv.activation.is_identity() ? 0 : 1),
        residual_(conv.has_residual ? residual_index(conv) : 0),
        workers_(std::min<int64_t>(static_cast<int64_t>(std::max<size_t>(threads, 1)),
                                   plan_.g.batch * static_cast<int64_t>(plan_.parts.size()))) {}

  // Memory objects belong to one worker at a time, since each run puts other addresses into them.
  bool make_primitives(std::byte* packed) {
    const OneDnn& d = *plan_.library;
    const OneThread single(d);
    const ConvGeometry& g = plan_.g;
    for (int64_t worker = 0; worker < workers_; ++worker) {
      std::byte* at = packed + aligned(static_cast<size_t>(g.out_channels) * 4);
      for (const Part& part : plan_.parts) {
        Bound b;
        b.primitive = Owned(d.primitive_destroy);
        b.stream = Owned(d.stream_destroy);
        for (Owned& memory : b.memory) memory = Owned(d.memory_destroy);
        const auto md = [&](int what) { return d.primitive_desc_query_md(part.desc.get(), what, 0); };
        std::byte* bias = packed + part.first_channel * 4;
        OneDnn::MemoryDesc bias_desc;
        int bad = d.primitive_create(b.primitive.put(), part.desc.get()) |
                  d.stream_create(b.stream.put(), d.engine, 1);
        bad |= d.memory_desc_init_by_tag(&bias_desc, 1, &part.channels, OneDnn::kF32, OneDnn::kX);
        bad |= d.memory_create(b.memory[kSourceSlot].put(), md(129), d.engine, nullptr);
        bad |= d.memory_create(b.memory[kTargetSlot].put(), md(133), d.engine, nullptr);
        bad |= d.memory_create(b.memory[kResidualSlot].put(), md(133), d.engine, nullptr);
        bad |= d.memory_create(b.memory[kScratchSlot].put(), md(OneDnn::kScratchpadDesc), d.engine, nullptr);
        bad |= d.memory_create(b.memory[kWeightSlot].put(), md(OneDnn::kWeightsDesc), d.engine, at);
        bad |= d.memory_create(b.memory[kBiasSlot].put(), &bias_desc, d.engine, bias);
        if (bad) return false;
        at += part.weight_bytes;
        bound_.push_back(std::move(b));
      }
    }
    return true;
  }

  void run_task(const RunArgs& args, int64_t task, int64_t worker) const {
    const OneDnn& d = *plan_.library;
    const auto parts = static_cast<int64_t>(plan_.parts.size());
    const int64_t n = task / parts, part = task % parts;
    const int64_t size = plan_.type == DType::bf16 ? 2 : 4;
    const int64_t offset = plan_.parts[static_cast<size_t>(part)].first_channel * plan_.g.out_area();
    const Bound& b = bound_[static_cast<size_t>(worker * parts + part)];
    const auto place = [&](const TensorArg& arg, int64_t from) {
      return static_cast<std::byte*>(arg.data) + (n * arg.image_stride + from) * size;
    };
    d.memory_set_data_handle(b.memory[kSourceSlot].get(), place(args.inputs[0], 0));
    d.memory_set_data_handle(b.memory[kTargetSlot].get(), place(args.outputs[0], offset));
    d.memory_set_data_handle(b.memory[kScratchSlot].get(),
                             args.workspace + static_cast<size_t>(worker) * plan_.scratch_bytes);
    OneDnn::Argument arguments[6] = {{OneDnn::kSource, b.memory[kSourceSlot].get()},
                                     {OneDnn::kDestination, b.memory[kTargetSlot].get()},
                                     {OneDnn::kWeights, b.memory[kWeightSlot].get()},
                                     {OneDnn::kBias, b.memory[kBiasSlot].get()},
                                     {OneDnn::kScratchpad, b.memory[kScratchSlot].get()}};
    int count = 5;
    if (residual_) {
      d.memory_set_data_handle(b.memory[kResidualSlot].get(), place(args.inputs[residual_], offset));
      arguments[count++] = {OneDnn::post_operand(post_op_), b.memory[kResidualSlot].get()};
    }
    d.primitive_execute(b.primitive.get(), b.stream.get(), count, arguments);
  }

  OneDnnPlan plan_;
  int post_op_;      // the residual's place among the post-ops
  size_t residual_;  // input index, 0: none
  int64_t workers_;
  std::vector<Bound> bound_;  // [worker][part]
};

class OneDnnConv final : public Kernel {
 public:
  OneDnnConv(DType type, const char* name) : type_(type), name_(name) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return Conv::name; }
  std::vector<LayoutSignature> signatures(const Op&, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc>) const override {
    return blocked_signatures(our_layout(), inputs);
  }

  Verdict may_i(const Problem& problem) const override {
    const CpuFeatures& cpu = cpu_features();
    if (type_ == DType::bf16 && !cpu.avx512_bf16) return Verdict::no("needs AVX-512 BF16");
    OneDnnPlan plan;
    if (std::string why = make_plan(problem, type_, plan); !why.empty()) return Verdict::no(why);
    Verdict yes;
    yes.legal = yes.image_stride = true;
    yes.workspace_bytes = plan.scratch_bytes * std::max<size_t>(problem.thread_count, 1);
    const double faster = type_ != DType::bf16 ? 1 : cpu.amx_bf16 ? 8 : 2;
    yes.estimated_ms = estimate_ms(
        cpu.avx512     ? 16
        : cpu.avx2_fma ? 8
                       : 4,
        plan.parts.size() * static_cast<size_t>(plan.g.batch) < problem.thread_count ? plan.parts.size()
                                                                                     : problem.thread_count,
        plan.g.flops() / faster, 0.65, tensor_bytes(plan.g));
    return yes;
  }

  // oneDNN chooses the form of the weights, by shape too: its descriptor's bytes name it.
  std::string packing(const Problem& problem) const override {
    OneDnnPlan plan;
    if (!make_plan(problem, type_, plan).empty()) return "onednn";
    uint64_t hash = plan.parts.size();
    for (const Part& part : plan.parts) {
      const auto* md = static_cast<const std::byte*>(
          plan.library->primitive_desc_query_md(part.desc.get(), OneDnn::kWeightsDesc, 0));
      hash = hash_combine(hash, hash_bytes({md, kKnownDescBytes}));
      hash = hash_combine(hash, part.weight_bytes);
    }
    return "onednn" + plan.library->name + "." + std::to_string(hash);
  }
  std::vector<size_t> packed_inputs(const Problem& problem) const override {
    return conv_packed_inputs(problem);
  }

  // bias in f32, then the weights of each part, each on a cache line.
  Result<std::vector<std::byte>> pack(const Problem& problem) const override {
    OneDnnPlan plan;
    if (std::string why = make_plan(problem, type_, plan); !why.empty())
      return error(StatusCode::unsupported, why);
    HONE_ASSIGN(const ConvWeights weights, read_weights(problem, plan.g));
    size_t at = aligned(static_cast<size_t>(plan.g.out_channels) * 4);
    std::vector<std::byte> packed(packed_bytes(plan));
    std::memcpy(packed.data(), weights.bias.data(), static_cast<size_t>(plan.g.out_channels) * 4);
    const OneThread single(*plan.library);
    for (const Part& part : plan.parts) {
      if (std::string why = reorder_weights(plan, part, weights.weight.data(), packed.data() + at);
          !why.empty())
        return error(StatusCode::internal, why);
      at += part.weight_bytes;
    }
    return packed;
  }

  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const override {
    OneDnnPlan plan;
    if (std::string why = make_plan(problem, type_, plan); !why.empty())
      return error(StatusCode::unsupported, why);
    if (packed.size() != packed_bytes(plan))
      return error(StatusCode::invalid_argument, std::string(name_) + ": packed weights of another size");
    // oneDNN's memory objects take no pointers to const; weights are only read.
    return OneDnnRunner::create(std::move(plan), std::get<Conv>(problem.op), problem.thread_count,
                                const_cast<std::byte*>(packed.data()));
  }

 private:
  static constexpr size_t kKnownDescBytes = 696;

  static size_t packed_bytes(const OneDnnPlan& plan) {
    size_t bytes = aligned(static_cast<size_t>(plan.g.out_channels) * 4);
    for (const Part& part : plan.parts) bytes += part.weight_bytes;
    return bytes;
  }

  DType type_;
  const char* name_;
};

}  // namespace

const Kernel& conv_onednn_f32() {
  static const OneDnnConv kernel(DType::f32, "conv.cpu.onednn_f32");
  return kernel;
}
const Kernel& conv_onednn_bf16() {
  static const OneDnnConv kernel(DType::bf16, "conv.cpu.onednn_bf16");
  return kernel;
}

}  // namespace hone
