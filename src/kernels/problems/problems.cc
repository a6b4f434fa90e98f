#include "kernels/problems.h"

#include <algorithm>

#include "kernels/problems/make_problem.h"

namespace hone {
namespace {

using Family = void (*)(ProblemSet set, Problems& out);
struct Entry {
  const char* op;
  Family family;
};
// A family may give problems of several operators; those of the wanted one are kept.
constexpr Entry kFamilies[] = {
    {Conv::name, conv_problems},
    {ConvTranspose::name, conv_transpose_problems},
    {Pool::name, pool_problems},
    {GlobalPool::name, global_pool_problems},
    {MatMul::name, matmul_problems},
    {Gemm::name, gemm_problems},
    {Unary::name, unary_problems},
    {Binary::name, binary_problems},
    {Where::name, where_problems},
    {Cast::name, cast_problems},
    {Softmax::name, softmax_problems},
    {LayerNorm::name, norm_problems},
    {BatchNorm::name, norm_problems},
    {InstanceNorm::name, norm_problems},
    {Reduce::name, reduce_problems},
    {ArgReduce::name, reduce_problems},
    {Concat::name, concat_problems},
    {Split::name, split_problems},
    {Slice::name, slice_problems},
    {Reshape::name, view_problems},
    {Transpose::name, transpose_problems},
    {Expand::name, expand_problems},
    {Pad::name, pad_problems},
    {Gather::name, gather_problems},
    {TopK::name, top_k_problems},
    {Resize::name, resize_problems},
    {Tile::name, index_problems},
    {GatherElements::name, index_problems},
    {GatherNd::name, index_problems},
    {ScatterNd::name, index_problems},
    {ShapeOf::name, index_problems},
    {Range::name, index_problems},
    {ConstantOfShape::name, index_problems},
    {NonZero::name, index_problems},
    {QuantizeLinear::name, index_problems},
    {DequantizeLinear::name, index_problems},
    {NonMaxSuppression::name, index_problems},
    {Flatten::name, index_problems},
    {Squeeze::name, index_problems},
    {Unsqueeze::name, index_problems},
    {Letterbox::name, detection_problems},
    {DecodeBoxes::name, detection_problems},
    {DetectionNms::name, detection_problems},
};

}  // namespace

std::vector<OwnedProblem> problems_for(std::string_view op, ProblemSet set) {
  Problems problems;
  for (const Entry& entry : kFamilies)
    if (op == entry.op) entry.family(set, problems);
  std::erase_if(problems, [&](const OwnedProblem& problem) { return op_name(problem.op) != op; });
  return problems;
}

}  // namespace hone
