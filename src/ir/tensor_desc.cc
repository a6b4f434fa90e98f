#include "ir/tensor_desc.h"

namespace hone {

std::string_view layout_name(Layout layout) {
  switch (layout) {
    case Layout::plain:
      return "plain";
    case Layout::nhwc:
      return "nhwc";
    case Layout::nchw8c:
      return "nchw8c";
    case Layout::nchw16c:
      return "nchw16c";
  }
  return "?";
}

int64_t channel_block(Layout layout) {
  return layout == Layout::nchw8c ? 8 : layout == Layout::nchw16c ? 16 : 1;
}

Result<size_t> layout_bytes(DType type, std::span<const int64_t> shape, Layout layout) {
  if (layout == Layout::plain) return byte_count(type, shape);
  if (shape.size() != 4)
    return error(StatusCode::invalid_argument, "layout " + std::string(layout_name(layout)) +
                                                   " is for values of rank 4, not for shape " +
                                                   shape_text(shape));
  const int64_t block = channel_block(layout);
  Shape padded(shape.begin(), shape.end());
  if (padded[1] > kMaxElements)
    return error(StatusCode::resource, "a tensor of shape " + shape_text(shape) + " is too large");
  if (padded[1] > 0) padded[1] = (padded[1] + block - 1) / block * block;
  return byte_count(type, padded);
}

std::string desc_text(const TensorDesc& desc) {
  std::string text(dtype_name(desc.type));
  text +=
      desc.has_shape ? (desc.shape.empty() ? std::string("[]") : "[" + shape_text(desc.shape) + "]") : "[…]";
  if (desc.layout != Layout::plain) text += ":" + std::string(layout_name(desc.layout));
  if (desc.quantization) text += ":quantized";
  return text;
}

}  // namespace hone
