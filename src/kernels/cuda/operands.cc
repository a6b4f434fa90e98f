#include "kernels/cuda/operands.h"

#include <algorithm>

#include "cuda_text.h"

namespace hone {

cuda::LaunchShape cover(const CudaCall& call, int64_t work, unsigned threads) {
  const int64_t multiprocessors = std::max(call.device.gpu()->multiprocessors, 1);
  return linear_launch(work, threads, static_cast<unsigned>(multiprocessors * (2048 / threads) * 4));
}

Verdict cuda_yes(const Problem& problem, const CudaTraits& traits) {
  Verdict verdict;
  verdict.legal = true;
  verdict.in_place = traits.in_place;
  verdict.image_stride = traits.image_stride;
  verdict.workspace_bytes = traits.workspace_bytes;
  verdict.estimated_ms = moving_ms(problem, traits.passes * operand_bytes(problem));
  return verdict;
}

std::string reference_check(const Problem& problem) {
  for (const auto operands : {problem.inputs, problem.outputs})
    for (const TensorDesc& desc : operands) {
      if (desc.has_shape && !cuda_element(desc.type))
        return "does not take " + std::string(dtype_name(desc.type));
      if (desc.shape.size() > kMaxRank) return "has an operand of more than 16 axes";
    }
  std::vector<TensorDesc> inputs(problem.inputs.begin(), problem.inputs.end()),
      outputs(problem.outputs.begin(), problem.outputs.end());
  for (TensorDesc& desc : inputs) desc.layout = Layout::plain;
  for (TensorDesc& desc : outputs) desc.layout = Layout::plain;
  Problem plain = problem;
  plain.inputs = inputs;
  plain.outputs = outputs;
  for (const Kernel* kernel : kernels_for(op_name(problem.op), DeviceKind::cpu))
    if (kernel->is_reference()) {
      const Verdict verdict = kernel->may_i(plain);
      return verdict.legal ? std::string() : verdict.reason;
    }
  return "is no operator with a reference";
}

std::string check_host_constants(const Problem& problem, size_t first) {
  constexpr size_t kMaxHostBytes = 64 << 10;
  for (size_t i = first; i < problem.inputs.size(); ++i)
    if (problem.inputs[i].has_shape && (i >= problem.constants.size() || !problem.constants[i] ||
                                        problem.constants[i]->size_bytes() > kMaxHostBytes))
      return "wants input " + std::to_string(i) + " to be a small constant";
  return {};
}

std::vector<LayoutSignature> cuda_shared_layouts(std::span<const TensorDesc> inputs,
                                                 std::span<const TensorDesc> outputs, int free_axis) {
  constexpr Layout kLayouts[] = {Layout::nhwc, Layout::plain};
  return shared_layouts(kLayouts, inputs, outputs, free_axis);
}

std::vector<LayoutSignature> picture_layouts(const Op&, std::span<const TensorDesc> inputs,
                                             std::span<const TensorDesc>) {
  std::vector<LayoutSignature> all;
  for (const Layout layout : {Layout::nhwc, Layout::plain}) {
    if (layout == Layout::nhwc && inputs[0].shape.size() != 4) continue;
    LayoutSignature s{.inputs = std::vector<Layout>(inputs.size(), Layout::plain), .outputs = {layout}};
    s.inputs[0] = layout;
    all.push_back(std::move(s));
  }
  return all;
}

bool moves_in_vectors(const void* data, std::span<const int64_t> strides, int64_t step) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && strides.back() == 1 &&
         std::ranges::all_of(strides.first(strides.size() - 1), [&](int64_t s) { return s % step == 0; });
}

// In nhwc image_stride is the distance between pixels, in plain between images.
Dims cuda_strides(const TensorArg& arg) {
  const Shape& shape = arg.desc->shape;
  const int64_t stride = arg.image_stride;
  if (arg.desc->layout == Layout::nhwc) return {shape[2] * shape[3] * stride, 1, shape[3] * stride, stride};
  Dims strides = dense_strides(shape);
  if (!shape.empty()) strides[0] = stride;
  return strides;
}

Dims cuda_broadcast(const TensorArg& arg, std::span<const int64_t> wider) {
  const Dims own = cuda_strides(arg);
  const Shape& shape = arg.desc->shape;
  Dims strides{};
  const size_t missing = wider.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) strides[missing + i] = shape[i] == 1 ? 0 : own[i];
  return strides;
}

const char* cuda_element(DType type) {
  if (type == DType::boolean) return "bool_t";
  const std::string_view name = cuda_type(type);
  return name.empty() ? nullptr : name.data();  // a literal
}

const char* cuda_mover(DType type) {
  switch (dtype_bits(type)) {
    case 8:
      return "u8";
    case 16:
      return "u16";
    case 32:
      return "u32";
    case 64:
      return "u64";
    default:
      return nullptr;
  }
}

const char* cuda_compute(DType type) {
  if (type == DType::f64) return "double";
  if (is_floating(type)) return "float";
  return type == DType::u64 ? "u64" : "i64";
}

const char* cuda_real(DType type) {
  const bool exact_in_float = is_floating(type) ? type != DType::f64 : dtype_bits(type) <= 16;
  return exact_in_float ? "float" : "double";
}

cuda::Program cuda_program(std::string entry, std::initializer_list<std::string_view> texts,
                           std::vector<std::string> options) {
  cuda::Program program{.name = entry,
                        .source = cuda_source({cuda_text::types_cuh, cuda_text::element_cuh}),
                        .options = std::move(options),
                        .entry = std::move(entry)};
  for (const std::string_view text : texts) program.source.append("\n#line 1\n").append(text);
  return program;
}

}  // namespace hone
