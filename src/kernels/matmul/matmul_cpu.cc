// MatMul and Gemm of plain f32: B in packed panels (ahead, where it is constant), tiles of A's rows against
// them, spread over the threads. Panels stay whole over the depth: networks' products are at most a few
// thousand deep.
#include <cstring>

#include "kernels/cpu_kernel.h"
#include "kernels/matmul/panels.h"

namespace hone {

namespace {

// One product of matrices, repeated over batches: distances in elements.
struct Product {
  int64_t rows = 1, depth = 1, columns = 1;
  int64_t a_row = 0, a_k = 1, b_k = 0, b_column = 1;
  Extents batch;  // of the result; empty: one product
  Dims a_batch{}, b_batch{};
  int64_t b_matrices = 1;  // that are packed: all of B's own, broadcast or not
  float alpha = 1, beta = 0;
  int64_t c_row = 0, c_column = 0;

  int64_t panels() const { return panel_count(columns); }
  int64_t panel_size() const { return panel_floats(depth); }
  int64_t packed_floats() const { return b_matrices * panels() * panel_size(); }
};

Product matmul_product(std::span<const int64_t> a, std::span<const int64_t> b) {
  Product p;
  p.rows = a.size() == 1 ? 1 : a[a.size() - 2], p.depth = a.back(), p.columns = b.size() == 1 ? 1 : b.back();
  p.a_row = p.depth, p.b_k = p.columns;
  const auto a_outer = a.first(a.size() - std::min<size_t>(a.size(), 2));
  const auto b_outer = b.first(b.size() - std::min<size_t>(b.size(), 2));
  const size_t rank = std::max(a_outer.size(), b_outer.size());
  while (p.batch.size() < rank) p.batch.push_back(1);
  for (size_t i = 0; i < a_outer.size(); ++i) p.batch[rank - a_outer.size() + i] = a_outer[i];
  for (size_t i = 0; i < b_outer.size(); ++i)
    if (int64_t& extent = p.batch[rank - b_outer.size() + i]; extent == 1) extent = b_outer[i];
  p.a_batch = broadcast_strides(a_outer, p.batch);
  p.b_batch = broadcast_strides(b_outer, p.batch);  // in whole matrices
  for (int64_t& d : p.a_batch) d *= p.rows * p.depth;
  p.b_matrices = product(b_outer);
  // One B for many As: a taller A.
  if (p.b_matrices == 1 && a.size() > 2) {
    p.rows *= product(p.batch);
    p.batch = {};
  }
  return p;
}

Product gemm_product(const Gemm& g, std::span<const int64_t> a, std::span<const int64_t> b,
                     const TensorDesc* c) {
  Product p;
  p.rows = a[g.transpose_a ? 1 : 0], p.depth = a[g.transpose_a ? 0 : 1], p.columns = b[g.transpose_b ? 0 : 1];
  p.a_row = g.transpose_a ? 1 : a[1], p.a_k = g.transpose_a ? a[1] : 1;
  p.b_k = g.transpose_b ? 1 : b[1], p.b_column = g.transpose_b ? b[1] : 1;
  p.alpha = g.alpha;
  if (c) {
    const int64_t wanted[] = {p.rows, p.columns};
    const Dims strides = broadcast_strides(c->shape, wanted);
    p.beta = g.beta, p.c_row = strides[0], p.c_column = strides[1];
  }
  return p;
}

Product product_of(const Op& op, const TensorDesc& a, const TensorDesc& b, const TensorDesc* c) {
  if (const auto* g = std::get_if<Gemm>(&op)) return gemm_product(*g, a.shape, b.shape, c);
  return matmul_product(a.shape, b.shape);
}

// Panel `panel` of all matrices of B.
void pack_b(const Product& p, const float* b, int64_t panel, float* packed) {
  const int64_t matrix = panel / p.panels();
  pack_panel({b + matrix * p.depth * p.columns, p.depth, p.columns, p.b_k, p.b_column}, panel % p.panels(),
             packed + panel * p.panel_size());
}

constexpr int64_t kBlockRows = 48;  // rows of A that stay in the cache while panels pass

class MatMulRunner final : public Runner {
 public:
  MatMulRunner(const Op& op, std::span<const std::byte> packed)
      : op_(op), packed_(reinterpret_cast<const float*>(packed.data())) {}

  void run(const RunArgs& args) noexcept override {
    const bool adds = args.inputs.size() > 2 && args.inputs[2].data;
    const Product p =
        product_of(op_, *args.inputs[0].desc, *args.inputs[1].desc, adds ? args.inputs[2].desc : nullptr);
    const float* packed = packed_;
    if (!packed) {
      auto* scratch = reinterpret_cast<float*>(args.workspace);
      const auto* b = static_cast<const float*>(args.inputs[1].data);
      parallel_ranges(*args.threads, p.b_matrices * p.panels(), (16 << 10) / (p.panel_size() + 1) + 1,
                      [&](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i) pack_b(p, b, i, scratch);
                      });
      packed = scratch;
    }
    const int64_t batches = product(p.batch), blocks = (p.rows + kBlockRows - 1) / kBlockRows;
    const int64_t work = p.depth * matmul_tile().columns * std::min(kBlockRows, p.rows);
    // A range goes through the panels of one block of rows before it takes the next block.
    parallel_ranges(*args.threads, batches * blocks * p.panels(), (64 << 10) / (work + 1) + 1,
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        multiply_block(p, args, packed, i / p.panels() / blocks,
                                       i / p.panels() % blocks * kBlockRows, i % p.panels());
                    });
  }

