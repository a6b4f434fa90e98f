#include "passes/passes.h"

#include <array>

#include "passes/pass_list.h"

namespace hone {
namespace {

struct Row {
  PassStage stage;
  std::string_view name;
  bool (*run)(Graph&, const PassContext&);
};

constexpr Row kPasses[] = {
#define HONE_PASS(stage, name) {PassStage::stage, #name, &name},
#include "passes/passes.inc"
#undef HONE_PASS
};

}  // namespace

Result<> run_passes(Graph& graph, PassStage stage, const PassContext& context) {
  for (const Row& row : kPasses) {
    if (row.stage != stage || !row.run(graph, context)) continue;
    if (const auto checked = verify(graph); !checked)
      return error(StatusCode::internal,
                   "after the pass " + std::string(row.name) + ": " + checked.error().message);
    if (context.observe) context.observe(row.name, graph);
  }
  return {};
}

std::vector<std::string_view> pass_names(PassStage stage) {
  std::vector<std::string_view> names;
  for (const Row& row : kPasses)
    if (row.stage == stage) names.push_back(row.name);
  return names;
}

}  // namespace hone
