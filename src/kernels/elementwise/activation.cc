#include "kernels/elementwise/activation.h"

#include <cmath>
#include <numbers>

namespace hone {
namespace {

double logistic(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

// Constants of Klambauer et al., "Self-Normalizing Neural Networks" (2017), ONNX Selu's defaults.
constexpr double kSeluAlpha = 1.67326319217681884765625, kSeluGamma = 1.05070102214813232421875;

}  // namespace

double activate(const Activation& f, double x) {
  const double alpha = static_cast<double>(f.alpha), beta = static_cast<double>(f.beta);
  switch (f.kind) {
    case UnaryKind::identity:
    case UnaryKind::count:
      return x;
    case UnaryKind::relu:
      return x < 0 ? 0 : x;
    case UnaryKind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case UnaryKind::silu:
      return std::isinf(x) && x < 0 ? 0 : x * logistic(x);
    case UnaryKind::sigmoid:
      return logistic(x);
    case UnaryKind::hard_sigmoid:
      return std::fmin(std::fmax(alpha * x + beta, 0), 1);
    case UnaryKind::hard_swish:
      return x * std::fmin(std::fmax(x / 6 + 0.5, 0), 1);
    case UnaryKind::tanh:
      return std::tanh(x);
    case UnaryKind::gelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case UnaryKind::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case UnaryKind::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case UnaryKind::selu:
      return kSeluGamma * (x <= 0 ? kSeluAlpha * std::expm1(x) : x);
    case UnaryKind::mish:
      return x * std::tanh(softplus(x));
    case UnaryKind::softplus:
      return softplus(x);
    case UnaryKind::softsign:
      return x / (1 + std::fabs(x));
    case UnaryKind::clip:
      return x < alpha ? alpha : x > beta ? beta : x;
    case UnaryKind::exp:
      return std::exp(x);
    case UnaryKind::log:
      return std::log(x);
    case UnaryKind::sqrt:
      return std::sqrt(x);
    case UnaryKind::reciprocal:
      return 1 / x;
    case UnaryKind::neg:
      return -x;
    case UnaryKind::abs:
      return std::fabs(x);
    case UnaryKind::sign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case UnaryKind::floor:
      return std::floor(x);
    case UnaryKind::ceil:
      return std::ceil(x);
    case UnaryKind::round:
      return std::nearbyint(x);  // halves to even, as ONNX wants
    case UnaryKind::erf:
      return std::erf(x);
    case UnaryKind::sin:
      return std::sin(x);
    case UnaryKind::cos:
      return std::cos(x);
    case UnaryKind::tan:
      return std::tan(x);
    case UnaryKind::asin:
      return std::asin(x);
    case UnaryKind::acos:
      return std::acos(x);
    case UnaryKind::atan:
      return std::atan(x);
    case UnaryKind::sinh:
      return std::sinh(x);
    case UnaryKind::cosh:
      return std::cosh(x);
    case UnaryKind::logical_not:
      return x == 0;
    case UnaryKind::is_nan:
      return std::isnan(x);
    case UnaryKind::is_inf:
      return std::isinf(x);
    case UnaryKind::bitwise_not:
      return x;  // integers only, elsewhere
  }
  return x;
}

}  // namespace hone
