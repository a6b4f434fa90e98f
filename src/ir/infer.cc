// Dispatch to the rules of the operators, and what all of them share.
#include "ir/infer.h"

#include <algorithm>

#include "ir/arity.h"
#include "ir/infer_ops.h"

namespace hone {
namespace {

Result<> check_size(const TensorDesc& desc) {
  if (desc.type == DType::string)
    return error(StatusCode::unsupported, "tensors of strings are not computed");
  for (int64_t extent : desc.shape)
    if (extent > kMaxElements)
      return error(StatusCode::resource, "a tensor of shape " + shape_text(desc.shape) + " is too large");
  HONE_ASSIGN([[maybe_unused]] const int64_t count, element_count(desc.shape));
  return {};
}

}  // namespace

Result<std::vector<TensorDesc>> infer(const Op& op, std::span<const TensorDesc> inputs,
                                      std::span<const ConstantPtr> constants, size_t output_count) {
  std::vector<ValueId> present(inputs.size(), kNoValue);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].has_shape) continue;
    present[i] = static_cast<ValueId>(i);
    if (!is_concrete(inputs[i].shape))
      return wrong("its input " + std::to_string(i) + " has the unknown shape " +
                   shape_text(inputs[i].shape));
    HONE_TRY(check_size(inputs[i]));
  }
  HONE_TRY(check_arity(op, present, output_count));
  const InferArgs args{inputs, constants, output_count};
  HONE_ASSIGN(std::vector<TensorDesc> outputs,
              std::visit([&](const auto& o) { return infer_op(o, args); }, op));
  for (const TensorDesc& desc : outputs) HONE_TRY(check_size(desc));
  return outputs;
}

Result<Ints> InferArgs::ints(size_t i, const char* what) const {
  if (i >= constants.size() || !constants[i])
    return error(StatusCode::unsupported, std::string(what) + " must be known before the network runs");
  if (rank(i) > 1) return wrong(std::string(what) + " is " + desc_text(desc(i)) + " instead of a list");
  auto values = constants[i]->to_ints();
  if (!values) return error_in(what, values);
  return values;
}

Result<int64_t> InferArgs::one_int(size_t i, const char* what) const {
  HONE_ASSIGN(const Ints values, ints(i, what));
  if (values.size() != 1)
    return wrong(std::string(what) + " has " + std::to_string(values.size()) + " elements instead of 1");
  return values[0];
}

Result<> InferArgs::same_type(size_t a, size_t b) const {
  if (type(a) == type(b)) return {};
  return wrong("inputs " + std::to_string(a) + " and " + std::to_string(b) + " are " +
               std::string(dtype_name(type(a))) + " and " + std::string(dtype_name(type(b))) +
               " instead of one type");
}

Result<> InferArgs::want_floating(size_t i) const {
  if (is_floating(type(i))) return {};
  return wrong("input " + std::to_string(i) + " is " + std::string(dtype_name(type(i))) +
               " instead of a floating type");
}

Result<> InferArgs::want_index(size_t i, const char* what) const {
  if (type(i) == DType::i64 || type(i) == DType::i32) return {};
  return wrong(std::string(what) + " are " + std::string(dtype_name(type(i))) + " instead of i64 or i32");
}

Result<> InferArgs::want_vector(size_t i, int64_t length, const char* what) const {
  if (rank(i) == 1 && shape(i)[0] == length) return {};
  return wrong(std::string(what) + " has shape " + shape_text(shape(i)) + " instead of " +
               std::to_string(length));
}

Result<int64_t> checked_extent(Wide extent, const char* what) {
  if (extent < 0) return wrong(std::string("the output's ") + what + " would be negative");
  if (extent > kMaxElements)
    return error(StatusCode::resource, std::string("the output's ") + what + " is too large");
  return static_cast<int64_t>(extent);
}

Result<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.size() < b.size()) std::swap(a, b);
  Shape shape(a.begin(), a.end());
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t& extent = shape[a.size() - b.size() + i];
    if (extent == b[i] || b[i] == 1) continue;
    if (extent != 1) return wrong("shapes " + shape_text(a) + " and " + shape_text(b) + " do not broadcast");
    extent = b[i];
  }
  return shape;
}

bool broadcasts_to(std::span<const int64_t> from, std::span<const int64_t> to) {
  if (from.size() > to.size()) return false;
  to = to.last(from.size());
  return std::equal(from.begin(), from.end(), to.begin(),
                    [](int64_t f, int64_t t) { return f == t || f == 1; });
}

}  // namespace hone
