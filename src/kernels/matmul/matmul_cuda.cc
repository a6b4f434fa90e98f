// MatMul and Gemm on a GPU: f16 and bf16 on tensor cores, every other type without.
#include <algorithm>

#include "cuda_text.h"
#include "kernels/cuda/operands.h"

namespace hone {
namespace {

constexpr size_t kBatchRank = 14;
constexpr int64_t kTile = 64;

// As matmul.cu declares it.
struct Params {
  const void *a, *b, *c;
  void* y;
  int64_t rows, columns, depth;
  int64_t a_row, a_k, b_k, b_column, c_row, c_column;
  int64_t batch_extent[kBatchRank], a_batch[kBatchRank], b_batch[kBatchRank];
  int32_t batch_rank, has_c;
  double alpha, beta;
  int32_t a_vector, b_vector;  // of matmul_mma.cu
};
bool on_tensor_cores(DType type) { return type == DType::f16 || type == DType::bf16; }

Verdict check(const Problem& p) {
  if (!all_plain(p)) return Verdict::no("takes plain layouts");
  if (std::string why = reference_check(p); !why.empty()) return Verdict::no(std::move(why));
  const Shape& out = p.outputs[0].shape;
  int64_t batches = 1;
  for (size_t i = 0; i + 2 < out.size(); ++i) batches *= out[i];
  if (batches > 65535) return Verdict::no("has more than 65535 matrices");
  return cuda_yes(p, {.image_stride = false, .passes = 4});
}

std::vector<cuda::Program> programs(const Problem& p) {
  const DType type = p.inputs[0].type;
  const auto* gemm = std::get_if<Gemm>(&p.op);
  if (on_tensor_cores(type))
    return {cuda_program("matmul_mma", {cuda_text::matmul_mma_cu},
                         {define("TYPE", cuda_element(type)), define("BFLOAT", type == DType::bf16 ? 1 : 0),
                          define("A_BY_K", gemm && gemm->transpose_a ? 0 : 1),
                          define("B_BY_K", gemm && gemm->transpose_b ? 1 : 0)})};
  return {cuda_program("matmul", {cuda_text::matmul_cu},
                       {define("TYPE", cuda_element(type)), define("COMPUTE", cuda_compute(type))})};
}

void launch(const CudaCall& call, Params& p, int64_t batches) {
  p.a = input(call, 0).data, p.b = input(call, 1).data, p.y = output(call).data;
  if (p.rows == 0 || p.columns == 0 || batches == 0) return;
  const auto whole = [&](const void* data, int64_t line_step, int64_t extent, const int64_t* steps) {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0 && line_step % 8 == 0 && extent % 8 == 0 &&
           std::all_of(steps, steps + p.batch_rank, [](int64_t step) { return step % 8 == 0; });
  };
  p.a_vector = whole(p.a, p.a_k == 1 ? p.a_row : p.a_k, p.a_k == 1 ? p.depth : p.rows, p.a_batch);
  p.b_vector =
      whole(p.b, p.b_column == 1 ? p.b_k : p.b_column, p.b_column == 1 ? p.columns : p.depth, p.b_batch);
  cuda::LaunchShape shape;
  shape.grid[0] = static_cast<unsigned>(((p.rows + kTile - 1) / kTile) * ((p.columns + kTile - 1) / kTile));
  shape.grid[1] = static_cast<unsigned>(batches);
  shape.block[0] = on_tensor_cores(input(call, 0).desc->type) ? 128 : 256;
  call.launch(0, shape, p);
}

// A vector on the left is one row, on the right one column.
void enqueue_matmul(const CudaCall& call) {
  const std::span a(input(call, 0).desc->shape), b(input(call, 1).desc->shape);
  Params p{};
  p.rows = a.size() == 1 ? 1 : a[a.size() - 2];
  p.depth = a.back();
  p.columns = b.size() == 1 ? 1 : b.back();
  p.a_row = p.depth, p.a_k = 1, p.b_k = p.columns, p.b_column = 1, p.alpha = 1;
  const auto a_outer = a.first(a.size() - std::min<size_t>(a.size(), 2));
  const auto b_outer = b.first(b.size() - std::min<size_t>(b.size(), 2));
  const size_t rank = std::max(a_outer.size(), b_outer.size());
  int64_t batches = 1, a_step = p.rows * p.depth, b_step = p.depth * p.columns;
  for (size_t i = rank; i-- > 0;) {
    const int64_t of_a = i + a_outer.size() >= rank ? a_outer[i + a_outer.size() - rank] : 1;
    const int64_t of_b = i + b_outer.size() >= rank ? b_outer[i + b_outer.size() - rank] : 1;
    p.batch_extent[i] = of_a == 1 ? of_b : of_a;
    p.a_batch[i] = of_a == 1 ? 0 : a_step;
    p.b_batch[i] = of_b == 1 ? 0 : b_step;
    a_step *= of_a, b_step *= of_b, batches *= p.batch_extent[i];
  }
  p.batch_rank = static_cast<int32_t>(rank);
  launch(call, p, batches);
}

void enqueue_gemm(const CudaCall& call) {
  const auto& gemm = std::get<Gemm>(call.op);
  const Shape &a = input(call, 0).desc->shape, &b = input(call, 1).desc->shape,
              &out = output(call).desc->shape;
  Params p{};
  p.rows = out[0], p.columns = out[1], p.depth = gemm.transpose_a ? a[0] : a[1];
  p.a_row = gemm.transpose_a ? 1 : a[1], p.a_k = gemm.transpose_a ? a[1] : 1;
  p.b_k = gemm.transpose_b ? 1 : b[1], p.b_column = gemm.transpose_b ? b[1] : 1;
  p.alpha = static_cast<double>(gemm.alpha), p.beta = static_cast<double>(gemm.beta);
  if (has_input(call, 2)) {
    const Dims c = cuda_broadcast(input(call, 2), out);
    p.c = input(call, 2).data, p.has_c = 1, p.c_row = c[0], p.c_column = c[1];
  }
  launch(call, p, 1);
}

}  // namespace

const Kernel& matmul_cuda() {
  static const CudaKernel kernel("matmul.cuda", MatMul::name, check, programs, enqueue_matmul);
  return kernel;
}
const Kernel& gemm_cuda() {
  static const CudaKernel kernel("gemm.cuda", Gemm::name, check, programs, enqueue_gemm);
  return kernel;
}

}  // namespace hone
