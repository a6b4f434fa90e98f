// Weights and other fixed tensors: immutable, shared between graphs and plans, maybe computed on demand.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/tensor_desc.h"

namespace hone {

// Bytes kept alive by whoever holds this: a mapped file, a vector, …
class Bytes {
 public:
  Bytes() = default;
  Bytes(std::span<const std::byte> view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}
  static Bytes of(std::vector<std::byte> data);
  std::span<const std::byte> view() const { return view_; }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(view_.data()), view_.size() / sizeof(T)};
  }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::span<const std::byte> view_;
  std::shared_ptr<const void> owner_;
};

// A dense row-major tensor. Thread safe. `key` identifies the content: two constants with equal keys have
// equal bytes, whether they were read from a file or computed; packed weights are found by it.
class Constant {
 public:
  using Source = std::function<Result<Bytes>()>;

  // Bytes must be aligned for the type and hold exactly the tensor. The key is a hash of the content.
  static std::shared_ptr<const Constant> of(TensorDesc desc, Bytes bytes);
  static std::shared_ptr<const Constant> of(TensorDesc desc, Bytes bytes, uint64_t key);
  // Computed by `source` each time bytes() is called, never kept: a large folded weight lives only while it
  // is packed.
  static std::shared_ptr<const Constant> lazy(TensorDesc desc, uint64_t key, Source source);
  // Small tensors from values.
  static std::shared_ptr<const Constant> ints(std::span<const int64_t> values);               // i64[n]
  static std::shared_ptr<const Constant> scalar_int(int64_t value);                           // i64 scalar
  static std::shared_ptr<const Constant> floats(Shape shape, std::span<const float> values);  // f32

  const TensorDesc& desc() const { return desc_; }
  uint64_t key() const { return key_; }
  bool is_lazy() const { return static_cast<bool>(source_); }
  Result<Bytes> bytes() const;
  size_t size_bytes() const;

  // The elements of an integer (or bool) tensor, widened; an error for other types or more than limit
  // elements.
  Result<std::vector<int64_t>> to_ints(size_t limit = 4096) const;
  // The elements of a floating tensor as float.
  Result<std::vector<float>> to_floats() const;

 private:
  TensorDesc desc_;
  uint64_t key_ = 0;
  Bytes bytes_;
  Source source_;
};
using ConstantPtr = std::shared_ptr<const Constant>;

}  // namespace hone
