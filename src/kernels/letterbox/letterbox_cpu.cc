// Letterbox by tables: each thread resizes a band of rows and writes the input's planes at once.
#include <algorithm>

#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/letterbox_check.h"

namespace hone {
namespace {

LetterboxGeometry geometry_of(const Letterbox& op, const TensorDesc& in) {
  return letterbox_geometry(static_cast<int>(in.shape[1]), static_cast<int>(in.shape[2]),
                            letterbox_options(op))
      .value();
}

class LetterboxRunner final : public Runner {
 public:
  LetterboxRunner(LetterboxTables tables, size_t parts) : tables_(std::move(tables)), parts_(parts) {}

  void run(const RunArgs& args) noexcept override {
    const TensorArg &in = args.inputs[0], &out = args.outputs[0];
    const Shape& shape = in.desc->shape;
    const size_t row_bytes = static_cast<size_t>(shape[2]) * 3;
    const int64_t height = tables_.geometry().height, rows = shape[0] * height;
    const size_t element = out.desc->type == DType::f16 ? 2 : 4;
    args.threads->run(parts_, [&](size_t part) {
      std::byte* scratch = args.workspace + part * tables_.scratch_bytes();
      const auto count = static_cast<int64_t>(parts_), index = static_cast<int64_t>(part);
      int64_t begin = index * rows / count;
      const int64_t end = (index + 1) * rows / count;
      while (begin < end) {
        const int64_t n = begin / height, first = begin % height;
        const int64_t last = std::min(height, first + end - begin);
        tables_.run(static_cast<const uint8_t*>(in.data) + n * in.image_stride, row_bytes,
                    static_cast<std::byte*>(out.data) + static_cast<size_t>(n * out.image_stride) * element,
                    static_cast<int>(first), static_cast<int>(last), scratch);
        begin += last - first;
      }
    });
  }

 private:
  LetterboxTables tables_;
  size_t parts_;
};

class LetterboxCpu final : public Kernel {
 public:
  std::string_view name() const override { return "letterbox.cpu"; }
  std::string_view op() const override { return Letterbox::name; }

  Verdict may_i(const Problem& problem) const override {
    if (std::string why = check_letterbox(problem); !why.empty()) return Verdict::no(std::move(why));
    const auto& op = std::get<Letterbox>(problem.op);
    return {.legal = true,
            .reason = {},
            .workspace_bytes = std::max<size_t>(problem.thread_count, 1) *
                               LetterboxTables::scratch_bytes(geometry_of(op, problem.inputs[0])),
            .estimated_ms = 1e-6 * static_cast<double>(problem.inputs[0].shape[0] * op.height * op.width) * 3,
            .image_stride = true};
  }
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem, std::span<const std::byte>) const override {
    const auto& op = std::get<Letterbox>(problem.op);
    const TensorDesc& in = problem.inputs[0];
    LetterboxTables tables(static_cast<int>(in.shape[1]), static_cast<int>(in.shape[2]), geometry_of(op, in),
                           op.bgr, static_cast<int>(op.pad_value), op.to);
    return std::make_unique<LetterboxRunner>(std::move(tables), std::max<size_t>(problem.thread_count, 1));
  }
};

}  // namespace

const Kernel& letterbox_cpu() {
  static const LetterboxCpu kernel;
  return kernel;
}

}  // namespace hone
