#include "kernels/elementwise/pointwise.h"

#include <algorithm>

#include "cuda_text.h"

namespace hone {
namespace {

constexpr size_t kMaxOperands = 6;

// As pointwise.cu declares it.
struct Params {
  int64_t count = 0;
  int32_t rank = 0, vector = 0;
  int64_t extent[kMaxRank] = {};
  int64_t stride[kMaxOperands][kMaxRank] = {};
  void* data[kMaxOperands] = {};
  double alpha = 0, beta = 0;
  int64_t integer = 0;
};

struct Axis {
  int64_t extent = 1;
  std::array<int64_t, kMaxOperands> stride{};
};

// Axes in the order of the output's memory, neighbours that all operands walk alike made one. Expressions
// that name the index want the shape's own order, which an output in plain order keeps.
size_t merge(std::span<const int64_t> shape, std::span<const PointwiseOperand> operands,
             std::array<Axis, kMaxRank>& merged) {
  std::array<Axis, kMaxRank> axes;
  size_t count = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    axes[count].extent = shape[i];
    for (size_t k = 0; k < operands.size(); ++k) axes[count].stride[k] = operands[k].strides[i];
    ++count;
  }
  std::stable_sort(axes.begin(), axes.begin() + static_cast<ptrdiff_t>(count),
                   [](const Axis& a, const Axis& b) { return a.stride[0] > b.stride[0]; });
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto continues = [&](const Axis& outer) {
      for (size_t k = 0; k < operands.size(); ++k)
        if (outer.stride[k] != axes[i].stride[k] * axes[i].extent) return false;
      return true;
    };
    if (kept > 0 && continues(merged[kept - 1])) {
      merged[kept - 1].extent *= axes[i].extent;
      merged[kept - 1].stride = axes[i].stride;
    } else {
      merged[kept++] = axes[i];
    }
  }
  if (kept == 0) kept = 1;  // one element
  return kept;
}

size_t vector_width(std::span<const size_t> sizes) {
  return std::max<size_t>(1, 16 / std::ranges::max(sizes));
}

// Every operand has whole vectors at every step, or one value for the whole innermost axis.
bool fits_vectors(std::span<const Axis> axes, std::span<const PointwiseOperand> operands, size_t width) {
  const auto wide = static_cast<int64_t>(width);
  if (width == 1 || axes.back().extent % wide != 0 || axes.back().stride[0] != 1) return false;
  for (size_t k = 0; k < operands.size(); ++k) {
    if (axes.back().stride[k] == 0) continue;
    if (axes.back().stride[k] != 1) return false;
    const size_t bytes = std::min<size_t>(16, width * operands[k].element_bytes);
    if (reinterpret_cast<uintptr_t>(operands[k].data) % bytes != 0) return false;
    for (const Axis& axis : axes.first(axes.size() - 1))
      if (axis.stride[k] % wide != 0) return false;
  }
  return true;
}

size_t type_size(const std::string& type) {
  if (type == "double" || type.ends_with("64")) return 8;
  if (type == "float" || type == "int" || type == "u32") return 4;
  return type == "bool_t" || type == "u8" || type == "signed char" ? 1 : 2;
}

}  // namespace

cuda::Program pointwise_program(const PointwiseSpec& spec) {
  std::vector<std::string> defines = {"-DOPERANDS=" + std::to_string(spec.types.size()),
                                      "-DCOMPUTE=" + spec.compute, "-DEXPRESSION=" + spec.expression};
  std::vector<size_t> sizes;
  for (size_t k = 0; k < spec.types.size(); ++k) {
    defines.push_back("-DTYPE_" + std::to_string(k) + "=" + spec.types[k]);
    sizes.push_back(type_size(spec.types[k]));
  }
  defines.push_back("-DWIDTH=" + std::to_string(vector_width(sizes)));
  return cuda_program("pointwise", {cuda_text::functions_cuh, cuda_text::pointwise_cu}, std::move(defines));
}

void run_pointwise(const CudaCall& call, size_t program, std::span<const int64_t> shape,
                   std::span<const PointwiseOperand> operands, const PointwiseScalars& scalars) {
  Params p;
  p.count = product(shape);
  if (p.count == 0) return;
  std::array<Axis, kMaxRank> axes;
  const size_t rank = merge(shape, operands, axes);
  std::array<size_t, kMaxOperands> sizes{};
  for (size_t k = 0; k < operands.size(); ++k) sizes[k] = operands[k].element_bytes;
  const size_t width = vector_width(std::span(sizes).first(operands.size()));
  p.vector = fits_vectors(std::span(axes).first(rank), operands, width);
  p.rank = static_cast<int32_t>(rank);
  for (size_t i = 0; i < rank; ++i) {
    p.extent[i] = axes[i].extent;
    for (size_t k = 0; k < operands.size(); ++k) p.stride[k][i] = axes[i].stride[k];
  }
  for (size_t k = 0; k < operands.size(); ++k) p.data[k] = operands[k].data;
  p.alpha = scalars.alpha, p.beta = scalars.beta, p.integer = scalars.integer;
  call.launch(program, cover(call, p.count / (p.vector ? static_cast<int64_t>(width) : 1)), p);
}

cuda::Program copy_program(DType type) {
  const std::string mover = cuda_mover(type);
  return pointwise_program({.types = {mover, mover}, .compute = mover, .expression = "a"});
}

}  // namespace hone
