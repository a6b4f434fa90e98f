#include "import/pt/modules.h"

#include <fmt/format.h>

namespace hone {
namespace {

constexpr ModuleRow kRows[] = {
#define MODULE(kind, function) {kind, modules::function},
#include "import/pt/modules.inc"
#undef MODULE
};

}  // namespace

const ModuleRow* find_module_row(std::string_view kind) {
  for (const ModuleRow& row : kRows)
    if (row.kind == kind) return &row;
  return nullptr;
}

Result<ValueId> modules::only(const Module& module, std::span<const ValueId> inputs) {
  if (inputs.size() != 1)
    return ModuleTree::bad(module, fmt::format("it is given {} values where it takes one", inputs.size()));
  return inputs[0];
}

}  // namespace hone
