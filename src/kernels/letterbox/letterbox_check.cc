#include "kernels/letterbox/letterbox_check.h"

#include "kernels/reference_kernel.h"

namespace hone {

LetterboxOptions letterbox_options(const Letterbox& op) {
  return {.imgsz = {op.height, op.width}, .rect_stride = 0, .centered = op.centered, .scale_up = op.scale_up};
}

std::string check_letterbox(const Problem& problem) {
  if (std::string why = check_arity(problem, 1, 1); !why.empty()) return why;
  const auto& op = std::get<Letterbox>(problem.op);
  const TensorDesc &in = problem.inputs[0], &out = problem.outputs[0];
  if (in.type != DType::u8 || in.shape.size() != 4 || in.shape[3] != 3)
    return "input is " + desc_text(in) + ", wanted is u8 [N, height, width, 3]";
  if (in.layout != Layout::plain || out.layout != Layout::plain) return "takes plain layouts alone";
  if (in.shape[1] < 1 || in.shape[2] < 1 || in.shape[1] > (1 << 20) || in.shape[2] > (1 << 20))
    return "pictures have sides from 1 to 1048576, not " + shape_text(in.shape);
  if (out.type != op.to || (op.to != DType::f32 && op.to != DType::f16))
    return "gives f32 or f16, not " + std::string(dtype_name(out.type));
  if (out.shape != Shape{in.shape[0], 3, op.height, op.width}) return "output is " + desc_text(out);
  if (op.pad_value < 0 || op.pad_value > 255)
    return "pad_value " + std::to_string(op.pad_value) + " is no byte";
  const auto geometry =
      letterbox_geometry(static_cast<int>(in.shape[1]), static_cast<int>(in.shape[2]), letterbox_options(op));
  return geometry ? std::string() : geometry.error().message;
}

}  // namespace hone
