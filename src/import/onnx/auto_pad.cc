#include "import/onnx/auto_pad.h"

#include <algorithm>

namespace hone {
namespace {

// Far above any real network and far below what could overflow.
constexpr int64_t kMaxExtent = 1 << 20;

bool check_list(OnnxNode& n, const char* attribute, Ints& values, size_t count, int64_t least,
                int64_t otherwise) {
  if (values.empty()) values.assign(count, otherwise);
  if (values.size() != count) {
    n.fail(std::string("its ") + attribute + " has " + std::to_string(values.size()) +
           " entries instead of " + std::to_string(count));
    return false;
  }
  for (int64_t v : values)
    if (v < least || v > kMaxExtent) {
      n.fail(std::string("its ") + attribute + " holds " + std::to_string(v));
      return false;
    }
  return true;
}

void same_pads(OnnxNode& n, Window& w, bool upper) {
  const size_t spatial = w.kernel.size();
  const TensorDesc* x = n.desc(n.in(0));
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t reach = (w.kernel[i] - 1) * w.dilations[i] + 1, stride = w.strides[i];
    int64_t total = reach - 1;
    if (stride != 1) {
      if (!x || x->shape.size() != spatial + 2 || x->shape[i + 2] < 0)
        return n.unsupported("auto_pad SAME, a stride over 1 and an input whose extents are not fixed");
      const int64_t extent = x->shape[i + 2], steps = (extent + stride - 1) / stride;
      total = std::max<int64_t>((steps - 1) * stride + reach - extent, 0);
    }
    const int64_t begin = upper ? total / 2 : total - total / 2;
    w.pads[i] = begin;
    w.pads[i + spatial] = total - begin;
  }
}

}  // namespace

Window read_window(OnnxNode& n, Ints kernel) {
  Window w;
  w.kernel = n.integers("kernel_shape");
  if (w.kernel.empty()) w.kernel = kernel;
  if (!kernel.empty() && w.kernel != kernel) {
    n.fail("its kernel_shape is not that of its weight");
    return w;
  }
  w.strides = n.integers("strides");
  w.dilations = n.integers("dilations");
  w.pads = n.integers("pads");
  const size_t spatial = w.kernel.size();
  if (spatial == 0) {
    n.unsupported("a window of unknown extents");
    return w;
  }
  const std::string auto_pad = n.text("auto_pad", "NOTSET");
  // Some writers leave pads beside auto_pad; then auto_pad counts.
  if (auto_pad != "NOTSET" && auto_pad != "") w.pads.clear();
  if (!check_list(n, "kernel_shape", w.kernel, spatial, 1, 1) ||
      !check_list(n, "strides", w.strides, spatial, 1, 1) ||
      !check_list(n, "dilations", w.dilations, spatial, 1, 1) ||
      !check_list(n, "pads", w.pads, 2 * spatial, 0, 0))
    return w;
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER")
    same_pads(n, w, auto_pad == "SAME_UPPER");
  else if (auto_pad != "NOTSET" && auto_pad != "VALID" && auto_pad != "")
    n.fail("its auto_pad is '" + auto_pad + "'");
  return w;
}

}  // namespace hone
