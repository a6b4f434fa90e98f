// Problems of every operator: what the parity test compares and the benchmark times. A new row in kernels.inc
// is tested by the problems of its operator; an operator without problems fails the test.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace hone {

enum class ProblemSet {
  parity,     // small and odd: borders, batches, channels that fill no block, broadcasts
  benchmark,  // layers as networks have them
};

// An operator with operands of fixed random values, everything plain.
struct OwnedProblem {
  std::string text;  // "Conv 2x3x17x19 * 8x3x3x3 s2"
  Op op;
  std::vector<TensorDesc> inputs, outputs;
  std::vector<Bytes> data;             // one an input, empty where it is absent
  std::vector<ConstantPtr> constants;  // null where the input is no constant

  Problem view(size_t thread_count = 1) const {
    return {
        .op = op, .inputs = inputs, .outputs = outputs, .constants = constants, .thread_count = thread_count};
  }
};

std::vector<OwnedProblem> problems_for(std::string_view op, ProblemSet set);

}  // namespace hone
