#include "kernels/conv/blocked_conv.h"

#include <algorithm>
#include <cstring>

#include "base/cpu_features.h"
#include "kernels/elementwise/activation.h"

namespace hone {
namespace {

constexpr int64_t kPlainChannels = 4;  // up to here a plain input beats one padded to a block
constexpr int64_t kMaxExtent = int64_t{1} << 24;

void activate_each(float* values, int64_t count, UnaryKind kind, float alpha, float beta) {
  const Activation function{.kind = kind, .alpha = alpha, .beta = beta};
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(activate(function, static_cast<double>(values[i])));
}

int64_t entry(const Ints& list, size_t i, int64_t otherwise) { return list.empty() ? otherwise : list[i]; }

std::string check_attributes(const Conv& conv) {
  const auto bad = [](const Ints& list, size_t size, int64_t least) {
    return (!list.empty() && list.size() != size) ||
           std::ranges::any_of(list, [&](int64_t v) { return v < least || v > kMaxExtent; });
  };
  if (bad(conv.strides, 2, 1) || bad(conv.dilations, 2, 1))
    return "strides or dilations are not two positive numbers";
  if (bad(conv.pads, 4, 0)) return "pads are not four numbers from 0";
  if (conv.group < 1) return "group is not positive";
  return {};
}

std::string check_tensor(const TensorDesc& desc, const char* what, DType type,
                         std::initializer_list<Layout> layouts) {
  if (!desc.concrete() || desc.shape.size() != 4) return std::string(what) + " is not of rank 4";
  if (desc.type != type)
    return std::string(what) + " is " + std::string(dtype_name(desc.type)) + ", not " +
           std::string(dtype_name(type));
  if (std::ranges::any_of(desc.shape, [](int64_t d) { return d < 1 || d > kMaxExtent; }))
    return std::string(what) + " has the shape " + shape_text(desc.shape) + ", out of range";
  for (const Layout layout : layouts)
    if (desc.layout == layout) return {};
  return std::string(what) + " lies in " + std::string(layout_name(desc.layout));
}

}  // namespace

std::string read_geometry(const Problem& problem, Layout blocked, DType type, ConvGeometry& g) {
  const Conv* conv = std::get_if<Conv>(&problem.op);
  if (!conv) return "is not a Conv";
  const size_t wanted = 2 + (conv->has_bias ? 1 : 0) + (conv->has_residual ? 1 : 0);
  if (problem.inputs.size() != wanted || problem.outputs.size() != 1 || problem.constants.size() != wanted)
    return "has " + std::to_string(problem.inputs.size()) + " inputs, wants " + std::to_string(wanted);
  if (std::string why = check_attributes(*conv); !why.empty()) return why;
  const TensorDesc &in = problem.inputs[0], &weight = problem.inputs[1], &out = problem.outputs[0];
  std::string why = check_tensor(in, "the input", type, {blocked, Layout::plain});
  if (why.empty())
    why = check_tensor(weight, "the weight", weight.type == DType::f32 ? weight.type : type, {Layout::plain});
  if (why.empty()) why = check_tensor(out, "the output", type, {blocked});
  if (why.empty() && conv->has_residual)
    why = check_tensor(problem.inputs[residual_index(*conv)], "the residual", type, {blocked});
  if (!why.empty()) return why;
  if (!problem.constants[1]) return "the weight is not constant";
  if (conv->has_bias && (!problem.constants[2] || problem.inputs[2].shape != Shape{out.shape[1]}))
    return "the bias is not a constant of " + std::to_string(out.shape[1]) + " channels";
  if (conv->has_residual && problem.inputs[residual_index(*conv)].shape != out.shape)
    return "the residual's shape is not the output's";

  g.batch = in.shape[0], g.in_channels = in.shape[1], g.in_height = in.shape[2], g.in_width = in.shape[3];
  g.out_channels = out.shape[1], g.out_height = out.shape[2], g.out_width = out.shape[3];
  g.kernel_h = weight.shape[2], g.kernel_w = weight.shape[3];
  g.stride_h = entry(conv->strides, 0, 1), g.stride_w = entry(conv->strides, 1, 1);
  g.dilation_h = entry(conv->dilations, 0, 1), g.dilation_w = entry(conv->dilations, 1, 1);
  g.pad_top = entry(conv->pads, 0, 0), g.pad_left = entry(conv->pads, 1, 0);
  g.group = conv->group;
  g.block = channel_block(blocked);
  g.plain_input = in.layout == Layout::plain;
  if (g.plain_input && g.in_channels > kPlainChannels)
    return "a plain input of " + std::to_string(g.in_channels) + " channels is left to blocks";
  const int64_t span_h =
      g.in_height + g.pad_top + entry(conv->pads, 2, 0) - (g.kernel_h - 1) * g.dilation_h - 1;
  const int64_t span_w =
      g.in_width + g.pad_left + entry(conv->pads, 3, 0) - (g.kernel_w - 1) * g.dilation_w - 1;
  if (span_h < 0 || span_w < 0 || g.out_height != span_h / g.stride_h + 1 ||
      g.out_width != span_w / g.stride_w + 1 || g.batch != out.shape[0] ||
      weight.shape[0] != g.out_channels || weight.shape[1] * g.group != g.in_channels ||
      g.out_channels % g.group != 0)
    return "the shapes do not fit the filter";
  return {};
}

std::vector<LayoutSignature> blocked_signatures(Layout blocked, std::span<const TensorDesc> inputs) {
  LayoutSignature all{.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {blocked}};
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i != 1 && inputs[i].shape.size() == 4) all.inputs[i] = blocked;
  if (inputs.empty() || inputs[0].shape.size() != 4 || inputs[0].shape[1] > kPlainChannels) return {all};
  LayoutSignature plain = all;
  plain.inputs[0] = Layout::plain;
  return {plain, all};
}

