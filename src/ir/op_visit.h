// Reading and setting the attributes of an op through the visit() lists of op.h, and enums as integers: what
// the printer, the hash and the engine file's serializer share.
//
// A visitor is called as v(name, field) with field one of: bool, int64_t, float, double, Ints,
// std::vector<float>, Activation, DType or another enum, std::shared_ptr<Graph>.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "ir/op.h"

namespace hone {

// The visitor may look at the fields of a const op and must not change them.
template <class V>
void visit_attributes(const Op& op, V&& visitor) {
  std::visit([&](const auto& o) { const_cast<std::remove_cvref_t<decltype(o)>&>(o).visit(visitor); }, op);
}
// The visitor sets them.
template <class V>
void visit_attributes(Op& op, V&& visitor) {
  std::visit([&](auto& o) { o.visit(visitor); }, op);
}

template <class E>
concept AttributeEnum = std::is_enum_v<E>;

// How many values an enum attribute has: 0 … n-1 are valid.
template <AttributeEnum E>
constexpr int64_t enum_count() {
  if constexpr (std::is_same_v<E, DType>) {
    return static_cast<int64_t>(DType::string) + 1;
  } else {
    return static_cast<int64_t>(E::count);
  }
}

template <AttributeEnum E>
constexpr int64_t enum_to_int(E value) {
  return static_cast<int64_t>(value);
}

// False (and `out` as it was) when the number names no value: a file is not to be trusted.
template <AttributeEnum E>
[[nodiscard]] bool enum_from_int(int64_t number, E& out) {
  if (number < 0 || number >= enum_count<E>()) return false;
  out = static_cast<E>(number);
  return true;
}

std::string_view enum_name(PoolKind kind);
std::string_view enum_name(ReduceKind kind);
std::string_view enum_name(ResizeMode mode);
std::string_view enum_name(CoordinateMode mode);
std::string_view enum_name(NearestMode mode);
std::string_view enum_name(PadMode mode);
inline std::string_view enum_name(UnaryKind kind) { return unary_name(kind); }
inline std::string_view enum_name(BinaryKind kind) { return binary_name(kind); }
inline std::string_view enum_name(DType type) { return dtype_name(type); }

}  // namespace hone
