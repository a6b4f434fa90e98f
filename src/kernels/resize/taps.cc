#include "kernels/resize/taps.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

// In f32, as other runtimes compute it: a scale of 0.6f would else round coordinate 3 / 0.6 down
// to 4.9999998.
float source_coordinate(CoordinateMode mode, float at, float in, float out, float scale) {
  const float half = (at + 0.5f) / scale - 0.5f;
  switch (mode) {
    case CoordinateMode::asymmetric:
      return at / scale;
    case CoordinateMode::align_corners:
      return out == 1 ? 0 : at * (in - 1) / (out - 1);
    case CoordinateMode::pytorch_half_pixel:
      return out == 1 ? 0 : half;
    case CoordinateMode::half_pixel_symmetric:
      return in / 2 * (1 - out / (scale * in)) + half;
    default:
      return half;
  }
}

double nearest(NearestMode mode, double x) {
  switch (mode) {
    case NearestMode::round_prefer_ceil:
      return std::floor(x + 0.5);
    case NearestMode::floor:
      return std::floor(x);
    case NearestMode::ceil:
      return std::ceil(x);
    default:
      return std::ceil(x - 0.5);
  }
}

// Keys, "Cubic convolution interpolation for digital image processing" (1981), with free coefficient a.
std::array<double, 4> cubic_weights(double t, double a) {
  const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

}  // namespace

double resize_scale(const Resize& resize, std::span<const TensorArg> inputs, size_t axis,
                    int64_t output_extent) {
  const Shape& in = inputs[0].desc->shape;
  if (inputs.size() > 2 && inputs[2].data) {
    const auto* scales = static_cast<const float*>(inputs[2].data);
    const size_t count = inputs[2].desc->shape.empty() ? 1 : static_cast<size_t>(inputs[2].desc->shape[0]);
    for (size_t i = 0; i < count; ++i) {
      const int64_t named = resize.axes.empty()      ? static_cast<int64_t>(i)
                            : i < resize.axes.size() ? resize.axes[i]
                                                     : -99;
      const int64_t place = named < 0 ? named + static_cast<int64_t>(in.size()) : named;
      if (place == static_cast<int64_t>(axis) && scales[i] > 0) return static_cast<double>(scales[i]);
    }
    if (count > 0) return 1;
  }
  return static_cast<double>(output_extent) / static_cast<double>(std::max<int64_t>(in[axis], 1));
}

ResizeTaps resize_taps(const Resize& resize, int64_t at, int64_t in, int64_t out, double scale) {
  ResizeTaps taps;
  if (in == out && scale == 1) {
    taps.index[0] = at;
    return taps;
  }
  const double x = static_cast<double>(source_coordinate(resize.coordinates, static_cast<float>(at),
                                                         static_cast<float>(in), static_cast<float>(out),
                                                         static_cast<float>(scale)));
  const auto inside = [in](double place) {
    return static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(in - 1)));
  };
  if (resize.mode == ResizeMode::nearest) {
    taps.index[0] = inside(nearest(resize.nearest, x));
    return taps;
  }
  const double floor = std::floor(x), t = x - floor;
  const bool cubic = resize.mode == ResizeMode::cubic;
  taps.count = cubic ? 4 : 2;
  taps.weight = cubic ? cubic_weights(t, static_cast<double>(resize.cubic_coefficient))
                      : std::array<double, 4>{1 - t, t};
  double total = 0;
  for (int64_t i = 0; i < taps.count; ++i) {
    const double place = floor + static_cast<double>(i) - (cubic ? 1 : 0);
    const auto k = static_cast<size_t>(i);
    if (resize.exclude_outside && (place < 0 || place >= static_cast<double>(in))) taps.weight[k] = 0;
    total += taps.weight[k];
    taps.index[k] = inside(place);
  }
  if (resize.exclude_outside && total != 0)
    for (double& weight : taps.weight) weight /= total;
  return taps;
}

}  // namespace hone
