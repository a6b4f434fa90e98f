#include "kernels/decode/decode.h"
#include "kernels/reference_kernel.h"

namespace hone {

std::string check_decode(const Problem& problem) {
  const auto& op = std::get<DecodeBoxes>(problem.op);
  if (op.levels < 1 || op.levels > 16) return "has " + std::to_string(op.levels) + " levels, takes 1 to 16";
  if (op.reg_max < 1 || op.reg_max > kMaxRegMax)
    return "has " + std::to_string(op.reg_max) + " bins a distance, takes 1 to " + std::to_string(kMaxRegMax);
  const auto levels = static_cast<size_t>(op.levels);
  if (op.strides.size() != levels)
    return "has " + std::to_string(op.strides.size()) + " strides for " + std::to_string(levels) + " levels";
  if (std::string why = check_arity(problem, 2 * levels, 2 * levels); !why.empty()) return why;
  const TensorDesc& out = problem.outputs[0];
  int64_t anchors = 0, classes = -1;
  for (size_t i = 0; i < levels; ++i) {
    const TensorDesc &box = problem.inputs[i], &cls = problem.inputs[levels + i];
    if (box.shape.size() != 4 || cls.shape.size() != 4 || box.shape[1] != 4 * op.reg_max ||
        box.shape[0] != cls.shape[0] || box.shape[2] != cls.shape[2] || box.shape[3] != cls.shape[3])
      return "level " + std::to_string(i) + " has boxes " + desc_text(box) + " and classes " + desc_text(cls);
    if (!is_floating(box.type) || box.type != cls.type || box.type != problem.inputs[0].type)
      return "level " + std::to_string(i) + " mixes types or is no floating one";
    if (classes >= 0 && classes != cls.shape[1]) return "levels differ in their class counts";
    if (box.shape[0] != problem.inputs[0].shape[0]) return "levels differ in their batch";
    classes = cls.shape[1];
    anchors += box.shape[2] * box.shape[3];
  }
  if (!is_floating(out.type) || out.shape != Shape{problem.inputs[0].shape[0], 4 + classes, anchors})
    return "output is " + desc_text(out);
  return {};
}

}  // namespace hone