 private:
  static void multiply_block(const Product& p, const RunArgs& args, const float* packed, int64_t batch,
                             int64_t first_row, int64_t panel) {
    int64_t a_offset = 0, matrix = 0, rest = batch;
    Extents shape = p.batch;
    for (size_t i = shape.size(); i-- > 0; rest /= shape[i]) {
      a_offset += rest % shape[i] * p.a_batch[i];
      matrix += rest % shape[i] * p.b_batch[i];
    }
    const MatMulTile& tile = matmul_tile();
    const auto* a = static_cast<const float*>(args.inputs[0].data) + a_offset;
    const float* b = packed + (matrix * p.panels() + panel) * p.panel_size();
    const auto* c = p.beta != 0 ? static_cast<const float*>(args.inputs[2].data) : nullptr;
    auto* y = static_cast<float*>(args.outputs[0].data) + batch * p.rows * p.columns;
    const int64_t column = panel * tile.columns, columns = std::min(tile.columns, p.columns - column);
    const int64_t end = std::min(first_row + kBlockRows, p.rows);
    float sums[kMaxTileRows * kMaxPanelColumns];
    for (int64_t row = first_row; row < end; row += tile.rows) {
      const int64_t rows = std::min(tile.rows, end - row);
      tile.run(a + row * p.a_row, p.a_row, p.a_k, rows, b, p.depth, sums);
      for (int64_t r = 0; r < rows; ++r) {
        float* to = y + (row + r) * p.columns + column;
        const float* from = sums + r * tile.columns;
        for (int64_t j = 0; j < columns; ++j) to[j] = p.alpha * from[j];
        for (int64_t j = 0; c && j < columns; ++j)
          to[j] += p.beta * c[(row + r) * p.c_row + (column + j) * p.c_column];
      }
    }
  }

  Op op_;
  const float* packed_;  // null: B is packed at each run
};

// Multiply-adds of a core in a nanosecond, order of magnitude.
constexpr double kMacsPerMs = 2e7;

class MatMulCpu final : public Kernel {
 public:
  MatMulCpu(const char* name, const char* op) : name_(name), op_(op) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return op_; }

  Verdict may_i(const Problem& p) const override {
    if (p.inputs.size() < 2 || p.outputs.size() != 1 || !p.inputs[0].has_shape || !p.inputs[1].has_shape)
      return Verdict::no("takes two matrices");
    for (const auto operands : {p.inputs, p.outputs})
      for (const TensorDesc& desc : operands)
        if (desc.has_shape && (desc.type != DType::f32 || desc.layout != Layout::plain || !desc.concrete() ||
                               desc.shape.size() > kMaxRank))
          return Verdict::no("takes plain f32, not " + desc_text(desc));
    const Shape &a = p.inputs[0].shape, &b = p.inputs[1].shape;
    if (a.empty() || b.empty()) return Verdict::no("does not take scalars");
    if (std::holds_alternative<Gemm>(p.op) && (a.size() != 2 || b.size() != 2))
      return Verdict::no("takes matrices");
    const TensorDesc* c = p.inputs.size() > 2 && p.inputs[2].has_shape ? &p.inputs[2] : nullptr;
    if (c && c->shape.size() > 2) return Verdict::no("adds more than a matrix");
    const Product m = product_of(p.op, p.inputs[0], p.inputs[1], c);
    if (m.rows * m.columns * product(m.batch) != product(p.outputs[0].shape))
      return Verdict::no("has operands that do not fit");
    if (m.rows * m.columns * m.depth == 0) return Verdict::no("has nothing to multiply");
    Verdict verdict;
    verdict.legal = true;
    if (!packs(p)) verdict.workspace_bytes = static_cast<size_t>(m.packed_floats()) * sizeof(float);
    verdict.estimated_ms = 1e-3 + static_cast<double>(product(m.batch) * m.rows * m.columns * m.depth) /
                                      kMacsPerMs / static_cast<double>(std::max<size_t>(p.thread_count, 1));
    return verdict;
  }

  std::string packing(const Problem& p) const override {
    if (!packs(p)) return {};
    const auto* gemm = std::get_if<Gemm>(&p.op);
    return "panels" + std::to_string(matmul_tile().columns) + (gemm && gemm->transpose_b ? "t" : "");
  }
  std::vector<size_t> packed_inputs(const Problem& p) const override {
    return packs(p) ? std::vector<size_t>{1} : std::vector<size_t>{};
  }

  Result<std::vector<std::byte>> pack(const Problem& p) const override {
    const Product m = product_of(p.op, p.inputs[0], p.inputs[1], nullptr);
    HONE_ASSIGN(const Bytes b, p.constants[1]->bytes());
    std::vector<std::byte> packed(static_cast<size_t>(m.packed_floats()) * sizeof(float));
    for (int64_t i = 0; i < m.b_matrices * m.panels(); ++i)
      pack_b(m, b.as<float>().data(), i, reinterpret_cast<float*>(packed.data()));
    return packed;
  }

  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const override {
    return std::make_unique<MatMulRunner>(problem.op, packs(problem) ? packed : std::span<const std::byte>{});
  }

 private:
  static bool packs(const Problem& p) { return p.constants.size() > 1 && p.constants[1] != nullptr; }
  const char *name_, *op_;
};

}  // namespace

const Kernel& matmul_cpu() {
  static const MatMulCpu kernel("matmul.cpu", MatMul::name);
  return kernel;
}
const Kernel& gemm_cpu() {
  static const MatMulCpu kernel("gemm.cpu", Gemm::name);
  return kernel;
}

}  // namespace hone
