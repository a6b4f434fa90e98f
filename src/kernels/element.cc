#include "kernels/element.h"

#include <cmath>
#include <limits>

namespace hone {
namespace {

// Four-bit elements lie two in a byte, the first in the low half.
unsigned nibble(const void* data, int64_t i) {
  return static_cast<unsigned>(static_cast<const uint8_t*>(data)[i / 2]) >> (i % 2 * 4) & 15u;
}
void set_nibble(void* data, int64_t i, unsigned value) {
  uint8_t& byte = static_cast<uint8_t*>(data)[i / 2];
  const unsigned shift = static_cast<unsigned>(i % 2 * 4);
  byte = static_cast<uint8_t>((byte & ~(15u << shift)) | (value & 15u) << shift);
}

// Floats of eight bits (OCP 8-bit specification). E4M3 has no infinity and one NaN; E5M2 is f16 cut short.
double from_e4m3(unsigned bits) {
  const double sign = bits & 0x80u ? -1 : 1;
  const unsigned exponent = bits >> 3 & 15u, mantissa = bits & 7u;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(mantissa, -9);
  return sign * std::ldexp(8 + mantissa, static_cast<int>(exponent) - 10);
}
double from_e5m2(unsigned bits) { return f16_to_f32(static_cast<uint16_t>(bits << 8)); }

// Nearest representable, ties to even, saturating (ONNX Cast, saturate = 1).
uint8_t to_f8(double value, int mantissa_bits, int least_exponent, double largest, unsigned nan_bits) {
  if (std::isnan(value)) return static_cast<uint8_t>(nan_bits);
  const unsigned sign = std::signbit(value) ? 0x80u : 0u;
  double magnitude = std::min(std::fabs(value), largest);
  int exponent = magnitude > 0 ? std::max(std::ilogb(magnitude), least_exponent) : least_exponent;
  auto steps = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent)));
  if (steps == 2u << mantissa_bits) ++exponent, steps /= 2;
  const unsigned one = 1u << mantissa_bits;
  const unsigned field = steps < one ? 0u : static_cast<unsigned>(exponent - least_exponent + 1);
  return static_cast<uint8_t>(sign | field << mantissa_bits | (steps & (one - 1)));
}

template <class T>
T saturate(double value) {
  if (std::isnan(value)) return 0;
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = static_cast<double>(std::numeric_limits<T>::max());
  if (value <= low) return std::numeric_limits<T>::min();
  if (value >= high) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

template <class T>
const T& at(const void* data, int64_t i) {
  return static_cast<const T*>(data)[i];
}
template <class T>
T& at(void* data, int64_t i) {
  return static_cast<T*>(data)[i];
}

template <class T>
double read_number(const void* d, int64_t i) {
  return static_cast<double>(at<T>(d, i));
}
template <class T>
void write_floating(void* d, int64_t i, double v) {
  at<T>(d, i) = narrow<T>(v);
}
template <class T>
void write_saturated(void* d, int64_t i, double v) {
  at<T>(d, i) = saturate<T>(v);
}
template <class T>
int64_t read_integer(const void* d, int64_t i) {
  return static_cast<int64_t>(at<T>(d, i));
}
template <class T>
void write_integer(void* d, int64_t i, int64_t v) {
  at<T>(d, i) = static_cast<T>(v);
}

int64_t read_i4(const void* d, int64_t i) { return static_cast<int64_t>((nibble(d, i) ^ 8u)) - 8; }
int64_t read_u4(const void* d, int64_t i) { return static_cast<int64_t>(nibble(d, i)); }
void write_nibble(void* d, int64_t i, int64_t v) { set_nibble(d, i, static_cast<unsigned>(v)); }

}  // namespace

