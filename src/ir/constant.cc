#include "ir/constant.h"

#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "base/hash.h"

namespace hone {
namespace {

uint64_t desc_key(const TensorDesc& desc) {
  return hash_bytes(std::as_bytes(std::span(desc.shape)), static_cast<uint64_t>(desc.type) + 1);
}

template <class T>
Bytes bytes_of(std::span<const T> values) {
  const auto raw = std::as_bytes(values);
  return Bytes::of(std::vector<std::byte>(raw.begin(), raw.end()));
}

template <class T>
T element(std::span<const std::byte> bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

// Two 4-bit elements a byte, the first in the low half (ONNX).
int64_t nibble(std::span<const std::byte> bytes, size_t index, bool is_signed) {
  const auto byte = std::to_integer<int64_t>(bytes[index / 2]);
  const int64_t value = index % 2 == 0 ? byte & 15 : byte >> 4;
  return is_signed && value > 7 ? value - 16 : value;
}

// E4M3FN has no infinities, 0x7f is NaN; E5M2 is laid out as IEEE's formats are.
float f8_to_f32(uint8_t bits, int mantissa_bits, int bias, bool has_infinity) {
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const int exponent_mask = (1 << (7 - mantissa_bits)) - 1;
  const int exponent = bits >> mantissa_bits & exponent_mask;
  const float sign = bits & 0x80 ? -1.0f : 1.0f;
  if (exponent == exponent_mask && (has_infinity || mantissa == (1 << mantissa_bits) - 1))
    return has_infinity && mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits);
  return sign *
         std::ldexp(static_cast<float>(mantissa | 1 << mantissa_bits), exponent - bias - mantissa_bits);
}

}  // namespace

Bytes Bytes::of(std::vector<std::byte> data) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(data));
  const std::span<const std::byte> view(*owner);
  return {view, std::move(owner)};
}

ConstantPtr Constant::of(TensorDesc desc, Bytes bytes) {
  const uint64_t key = hash_bytes(bytes.view(), desc_key(desc));
  return of(std::move(desc), std::move(bytes), key);
}

ConstantPtr Constant::of(TensorDesc desc, Bytes bytes, uint64_t key) {
  auto constant = std::make_shared<Constant>();
  constant->desc_ = std::move(desc);
  constant->key_ = key;
  constant->bytes_ = std::move(bytes);
  return constant;
}

ConstantPtr Constant::lazy(TensorDesc desc, uint64_t key, Source source) {
  auto constant = std::make_shared<Constant>();
  constant->desc_ = std::move(desc);
  constant->key_ = key;
  constant->source_ = std::move(source);
  return constant;
}

ConstantPtr Constant::ints(std::span<const int64_t> values) {
  return of(TensorDesc(DType::i64, {static_cast<int64_t>(values.size())}), bytes_of(values));
}

ConstantPtr Constant::scalar_int(int64_t value) {
  return of(TensorDesc(DType::i64, {}), bytes_of(std::span<const int64_t>(&value, 1)));
}

ConstantPtr Constant::floats(Shape shape, std::span<const float> values) {
  return of(TensorDesc(DType::f32, std::move(shape)), bytes_of(values));
}

Result<Bytes> Constant::bytes() const {
  HONE_ASSIGN(const size_t wanted, byte_count(desc_.type, desc_.shape));
  HONE_ASSIGN(Bytes found, source_ ? source_() : Result<Bytes>(bytes_));
  if (found.view().size() != wanted)
    return error(StatusCode::internal, "a constant " + desc_text(desc_) + " has " +
                                           std::to_string(found.view().size()) + " bytes instead of " +
                                           std::to_string(wanted));
  return found;
}

size_t Constant::size_bytes() const { return byte_count(desc_.type, desc_.shape).value_or(0); }

Result<std::vector<int64_t>> Constant::to_ints(size_t limit) const {
  HONE_ASSIGN(const int64_t count, element_count(desc_.shape));
  if (static_cast<size_t>(count) > limit)
    return error(StatusCode::resource,
                 "a list of " + std::to_string(count) + " integers is longer than " + std::to_string(limit));
  if (!is_integer(desc_.type) && desc_.type != DType::boolean)
    return error(StatusCode::invalid_argument, "integers are wanted, not " + desc_text(desc_));
  HONE_ASSIGN(const Bytes held, bytes());
  const auto raw = held.view();
  std::vector<int64_t> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    switch (desc_.type) {
      case DType::i8:
        values[i] = element<int8_t>(raw, i);
        break;
      case DType::u8:
        values[i] = element<uint8_t>(raw, i);
        break;
      case DType::boolean:
        values[i] = raw[i] != std::byte{0};
        break;
      case DType::i16:
        values[i] = element<int16_t>(raw, i);
        break;
      case DType::u16:
        values[i] = element<uint16_t>(raw, i);
        break;
      case DType::i32:
        values[i] = element<int32_t>(raw, i);
        break;
      case DType::u32:
        values[i] = element<uint32_t>(raw, i);
        break;
      case DType::i64:
        values[i] = element<int64_t>(raw, i);
        break;
      case DType::i4:
        values[i] = nibble(raw, i, true);
        break;
      case DType::u4:
        values[i] = nibble(raw, i, false);
        break;
      default: {
        const auto wide = element<uint64_t>(raw, i);
        if (wide > static_cast<uint64_t>(INT64_MAX))
          return error(StatusCode::invalid_argument,
                       std::to_string(wide) + " does not fit in a signed integer");
        values[i] = static_cast<int64_t>(wide);
      }
    }
  }
  return values;
}

Result<std::vector<float>> Constant::to_floats() const {
  if (!is_floating(desc_.type))
    return error(StatusCode::invalid_argument, "floating values are wanted, not " + desc_text(desc_));
  HONE_ASSIGN(const int64_t count, element_count(desc_.shape));
  HONE_ASSIGN(const Bytes held, bytes());
  const auto raw = held.view();
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    switch (desc_.type) {
      case DType::f16:
        values[i] = f16_to_f32(element<uint16_t>(raw, i));
        break;
      case DType::bf16:
        values[i] = bf16_to_f32(element<uint16_t>(raw, i));
        break;
      case DType::f64:
        values[i] = static_cast<float>(element<double>(raw, i));
        break;
      case DType::f8e4m3:
        values[i] = f8_to_f32(element<uint8_t>(raw, i), 3, 7, false);
        break;
      case DType::f8e5m2:
        values[i] = f8_to_f32(element<uint8_t>(raw, i), 2, 15, true);
        break;
      default:
        values[i] = element<float>(raw, i);
    }
  }
  return values;
}

}  // namespace hone
