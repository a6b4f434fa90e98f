// The rewrites that help a GPU alone, in order.
#include "passes/passes.h"

namespace hone {

Result<> run_gpu_passes(Graph& graph, DType type, const PassContext& context, const StaysF32& stays_f32) {
  const std::pair<std::string_view, bool (*)(Graph&)> passes[] = {
      {"convolve_before_upsampling", convolve_before_upsampling}, {"join_convolutions", join_convolutions}};
  for (const auto& [name, pass] : passes) {
    if (!pass(graph)) continue;
    if (const auto checked = verify(graph); !checked)
      return error(StatusCode::internal, "after " + std::string(name) + ": " + checked.error().message);
    if (context.observe) context.observe(name, graph);
  }
  return lower_precision(graph, type, context, {}, stays_f32);
}

}  // namespace hone