ReadReal real_reader(DType type) {
  switch (type) {
    case DType::f32:
      return read_number<float>;
    case DType::f64:
      return read_number<double>;
    case DType::f16:
      return [](const void* d, int64_t i) -> double { return f16_to_f32(at<uint16_t>(d, i)); };
    case DType::bf16:
      return [](const void* d, int64_t i) -> double { return bf16_to_f32(at<uint16_t>(d, i)); };
    case DType::i8:
      return read_number<int8_t>;
    case DType::u8:
    case DType::boolean:
      return read_number<uint8_t>;
    case DType::i16:
      return read_number<int16_t>;
    case DType::u16:
      return read_number<uint16_t>;
    case DType::i32:
      return read_number<int32_t>;
    case DType::u32:
      return read_number<uint32_t>;
    case DType::i64:
      return read_number<int64_t>;
    case DType::u64:
      return read_number<uint64_t>;
    case DType::f8e4m3:
      return [](const void* d, int64_t i) { return from_e4m3(at<uint8_t>(d, i)); };
    case DType::f8e5m2:
      return [](const void* d, int64_t i) { return from_e5m2(at<uint8_t>(d, i)); };
    case DType::i4:
      return [](const void* d, int64_t i) { return static_cast<double>(read_i4(d, i)); };
    case DType::u4:
      return [](const void* d, int64_t i) { return static_cast<double>(read_u4(d, i)); };
    case DType::string:
      break;
  }
  return nullptr;
}

WriteReal real_writer(DType type) {
  switch (type) {
    case DType::f32:
      return write_floating<float>;
    case DType::f64:
      return write_floating<double>;
    case DType::f16:
      return write_floating<Half>;
    case DType::bf16:
      return write_floating<BFloat>;
    case DType::i8:
      return write_saturated<int8_t>;
    case DType::u8:
      return write_saturated<uint8_t>;
    case DType::i16:
      return write_saturated<int16_t>;
    case DType::u16:
      return write_saturated<uint16_t>;
    case DType::i32:
      return write_saturated<int32_t>;
    case DType::u32:
      return write_saturated<uint32_t>;
    case DType::i64:
      return write_saturated<int64_t>;
    case DType::u64:
      return write_saturated<uint64_t>;
    case DType::boolean:
      return [](void* d, int64_t i, double v) { at<uint8_t>(d, i) = v != 0; };
    case DType::f8e4m3:
      return [](void* d, int64_t i, double v) { at<uint8_t>(d, i) = to_f8(v, 3, -6, 448, 0x7f); };
    case DType::f8e5m2:
      return [](void* d, int64_t i, double v) { at<uint8_t>(d, i) = to_f8(v, 2, -14, 57344, 0x7f); };
    case DType::i4:
      return [](void* d, int64_t i, double v) {
        write_nibble(d, i, saturate<int8_t>(std::fmin(std::fmax(v, -8), 7)));
      };
    case DType::u4:
      return [](void* d, int64_t i, double v) { write_nibble(d, i, saturate<uint8_t>(std::fmin(v, 15))); };
    case DType::string:
      break;
  }
  return nullptr;
}

ReadInt int_reader(DType type) {
  switch (type) {
    case DType::i8:
      return read_integer<int8_t>;
    case DType::u8:
    case DType::boolean:
      return read_integer<uint8_t>;
    case DType::i16:
      return read_integer<int16_t>;
    case DType::u16:
      return read_integer<uint16_t>;
    case DType::i32:
      return read_integer<int32_t>;
    case DType::u32:
      return read_integer<uint32_t>;
    case DType::i64:
      return read_integer<int64_t>;
    case DType::u64:
      return read_integer<uint64_t>;
    case DType::i4:
      return read_i4;
    case DType::u4:
      return read_u4;
    default:
      return nullptr;
  }
}

WriteInt int_writer(DType type) {
  switch (type) {
    case DType::i8:
      return write_integer<int8_t>;
    case DType::u8:
      return write_integer<uint8_t>;
    case DType::i16:
      return write_integer<int16_t>;
    case DType::u16:
      return write_integer<uint16_t>;
    case DType::i32:
      return write_integer<int32_t>;
    case DType::u32:
      return write_integer<uint32_t>;
    case DType::i64:
      return write_integer<int64_t>;
    case DType::u64:
      return write_integer<uint64_t>;
    case DType::boolean:
      return [](void* d, int64_t i, int64_t v) { at<uint8_t>(d, i) = v != 0; };
    case DType::i4:
    case DType::u4:
      return write_nibble;
    default:
      return nullptr;
  }
}

}  // namespace hone
