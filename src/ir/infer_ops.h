// The rules of infer(), one overload an operator, kept by family in infer_*.cc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/infer.h"

namespace hone {

using Descs = Result<std::vector<TensorDesc>>;

// An extent that was computed without fear of overflow.
using Wide = __int128;

// What a rule may look at. Present inputs have concrete shapes whose extents and element count are at most
// kMaxElements; the count of inputs fits the op's arity.
struct InferArgs {
  std::span<const TensorDesc> inputs;
  std::span<const ConstantPtr> constants;
  size_t output_count = 1;

  bool has(size_t i) const { return i < inputs.size() && inputs[i].has_shape; }
  const TensorDesc& desc(size_t i) const { return inputs[i]; }
  const Shape& shape(size_t i) const { return inputs[i].shape; }
  size_t rank(size_t i) const { return inputs[i].shape.size(); }
  DType type(size_t i) const { return inputs[i].type; }

  // The integers of a constant input of rank 0 or 1; `what` names it in the error: "starts".
  Result<Ints> ints(size_t i, const char* what) const;
  // The same for a tensor of one element.
  Result<int64_t> one_int(size_t i, const char* what) const;
  Result<> same_type(size_t a, size_t b) const;
  Result<> want_floating(size_t i) const;
  Result<> want_index(size_t i, const char* what) const;
  // Input i is a vector of that length.
  Result<> want_vector(size_t i, int64_t length, const char* what) const;
};

inline std::unexpected<Status> wrong(std::string message) {
  return error(StatusCode::invalid_argument, std::move(message));
}
inline Descs one(DType type, Shape shape) {
  return std::vector<TensorDesc>{TensorDesc(type, std::move(shape))};
}
// The extent as int64_t, or an error when it is negative or too large.
Result<int64_t> checked_extent(Wide extent, const char* what);
// numpy's rule for two shapes.
Result<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b);
// `from` can be broadcast to `to` without changing `to`.
bool broadcasts_to(std::span<const int64_t> from, std::span<const int64_t> to);

Descs infer_op(const Conv&, const InferArgs&);
Descs infer_op(const ConvTranspose&, const InferArgs&);
Descs infer_op(const Pool&, const InferArgs&);
Descs infer_op(const GlobalPool&, const InferArgs&);

Descs infer_op(const MatMul&, const InferArgs&);
Descs infer_op(const Gemm&, const InferArgs&);
Descs infer_op(const Unary&, const InferArgs&);
Descs infer_op(const Binary&, const InferArgs&);
Descs infer_op(const Where&, const InferArgs&);
Descs infer_op(const Cast&, const InferArgs&);
Descs infer_op(const QuantizeLinear&, const InferArgs&);
Descs infer_op(const DequantizeLinear&, const InferArgs&);

Descs infer_op(const Softmax&, const InferArgs&);
Descs infer_op(const LayerNorm&, const InferArgs&);
Descs infer_op(const BatchNorm&, const InferArgs&);
Descs infer_op(const InstanceNorm&, const InferArgs&);
Descs infer_op(const Reduce&, const InferArgs&);
Descs infer_op(const ArgReduce&, const InferArgs&);
Descs infer_op(const TopK&, const InferArgs&);

Descs infer_op(const Concat&, const InferArgs&);
Descs infer_op(const Split&, const InferArgs&);
Descs infer_op(const Slice&, const InferArgs&);
Descs infer_op(const Reshape&, const InferArgs&);
Descs infer_op(const Flatten&, const InferArgs&);
Descs infer_op(const Squeeze&, const InferArgs&);
Descs infer_op(const Unsqueeze&, const InferArgs&);
Descs infer_op(const Transpose&, const InferArgs&);
Descs infer_op(const Expand&, const InferArgs&);
Descs infer_op(const Tile&, const InferArgs&);
Descs infer_op(const Pad&, const InferArgs&);

Descs infer_op(const Gather&, const InferArgs&);
Descs infer_op(const GatherElements&, const InferArgs&);
Descs infer_op(const GatherNd&, const InferArgs&);
Descs infer_op(const ScatterNd&, const InferArgs&);
Descs infer_op(const ShapeOf&, const InferArgs&);
Descs infer_op(const Range&, const InferArgs&);
Descs infer_op(const ConstantOfShape&, const InferArgs&);
Descs infer_op(const NonZero&, const InferArgs&);

Descs infer_op(const Resize&, const InferArgs&);
Descs infer_op(const NonMaxSuppression&, const InferArgs&);
Descs infer_op(const Letterbox&, const InferArgs&);
Descs infer_op(const DecodeBoxes&, const InferArgs&);
Descs infer_op(const DetectionNms&, const InferArgs&);
Descs infer_op(const If&, const InferArgs&);
Descs infer_op(const Loop&, const InferArgs&);

}  // namespace hone
