// Copies of elements in another order: the heart of Transpose, Expand, Slice.
#pragma once

#include "kernels/element.h"
#include "kernels/index_walk.h"

namespace hone {

// y[i] = x[first + sum at[k] * strides[k]] for every index `at` of y, row major.
inline void copy_strided(const TensorArg& y, const TensorArg& x, int64_t first, const Dims& strides) {
  const size_t size = element_size(y.desc->type);
  int64_t at_output = 0;
  walk<1>(y.desc->shape, {strides}, [&](const Dims&, const auto& offset) {
    copy_element(y.data, at_output++, x.data, first + offset[0], size);
  });
}

// Input 0 and the output have one type, of whole bytes.
inline std::string check_movement(const Problem& p, size_t least_inputs, size_t most_inputs) {
  if (std::string why = check_arity(p, least_inputs, most_inputs); !why.empty()) return why;
  if (std::string why = check_same_type(p.inputs[0], p.outputs[0]); !why.empty()) return why;
  return dtype_bits(p.inputs[0].type) < 8 ? "does not take elements of four bits" : "";
}

// Inputs that say where (axes, starts, …) are i64 or i32.
inline std::string check_indices(const Problem& p, size_t first_input) {
  for (size_t i = first_input; i < p.inputs.size(); ++i)
    if (is_present(p, i) && p.inputs[i].type != DType::i64 && p.inputs[i].type != DType::i32)
      return "input " + std::to_string(i) + " is " + std::string(dtype_name(p.inputs[i].type)) +
             ", wants i64 or i32";
  return {};
}

// Element i of an integer input, or `otherwise` where the input is absent or shorter.
inline int64_t index_at(const RunArgs& args, size_t input, int64_t i, int64_t otherwise) {
  if (input >= args.inputs.size() || !args.inputs[input].data) return otherwise;
  if (i >= product(args.inputs[input].desc->shape)) return otherwise;
  return int_reader(args.inputs[input].desc->type)(args.inputs[input].data, i);
}
inline int64_t index_count(const RunArgs& args, size_t input) {
  return input < args.inputs.size() && args.inputs[input].data ? product(args.inputs[input].desc->shape) : 0;
}

}  // namespace hone
