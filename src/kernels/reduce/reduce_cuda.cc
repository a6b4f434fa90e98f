// Reduce, ArgReduce and GlobalPool on a GPU: one block a result.
#include "cuda_text.h"
#include "kernels/cuda/cuda_rows.h"
#include "kernels/movement/strided.h"

namespace hone {
namespace {

// As reduce.cu declares it.
struct Params {
  CudaRows rows;
  const void* x;
  void* y;
  int32_t largest, last;
};

const char* reducer(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::mean:
      return "Mean";
    case ReduceKind::max:
      return "Most";
    case ReduceKind::min:
      return "Least";
    case ReduceKind::prod:
      return "Product";
    case ReduceKind::l1:
      return "AbsSum";
    case ReduceKind::l2:
      return "Length";
    case ReduceKind::log_sum:
      return "LogSum";
    case ReduceKind::sum_square:
      return "SquareSum";
    default:
      return "Sum";
  }
}

cuda::Program program(DType from, DType to, ReduceKind kind) {
  const char* compute = is_floating(from) ? cuda_real(from) : "i64";
  std::vector<std::string> options = {define("TYPE", cuda_element(from)), define("RESULT", cuda_element(to)),
                                      define("COMPUTE", compute),
                                      define("REAL", is_floating(from) ? compute : "double")};
  if (kind == ReduceKind::log_sum_exp)
    options.push_back("-DLOG_SUM_EXP");
  else
    options.push_back(define("KIND", reducer(kind)));
  return cuda_program("reduce", {cuda_text::rows_cuh, cuda_text::reduce_cu}, std::move(options));
}

void launch(const CudaCall& call, Params& p) {
  p.x = input(call, 0).data, p.y = output(call).data;
  if (p.rows.count > 0) call.launch(0, p.rows.launch(), p);
}

// --- Reduce ---

Verdict check(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (std::string why = check_host_constants(p, 1); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.image_stride = false});
}
std::vector<cuda::Program> programs(const Problem& p) {
  return {program(p.inputs[0].type, p.outputs[0].type, std::get<Reduce>(p.op).kind)};
}
// The output is dense in the order of the kept axes.
void enqueue(const CudaCall& call) {
  const auto& reduce = std::get<Reduce>(call.op);
  const Shape& in = input(call, 0).desc->shape;
  const RunArgs host = host_args(call);
  std::array<bool, kMaxRank> reduced{};
  const int64_t named = index_count(host, 1);
  if (named == 0 && !reduce.noop_with_empty_axes) reduced.fill(true);
  for (int64_t i = 0; i < named; ++i)
    if (const size_t axis = normal_axis(index_at(host, 1, i, 0), in.size()); axis < in.size())
      reduced[axis] = true;
  const Dims from = dense_strides(in);
  Dims to{};
  int64_t step = 1;
  for (size_t i = in.size(); i-- > 0;)
    if (!reduced[i]) to[i] = step, step *= in[i];
  Params p{};
  for (size_t i = 0; i < in.size(); ++i)
    if (reduced[i])
      p.rows.reduce(in[i], from[i], 0);
    else
      p.rows.keep(in[i], from[i], to[i]);
  launch(call, p);
}

// --- ArgReduce ---

Verdict check_arg(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  return cuda_yes(p, {.image_stride = false});
}
std::vector<cuda::Program> arg_programs(const Problem& p) {
  const DType type = p.inputs[0].type;
  return {cuda_program("reduce", {cuda_text::rows_cuh, cuda_text::reduce_cu},
                       {define("TYPE", cuda_element(type)), define("RESULT", "i64"),
                        define("COMPUTE", cuda_real(type)), define("REAL", cuda_real(type)), "-DARG"})};
}
void enqueue_arg(const CudaCall& call) {
  const auto& arg = std::get<ArgReduce>(call.op);
  const std::span in(input(call, 0).desc->shape);
  const size_t axis = normal_axis(arg.axis, in.size());
  const int64_t outer = product(in.first(axis)), inner = product(in.subspan(axis + 1));
  Params p{};
  p.rows.keep(outer, in[axis] * inner, inner);
  p.rows.keep(inner, 1, 1);
  p.rows.reduce(in[axis], inner, 0);
  p.largest = arg.largest, p.last = arg.select_last;
  launch(call, p);
}

// --- GlobalPool: any layout ---

Verdict check_global(const Problem& p) {
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  if (product(std::span(p.inputs[0].shape).subspan(2)) == 0) return Verdict::no("has nothing to pool");
  return cuda_yes(p);
}
std::vector<cuda::Program> global_programs(const Problem& p) {
  const bool most = std::get<GlobalPool>(p.op).kind == PoolKind::max;
  return {program(p.inputs[0].type, p.outputs[0].type, most ? ReduceKind::max : ReduceKind::mean)};
}
void enqueue_global(const CudaCall& call) {
  const TensorArg &x = input(call, 0), &y = output(call);
  const Shape& in = x.desc->shape;
  const Dims from = cuda_strides(x), to = cuda_strides(y);
  Params p{};
  p.rows.keep(in[0], from[0], to[0]);
  p.rows.keep(in[1], from[1], to[1]);
  for (size_t i = 2; i < in.size(); ++i) p.rows.reduce(in[i], from[i], 0);
  launch(call, p);
}
std::vector<LayoutSignature> global_layouts(const Op&, std::span<const TensorDesc> inputs,
                                            std::span<const TensorDesc> outputs) {
  return gpu_layouts(inputs, outputs);
}

}  // namespace

const Kernel& reduce_cuda() {
  static const CudaKernel kernel("reduce.cuda", Reduce::name, check, programs, enqueue);
  return kernel;
}
const Kernel& arg_reduce_cuda() {
  static const CudaKernel kernel("arg_reduce.cuda", ArgReduce::name, check_arg, arg_programs, enqueue_arg);
  return kernel;
}
const Kernel& global_pool_cuda() {
  static const CudaKernel kernel("global_pool.cuda", GlobalPool::name, check_global, global_programs,
                                 enqueue_global, global_layouts);
  return kernel;
}

}  // namespace hone
