// ultralytics.nn.modules.block: what networks are stacked from. Formulas: the forward() of each class.
#include <fmt/format.h>

#include "import/pt/modules.h"

namespace hone::modules {
namespace {

// Two halves along the channels, as torch.chunk(2, 1) makes them of an even number.
Result<ValueIds> halves(ModuleBuilder& b, const Module& module, ValueId x) {
  const int64_t channels = b.channels(x);
  if (channels % 2 != 0)
    return ModuleTree::bad(module, fmt::format("it splits {} channels in two", channels));
  const int64_t sizes[] = {channels / 2, channels / 2};
  return b.split(module, x, sizes);
}

}  // namespace

Result<ValueIds> bottleneck(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(y, b.run_child(module, "cv2", y));
  HONE_ASSIGN(const bool adds, b.tree.flag(module, "add"));
  if (adds) {
    HONE_ASSIGN(y, b.sum(module, x, y));
  }
  return ValueIds{y};
}

Result<ValueIds> cib(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const bool adds, b.tree.flag(module, "add"));
  if (adds) {
    HONE_ASSIGN(y, b.sum(module, x, y));
  }
  return ValueIds{y};
}

Result<ValueIds> ghost_bottleneck(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "conv", x));
  HONE_ASSIGN(const ValueId shortcut, b.run_child(module, "shortcut", x));
  HONE_ASSIGN(const ValueId sum, b.sum(module, y, shortcut));
  return ValueIds{sum};
}

Result<ValueIds> c1(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const ValueId z, b.run_child(module, "m", y));
  HONE_ASSIGN(const ValueId sum, b.sum(module, z, y));
  return ValueIds{sum};
}

Result<ValueIds> c2(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const ValueIds parts, halves(b, module, y));
  HONE_ASSIGN(const ValueId deep, b.run_child(module, "m", parts[0]));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", b.concat(module, {deep, parts[1]})));
  return ValueIds{out};
}

// The halves of cv1(x), then each block of the one before, all joined.
Result<ValueIds> c2f(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(ValueIds parts, halves(b, module, y));
  HONE_ASSIGN(const Module list, b.tree.child(module, "m"));
  HONE_ASSIGN(const std::vector<Module> blocks, b.tree.children(list));
  for (const Module& block : blocks) {
    HONE_ASSIGN(const ValueId next, b.run(block, parts.back()));
    parts.push_back(next);
  }
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", b.concat(module, parts)));
  return ValueIds{out};
}

Result<ValueIds> c3(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(ValueId deep, b.run_child(module, "cv1", x));
  HONE_ASSIGN(deep, b.run_child(module, "m", deep));
  HONE_ASSIGN(const ValueId beside, b.run_child(module, "cv2", x));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv3", b.concat(module, {deep, beside})));
  return ValueIds{out};
}

Result<ValueIds> sc_down(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", y));
  return ValueIds{out};
}

Result<ValueIds> spp(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  ValueIds parts = {y};
  HONE_ASSIGN(const Module list, b.tree.child(module, "m"));
  HONE_ASSIGN(const std::vector<Module> pools, b.tree.children(list));
  for (const Module& pool : pools) {
    HONE_ASSIGN(const ValueId pooled, b.run(pool, y));
    parts.push_back(pooled);
  }
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", b.concat(module, parts)));
  return ValueIds{out};
}

// The pool n times over; versions before 8.3.200 have neither n (3) nor add.
Result<ValueIds> sppf(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const int64_t times, b.tree.integer(module, "n", 3));
  HONE_ASSIGN(const bool adds, b.tree.flag(module, "add", false));
  if (times < 0 || times > 64) return ModuleTree::bad(module, fmt::format("it pools {} times", times));
  ValueIds parts = {y};
  for (int64_t i = 0; i < times; ++i) {
    HONE_ASSIGN(const ValueId pooled, b.run_child(module, "m", parts.back()));
    parts.push_back(pooled);
  }
  HONE_ASSIGN(ValueId out, b.run_child(module, "cv2", b.concat(module, parts)));
  if (adds) {
    HONE_ASSIGN(out, b.sum(module, out, x));
  }
  return ValueIds{out};
}

}  // namespace hone::modules