std::vector<int> split_panels(int64_t blocks) {
  const int64_t count = (blocks + kMaxPanelBlocks - 1) / kMaxPanelBlocks;
  std::vector<int> panels;
  for (int64_t i = 0; i < count; ++i)
    panels.push_back(static_cast<int>((i + 1) * blocks / count - i * blocks / count));
  return panels;
}

Result<ConvWeights> read_weights(const Problem& problem, const ConvGeometry& g) {
  ConvWeights weights;
  HONE_ASSIGN(weights.weight, problem.constants[1]->to_floats());
  if (static_cast<int64_t>(weights.weight.size()) !=
      g.out_channels * (g.in_channels / g.group) * g.kernel_h * g.kernel_w)
    return error(StatusCode::invalid_argument,
                 "the weight's constant does not have the elements of its shape");
  if (std::get<Conv>(problem.op).has_bias) {
    HONE_ASSIGN(weights.bias, problem.constants[2]->to_floats());
    if (static_cast<int64_t>(weights.bias.size()) != g.out_channels)
      return error(StatusCode::invalid_argument, "the bias's constant does not have one element a channel");
  }
  weights.bias.resize(static_cast<size_t>(g.out_blocks() * g.block));
  return weights;
}

std::vector<size_t> conv_packed_inputs(const Problem& problem) {
  const Conv* conv = std::get_if<Conv>(&problem.op);
  return conv && conv->has_bias ? std::vector<size_t>{1, 2} : std::vector<size_t>{1};
}

Epilogue make_epilogue(const Conv& conv) {
  return {.activation = conv.activation.kind,
          .alpha = conv.activation.alpha,
          .beta = conv.activation.beta,
          .scalar = activate_each};
}

size_t residual_index(const Conv& conv) { return conv.has_bias ? 3 : 2; }

double estimate_ms(int lanes, size_t threads, double flops, double efficiency, double bytes) {
  constexpr double kClock = 3e9, kBytesPerSecond = 12e9;
  const double cores = static_cast<double>(std::max<size_t>(threads, 1));
  return 1e3 * (flops / (4.0 * lanes * kClock * cores * efficiency) +
                bytes / (kBytesPerSecond * std::min(cores, 4.0)));
}

double tensor_bytes(const ConvGeometry& g) {
  return 4.0 * static_cast<double>(g.batch * (g.in_channels * g.in_area() + g.out_channels * g.out_area()));
}

std::vector<std::byte> to_bytes(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Verdict BlockedConv::may_i(const Problem& problem) const {
  if (std::string lacks = missing(); !lacks.empty()) return Verdict::no(std::move(lacks));
  ConvGeometry g;
  if (std::string why = read(problem, g); !why.empty()) return Verdict::no(std::move(why));
  Verdict yes;
  yes.legal = yes.image_stride = true;
  estimate(problem, g, yes);
  return yes;
}

Result<std::vector<std::byte>> BlockedConv::pack(const Problem& problem) const {
  ConvGeometry g;
  if (std::string why = read(problem, g); !why.empty()) return error(StatusCode::invalid_argument, why);
  HONE_ASSIGN(const ConvWeights weights, read_weights(problem, g));
  const size_t bias_bytes = weights.bias.size() * sizeof(float);
  std::vector<std::byte> packed(bias_bytes + weight_bytes(g));
  std::memcpy(packed.data(), weights.bias.data(), bias_bytes);
  pack_weights(g, weights.weight, packed.data() + bias_bytes);
  return packed;
}

Result<std::unique_ptr<Runner>> BlockedConv::prepare(const Problem& problem,
                                                     std::span<const std::byte> packed) const {
  ConvGeometry g;
  if (std::string why = read(problem, g); !why.empty()) return error(StatusCode::invalid_argument, why);
  const size_t bias_bytes = static_cast<size_t>(g.out_blocks() * g.block) * sizeof(float);
  if (packed.size() != bias_bytes + weight_bytes(g))
    return error(StatusCode::invalid_argument, std::string(name_) + ": packed weights of another size");
  return runner(problem, g, reinterpret_cast<const float*>(packed.data()), packed.data() + bias_bytes);
}

const TileIsa kBaselineIsa = {&kTilesBaseline, [] { return true; }, ""};
#if defined(__x86_64__)
const TileIsa kAvx2Isa = {&kTilesAvx2, [] { return cpu_features().avx2_fma; }, "needs AVX2 and FMA"};
const TileIsa kAvx512Isa = {&kTilesAvx512, [] { return cpu_features().avx512; },
                            "needs AVX-512 (F, BW, DQ, VL)"};
#endif

}  // namespace hone
