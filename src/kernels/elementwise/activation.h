// y = f(x) for every UnaryKind, in f64: what all fused and standing activations are compared with.
#pragma once

#include "ir/op.h"

namespace hone {

double activate(const Activation& function, double x);
// Same as activate for whole arrays is elementwise/loops.h.

}  // namespace hone
