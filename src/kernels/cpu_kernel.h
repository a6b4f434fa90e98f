// What the CPU rows without packed weights share: a check, a function, and the layouts worth trying.
#pragma once

#include <algorithm>

#include "kernels/index_walk.h"
#include "kernels/kernel.h"
#include "kernels/operands.h"

namespace hone {

class CpuKernel final : public Kernel {
 public:
  using Check = Verdict (*)(const Problem& problem);
  using Compute = void (*)(const Op& op, const RunArgs& args);
  using Signatures = std::vector<LayoutSignature> (*)(const Op& op, std::span<const TensorDesc> inputs,
                                                      std::span<const TensorDesc> outputs);

  // Without `layouts`: everything plain.
  CpuKernel(const char* name, const char* op, Check check, Compute compute, Signatures layouts = nullptr)
      : name_(name), op_(op), check_(check), compute_(compute), signatures_(layouts) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return op_; }
  std::vector<LayoutSignature> signatures(const Op& op, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc> outputs) const override;
  // Asks `check` once descs are concrete, of rank <= kMaxRank and of whole bytes, with layouts that fit their
  // rank.
  Verdict may_i(const Problem& problem) const override;
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const override;

 private:
  const char *name_, *op_;
  Check check_;
  Compute compute_;
  Signatures signatures_;
};

struct VerdictTraits {
  bool in_place = false, image_stride = true;
  size_t workspace_bytes = 0;
};
// Yes, with the time that moving every operand once takes as the estimate.
Verdict yes_to(const Problem& problem, const VerdictTraits& traits = {});

// The layouts that suit this CPU's vectors, best first: a blocked one, plain, nhwc.
std::span<const Layout> preferred_layouts();
// shared_layouts() in these.
std::vector<LayoutSignature> shared_layouts(std::span<const TensorDesc> inputs,
                                            std::span<const TensorDesc> outputs, int free_axis = -1);
bool is_f32(const Problem& problem);  // every present operand

// A tensor as a strided array. Axes stand in the order of the shape whatever the layout; a blocked layout
// counts whole blocks on axis 1 and has one more axis for the channels in a block.
struct LayoutView {
  Extents shape;
  Dims stride{};
};
LayoutView view_of(const TensorDesc& desc, int64_t image_stride);
inline LayoutView view_of(const TensorArg& arg) { return view_of(*arg.desc, arg.image_stride); }

// Sets the channels that pad the last block to zero; nothing for other layouts.
void zero_channel_padding(const TensorArg& arg);

// Calls f(begin, end) on ranges of [0, count) of at least `grain` on the pool's threads, or at once when that
// is all.
template <class F>
void parallel_ranges(ThreadPool& threads, int64_t count, int64_t grain, F&& f) {
  const int64_t parts = std::min<int64_t>(static_cast<int64_t>(threads.thread_count()) * 4,
                                          count / std::max<int64_t>(grain, 1));
  if (parts <= 1) return count > 0 ? f(int64_t{0}, count) : void();
  threads.run(static_cast<size_t>(parts), [&](size_t part) {
    const auto p = static_cast<int64_t>(part);
    f(p * count / parts, (p + 1) * count / parts);
  });
}

}  // namespace hone
