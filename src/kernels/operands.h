// What rows of every device ask of a problem's operands.
#pragma once

#include "kernels/kernel.h"

namespace hone {

// Bytes of all operands in their layouts, each counted once.
double operand_bytes(const Problem& problem);
bool all_plain(const Problem& problem);

// A signature for each of `layouts`: outputs and all inputs of rank 4 whose shape agrees with output 0 on all
// axes but `free_axis` (-1: none) share it; the other operands are plain.
std::vector<LayoutSignature> shared_layouts(std::span<const Layout> layouts,
                                            std::span<const TensorDesc> inputs,
                                            std::span<const TensorDesc> outputs, int free_axis = -1);

}  // namespace hone
