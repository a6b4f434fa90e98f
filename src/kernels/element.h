// One element of a tensor of any type, widened: how the references read and write.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/float16.h"
#include "hone/types.h"

namespace hone {

using ReadReal = double (*)(const void* data, int64_t index);
using WriteReal = void (*)(void* data, int64_t index, double value);
using ReadInt = int64_t (*)(const void* data, int64_t index);
using WriteInt = void (*)(void* data, int64_t index, int64_t value);

// Every type but string. Writing a real to an integer type truncates towards zero and saturates (NaN gives
// 0), to a boolean it writes value != 0.
ReadReal real_reader(DType type);
WriteReal real_writer(DType type);
// Integer types and boolean; u64 keeps its bits. Writing wraps around, to a boolean it writes value != 0.
ReadInt int_reader(DType type);
WriteInt int_writer(DType type);

// The 16-bit floats as types of their own, for templates.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};
inline float widen(float x) { return x; }
inline double widen(double x) { return x; }
inline float widen(Half x) { return f16_to_f32(x.bits); }
inline float widen(BFloat x) { return bf16_to_f32(x.bits); }
template <class T>
T narrow(double x) {
  return static_cast<T>(x);
}
template <>
inline Half narrow<Half>(double x) {
  return {f32_to_f16(static_cast<float>(x))};
}
template <>
inline BFloat narrow<BFloat>(double x) {
  return {f32_to_bf16(static_cast<float>(x))};
}

// Calls f(T{}) with the type's C++ form.
template <class F>
void visit_floating(DType type, F&& f) {
  switch (type) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::f16:
      return f(Half{});
    case DType::bf16:
      return f(BFloat{});
    default:
      return;
  }
}

// Copies one element of 1, 2, 4 or 8 bytes between indices.
inline void copy_element(void* to, int64_t to_index, const void* from, int64_t from_index, size_t size) {
  auto* t = static_cast<char*>(to) + to_index * static_cast<int64_t>(size);
  const auto* f = static_cast<const char*>(from) + from_index * static_cast<int64_t>(size);
  switch (size) {
    case 1:
      *t = *f;
      return;
    case 2:
      std::memcpy(t, f, 2);
      return;
    case 4:
      std::memcpy(t, f, 4);
      return;
    default:
      std::memcpy(t, f, 8);
      return;
  }
}
inline size_t element_size(DType type) { return dtype_bits(type) / 8; }

}  // namespace hone
