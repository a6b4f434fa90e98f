// The anchor-free head as published (Li et al., "Generalized Focal Loss", 2020, for the distances'
// distribution).
#include <cmath>
#include <vector>

#include "kernels/decode/decode.h"
#include "kernels/element.h"
#include "kernels/reference_kernel.h"

namespace hone {
namespace {

// Expectation of softmax(bins) over 0, 1, 2, …; the maximum is subtracted so that exp() does not overflow.
double expected_distance(const std::vector<double>& bins) {
  double most = bins[0], total = 0, weighted = 0;
  for (double b : bins) most = b > most ? b : most;
  for (size_t k = 0; k < bins.size(); ++k) {
    const double e = std::exp(bins[k] - most);
    total += e;
    weighted += static_cast<double>(k) * e;
  }
  return weighted / total;
}

void compute(const Op& any, const RunArgs& args) {
  const auto& op = std::get<DecodeBoxes>(any);
  const auto levels = static_cast<size_t>(op.levels);
  const TensorArg& out = args.outputs[0];
  const ReadReal read = real_reader(args.inputs[0].desc->type);
  const WriteReal write = real_writer(out.desc->type);
  const int64_t batch = out.desc->shape[0], classes = out.desc->shape[1] - 4, anchors = out.desc->shape[2];
  std::vector<double> bins(static_cast<size_t>(op.reg_max));

  for (int64_t n = 0; n < batch; ++n) {
    int64_t anchor = 0;
    for (size_t level = 0; level < levels; ++level) {
      const TensorArg &box = args.inputs[level], &cls = args.inputs[levels + level];
      const int64_t width = box.desc->shape[3], plane = box.desc->shape[2] * width;
      const double stride = op.strides[level];
      for (int64_t a = 0; a < plane; ++a, ++anchor) {
        const int64_t base = n * out.image_stride + anchor;
        double side[4];  // left, top, right, bottom
        for (int64_t s = 0; s < 4; ++s) {
          for (int64_t k = 0; k < op.reg_max; ++k)
            bins[static_cast<size_t>(k)] =
                read(box.data, n * box.image_stride + (s * op.reg_max + k) * plane + a);
          side[s] = op.reg_max == 1 ? bins[0] : expected_distance(bins);
        }
        const double cx = static_cast<double>(a % width) + 0.5, cy = static_cast<double>(a / width) + 0.5;
        const double x1 = cx - side[0], y1 = cy - side[1], x2 = cx + side[2], y2 = cy + side[3];
        const double xywh[4] = {(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1}, xyxy[4] = {x1, y1, x2, y2};
        for (int64_t i = 0; i < 4; ++i)
          write(out.data, base + i * anchors, (op.xyxy ? xyxy[i] : xywh[i]) * stride);
        for (int64_t c = 0; c < classes; ++c)
          write(out.data, base + (4 + c) * anchors,
                1.0 / (1.0 + std::exp(-read(cls.data, n * cls.image_stride + c * plane + a))));
      }
    }
  }
}

}  // namespace

const Kernel& decode_reference() {
  static const ReferenceKernel kernel("decode.reference", DecodeBoxes::name, check_decode, compute);
  return kernel;
}

}  // namespace hone
