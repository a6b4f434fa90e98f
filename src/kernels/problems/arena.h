// Operands of a problem in memory as a plan would lay them out: any layout, slices of larger tensors,
// everything around them poisoned. For the parity test and the benchmark.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace hone {

// One tensor. `slice` puts other elements between its images (in nhwc its pixels); its address and that
// distance are then multiples of `slice_alignment` bytes.
class PlacedTensor {
 public:
  PlacedTensor(const TensorDesc& plain, Layout layout, bool slice, size_t slice_alignment = 1);
  // From a plain tensor's bytes; padding channels become zero.
  void write(std::span<const std::byte> plain);
  std::vector<std::byte> read() const;
  TensorArg arg();
  const TensorDesc& desc() const { return desc_; }
  // What is wrong outside the elements: poison overwritten, padding channels that are not zero; empty when
  // all is well.
  std::string damage() const;
  // The tensor with everything around it, and where in there it starts: for a copy of the lot in another
  // memory.
  std::span<std::byte> everything() { return bytes_; }
  size_t offset() const { return start_; }

 private:
  std::byte* base() { return bytes_.data() + start_; }
  template <class F>
  void each_element(F&& f) const;

  TensorDesc desc_;
  int64_t image_stride_ = 0;
  std::vector<std::byte> bytes_;
  size_t start_ = 0;  // 64-byte aligned for a dense tensor
};

// 64-byte aligned bytes, all poison.
class PoisonedBytes {
 public:
  explicit PoisonedBytes(size_t size);
  std::byte* data() { return bytes_.data() + start_; }
  std::span<std::byte> span() { return {data(), size_}; }
  bool overrun() const;

 private:
  std::vector<std::byte> bytes_;
  size_t start_, size_;
};

}  // namespace hone
