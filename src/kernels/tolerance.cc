#include "kernels/tolerance.h"

#include "ir/op.h"

namespace hone {
namespace {

struct Entry {
  std::string_view op;
  Tolerance f32;
};
// Sums of K products of numbers up to 1 in f32: the absolute part allows for the rounding of the partial sums
// (about sqrt(K) in size) and for Winograd's transforms. What only moves elements is exact.
constexpr Entry kTable[] = {
    {Conv::name, {1e-4, 2e-4}},         {ConvTranspose::name, {1e-4, 1e-4}},
    {MatMul::name, {1e-4, 1e-4}},       {Gemm::name, {1e-4, 1e-4}},
    {Pool::name, {1e-6, 1e-6}},         {GlobalPool::name, {1e-5, 1e-6}},
    {Reduce::name, {1e-5, 1e-6}},       {Unary::name, {2e-6, 2e-6}},
    {Binary::name, {1e-6, 1e-7}},       {Softmax::name, {2e-6, 1e-6}},
    {LayerNorm::name, {1e-5, 1e-5}},    {BatchNorm::name, {1e-5, 1e-5}},
    {InstanceNorm::name, {1e-5, 1e-5}}, {Resize::name, {1e-5, 1e-5}},
    {DecodeBoxes::name, {1e-5, 1e-4}},   // pixels and scores
    {DetectionNms::name, {1e-6, 1e-4}},  // pixels
    {Letterbox::name, {1e-6, 1e-7}},
};

}  // namespace

Tolerance tolerance_of(std::string_view op, DType type) {
  if (!is_floating(type)) return {};
  for (const Entry& entry : kTable) {
    if (op != entry.op) continue;
    // Two roundings of a 16-bit result may differ by one unit in the last place.
    if (type == DType::f16) return {entry.f32.relative + 0x1p-10, entry.f32.absolute + 1e-3};
    if (type == DType::bf16) return {entry.f32.relative + 0x1p-7, entry.f32.absolute + 1e-2};
    return entry.f32;
  }
  return {};
}

}  // namespace hone
