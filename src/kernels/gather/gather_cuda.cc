// Gather, GatherElements, GatherND and ScatterND on a GPU.
#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"

namespace hone {
namespace {

// As gather.cu declares it.
struct Params {
  const void *x, *updates, *indices;
  void* y;
  int64_t outer, extent, inner, index_count;
  int64_t elements;
  int32_t rank, axis, depth, batch_dims;
  int64_t out_extent[kMaxRank], x_stride[kMaxRank], x_extent[kMaxRank];
  int64_t run, tuples, tuples_per_batch, batch_size;
};

Verdict check(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.image_stride = false});
}

cuda::Program program(const Problem& p, const char* entry) {
  return cuda_program(
      entry, {cuda_text::gather_cu},
      {define("TYPE", cuda_mover(p.inputs[0].type)), define("INDEX", cuda_element(p.inputs[1].type))});
}
std::vector<cuda::Program> gather_programs(const Problem& p) { return {program(p, "gather")}; }
std::vector<cuda::Program> elements_programs(const Problem& p) { return {program(p, "gather_elements")}; }
std::vector<cuda::Program> gather_nd_programs(const Problem& p) { return {program(p, "gather_nd")}; }
std::vector<cuda::Program> scatter_nd_programs(const Problem& p) {
  return {program(p, "scatter_copy"), program(p, "scatter_nd")};
}

Params operands(const CudaCall& call) {
  Params p{};
  p.x = input(call, 0).data, p.indices = input(call, 1).data, p.y = output(call).data;
  p.elements = product(output(call).desc->shape);
  return p;
}

void enqueue_gather(const CudaCall& call) {
  const std::span in(input(call, 0).desc->shape);
  const size_t axis = normal_axis(std::get<Gather>(call.op).axis, in.size());
  Params p = operands(call);
  p.outer = product(in.first(axis)), p.extent = in[axis], p.inner = product(in.subspan(axis + 1));
  p.index_count = product(input(call, 1).desc->shape);
  if (p.elements > 0) call.launch(0, cover(call, p.elements), p);
}

void enqueue_elements(const CudaCall& call) {
  const Shape &in = input(call, 0).desc->shape, &out = output(call).desc->shape;
  const size_t axis = normal_axis(std::get<GatherElements>(call.op).axis, in.size());
  Params p = operands(call);
  const Dims strides = dense_strides(in);
  p.rank = static_cast<int32_t>(in.size()), p.axis = static_cast<int32_t>(axis), p.extent = in[axis];
  for (size_t i = 0; i < in.size(); ++i) p.out_extent[i] = out[i], p.x_stride[i] = strides[i];
  if (p.elements > 0) call.launch(0, cover(call, p.elements), p);
}

// Tuples name slices of `in` from axis `batch_dims` on.
void set_tuples(Params& p, std::span<const int64_t> in, std::span<const int64_t> indices, size_t batch_dims) {
  const auto depth = static_cast<size_t>(indices.back());
  p.depth = static_cast<int32_t>(depth);
  for (size_t i = 0; i < depth; ++i) p.x_extent[i] = in[batch_dims + i];
  p.run = product(in.subspan(batch_dims + depth)), p.batch_size = product(in.subspan(batch_dims));
  p.tuples = product(indices.first(indices.size() - 1));
  p.tuples_per_batch =
      std::max<int64_t>(1, product(indices.subspan(batch_dims).first(indices.size() - 1 - batch_dims)));
}

void enqueue_gather_nd(const CudaCall& call) {
  Params p = operands(call);
  set_tuples(p, input(call, 0).desc->shape, input(call, 1).desc->shape,
             static_cast<size_t>(std::get<GatherNd>(call.op).batch_dims));
  if (p.elements > 0) call.launch(0, cover(call, p.elements), p);
}

void enqueue_scatter_nd(const CudaCall& call) {
  Params p = operands(call);
  set_tuples(p, input(call, 0).desc->shape, input(call, 1).desc->shape, 0);
  p.updates = input(call, 2).data;
  if (p.elements > 0 && p.x != p.y) call.launch(0, cover(call, p.elements), p);
  if (p.tuples > 0 && p.run > 0) call.launch(1, linear_launch(p.tuples * 256, 256, 1 << 20), p);
}

Verdict check_scatter(const Problem& p) {
  Verdict verdict = check(p);
  verdict.in_place = verdict.legal;
  return verdict;
}

}  // namespace

const Kernel& gather_cuda() {
  static const CudaKernel kernel("gather.cuda", Gather::name, check, gather_programs, enqueue_gather);
  return kernel;
}
const Kernel& gather_elements_cuda() {
  static const CudaKernel kernel("gather_elements.cuda", GatherElements::name, check, elements_programs,
                                 enqueue_elements);
  return kernel;
}
const Kernel& gather_nd_cuda() {
  static const CudaKernel kernel("gather_nd.cuda", GatherNd::name, check, gather_nd_programs,
                                 enqueue_gather_nd);
  return kernel;
}
const Kernel& scatter_nd_cuda() {
  static const CudaKernel kernel("scatter_nd.cuda", ScatterNd::name, check_scatter, scatter_nd_programs,
                                 enqueue_scatter_nd);
  return kernel;
}

}  // namespace hone
