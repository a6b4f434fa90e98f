// Casts between the types that networks use, in any layout.
#include <bit>

#include "base/float16.h"
#include "kernels/cpu_kernel.h"
#include "kernels/element.h"

namespace hone {
namespace {

constexpr int64_t kGrain = 16 << 10;

using Convert = void (*)(const void* from, void* to, int64_t n);

void f16_from_f32(const void* from, void* to, int64_t n) {
  f32_to_f16({static_cast<const float*>(from), static_cast<size_t>(n)}, static_cast<uint16_t*>(to));
}
void f32_from_f16(const void* from, void* to, int64_t n) {
  f16_to_f32({static_cast<const uint16_t*>(from), static_cast<size_t>(n)}, static_cast<float*>(to));
}
// The conversions of float16.h, written out so that the loops become vectors.
void bf16_from_f32(const void* from, void* to, int64_t n) {
  const auto* source = static_cast<const float*>(from);
  auto* target = static_cast<uint16_t*>(to);
  for (int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<uint32_t>(source[i]);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    target[i] = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
  }
}
void f32_from_bf16(const void* from, void* to, int64_t n) {
  const auto* source = static_cast<const uint16_t*>(from);
  auto* target = static_cast<float*>(to);
  for (int64_t i = 0; i < n; ++i) target[i] = std::bit_cast<float>(static_cast<uint32_t>(source[i]) << 16);
}
void f32_from_u8(const void* from, void* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<float*>(to)[i] = static_cast<float>(static_cast<const uint8_t*>(from)[i]);
}

Convert conversion(DType from, DType to) {
  if (from == DType::f32 && to == DType::f16) return f16_from_f32;
  if (from == DType::f16 && to == DType::f32) return f32_from_f16;
  if (from == DType::f32 && to == DType::bf16) return bf16_from_f32;
  if (from == DType::bf16 && to == DType::f32) return f32_from_bf16;
  if ((from == DType::u8 || from == DType::boolean) && to == DType::f32) return f32_from_u8;
  return nullptr;
}

Verdict check(const Problem& p) {
  if (p.inputs.size() != 1 || p.outputs.size() != 1) return Verdict::no("takes one input");
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.shape != y.shape || x.layout != y.layout)
    return Verdict::no("wants input and output of one shape and layout");
  if (!conversion(x.type, y.type))
    return Verdict::no("has no fast form from " + std::string(dtype_name(x.type)) + " to " +
                       std::string(dtype_name(y.type)));
  return yes_to(p);
}

void compute(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Convert convert = conversion(x.desc->type, y.desc->type);
  const auto from_size = static_cast<int64_t>(element_size(x.desc->type)),
             to_size = static_cast<int64_t>(element_size(y.desc->type));
  int64_t dense = dense_image_stride(*x.desc), images = image_count(*x.desc);
  if (x.image_stride == dense && y.image_stride == dense) dense *= images, images = 1;
  for (int64_t n = 0; n < images; ++n)
    parallel_ranges(*args.threads, dense, kGrain, [&](int64_t begin, int64_t end) {
      convert(static_cast<const std::byte*>(x.data) + (n * x.image_stride + begin) * from_size,
              static_cast<std::byte*>(y.data) + (n * y.image_stride + begin) * to_size, end - begin);
    });
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return shared_layouts(inputs, outputs);
}

}  // namespace

const Kernel& cast_cpu() {
  static const CpuKernel kernel("cast.cpu", Cast::name, check, compute, layouts);
  return kernel;
}

}  // namespace hone
