// The functions that modules.inc names. Each writes one module as its forward() computes it in evaluation
// mode.
#pragma once

#include "import/pt/module_builder.h"

namespace hone::modules {

#define MODULE(kind, function) \
  Result<ValueIds> function(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs);
#include "import/pt/modules.inc"
#undef MODULE

// The one input of a module that takes one.
Result<ValueId> only(const Module& module, std::span<const ValueId> inputs);

}  // namespace hone::modules
