// How far a kernel may be from the reference: |got - wanted| <= absolute + relative * |wanted|. The one
// table.
#pragma once

#include <string_view>

#include "hone/types.h"

namespace hone {

struct Tolerance {
  double relative = 0, absolute = 0;
};
// 0, 0 for types that are no floats.
Tolerance tolerance_of(std::string_view op, DType type);

}  // namespace hone
