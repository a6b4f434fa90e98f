#include "kernels/problems/arena.h"

#include <algorithm>

namespace hone {
namespace {

constexpr std::byte kPoison{0xff};  // a NaN in every floating type
constexpr size_t kGuardBytes = 256;

// Where element (n, c, h, w) lies.
int64_t place(const TensorDesc& desc, int64_t stride, int64_t n, int64_t c, int64_t h, int64_t w) {
  const int64_t height = desc.shape[2], width = desc.shape[3];
  const int64_t block = channel_block(desc.layout);
  if (desc.layout == Layout::nhwc) return ((n * height + h) * width + w) * stride + c;
  return n * stride + ((c / block * height + h) * width + w) * block + c % block;
}

}  // namespace

PlacedTensor::PlacedTensor(const TensorDesc& plain, Layout layout, bool slice, size_t slice_alignment)
    : desc_(plain) {
  desc_.layout = layout;
  const int64_t dense = dense_image_stride(desc_), images = image_count(desc_);
  // A slice starts at a whole channel (or block of channels) of the tensor around it.
  int64_t unit = desc_.shape.size() > 1 && desc_.shape[1] > 0 ? dense / desc_.shape[1] : 1;
  if (desc_.shape.size() == 4 && channel_block(layout) > 1)
    unit = desc_.shape[2] * desc_.shape[3] * channel_block(layout);
  const size_t size = dtype_bits(desc_.type) / 8;
  const auto step = static_cast<int64_t>(std::max<size_t>(slice_alignment / size, 1));
  if (slice) unit = (unit + step - 1) / step * step;
  image_stride_ = slice ? (dense + step - 1) / step * step + 3 * unit : dense;
  bytes_.assign(2 * kGuardBytes + static_cast<size_t>(images * image_stride_ + 2 * unit) * size + 64,
                kPoison);
  const auto address = reinterpret_cast<uintptr_t>(bytes_.data() + kGuardBytes);
  start_ = kGuardBytes + (64 - address % 64) % 64 + (slice ? static_cast<size_t>(unit) * size : 0);
}

template <class F>
void PlacedTensor::each_element(F&& f) const {
  int64_t plain = 0;
  if (desc_.layout == Layout::plain) {
    const int64_t dense = dense_image_stride(desc_), images = image_count(desc_);
    for (int64_t n = 0; n < images; ++n)
      for (int64_t i = 0; i < dense; ++i) f(plain++, n * image_stride_ + i);
    return;
  }
  for (int64_t n = 0; n < desc_.shape[0]; ++n)
    for (int64_t c = 0; c < desc_.shape[1]; ++c)
      for (int64_t h = 0; h < desc_.shape[2]; ++h)
        for (int64_t w = 0; w < desc_.shape[3]; ++w) f(plain++, place(desc_, image_stride_, n, c, h, w));
}

void PlacedTensor::write(std::span<const std::byte> plain) {
  const size_t size = dtype_bits(desc_.type) / 8;
  const int64_t images = image_count(desc_);
  for (int64_t n = 0; n < images; ++n)
    std::memset(base() + static_cast<size_t>(n * image_stride_) * size, 0,
                static_cast<size_t>(dense_image_stride(desc_)) * size);
  each_element([&](int64_t from, int64_t to) {
    std::memcpy(base() + static_cast<size_t>(to) * size, plain.data() + static_cast<size_t>(from) * size,
                size);
  });
}

std::vector<std::byte> PlacedTensor::read() const {
  const size_t size = dtype_bits(desc_.type) / 8;
  std::vector<std::byte> plain(byte_count(desc_.type, desc_.shape).value());
  each_element([&](int64_t to, int64_t from) {
    std::memcpy(plain.data() + static_cast<size_t>(to) * size,
                bytes_.data() + start_ + static_cast<size_t>(from) * size, size);
  });
  return plain;
}

TensorArg PlacedTensor::arg() { return {.data = base(), .desc = &desc_, .image_stride = image_stride_}; }

std::string PlacedTensor::damage() const {
  const size_t size = dtype_bits(desc_.type) / 8;
  const int64_t images = image_count(desc_), dense = dense_image_stride(desc_);
  std::vector<std::byte> rest = bytes_;
  std::byte* image = rest.data() + start_;
  each_element([&](int64_t, int64_t at) { std::memset(image + static_cast<size_t>(at) * size, 0, size); });
  for (int64_t n = 0; n < images; ++n) {
    std::byte* first = image + static_cast<size_t>(n * image_stride_) * size;
    const size_t length = static_cast<size_t>(dense) * size;
    if (std::any_of(first, first + length, [](std::byte b) { return b != std::byte{0}; }))
      return "padding channels are not zero";
    std::memset(first, static_cast<int>(kPoison), length);
  }
  const bool whole = std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == kPoison; });
  return whole ? "" : "wrote outside its tensor";
}

PoisonedBytes::PoisonedBytes(size_t size) : bytes_(size + 64 + kGuardBytes, kPoison), size_(size) {
  start_ = (64 - reinterpret_cast<uintptr_t>(bytes_.data()) % 64) % 64;
}

bool PoisonedBytes::overrun() const {
  return std::any_of(bytes_.begin() + static_cast<int64_t>(start_ + size_), bytes_.end(),
                     [](std::byte b) { return b != kPoison; });
}

}  // namespace hone
