#include "engine/detection_programs.h"

#include "kernels/kernel.h"
#include "kernels/letterbox/gpu_pictures.h"

namespace hone {
namespace {

bool is_real(DType type) { return type == DType::f32 || type == DType::f16; }

}  // namespace

bool takes_pictures(std::span<const TensorInfo> inputs) {
  return inputs.size() == 1 && inputs[0].shape.size() == 4 &&
         (inputs[0].shape[1] == 3 || inputs[0].shape[1] == kUnknownDim) && is_real(inputs[0].type);
}

DetectionNms detection_nms(const SelectionOptions& options) {
  return {.conf = options.conf,
          .iou = options.iou,
          .max_det = options.max_det,
          .extra = 0,
          .agnostic = options.agnostic,
          .multi_label = options.multi_label,
          .classes = Ints(options.classes.begin(), options.classes.end())};
}

Result<std::vector<cuda::Program>> detection_programs(std::span<const TensorInfo> inputs,
                                                      std::span<const TensorInfo> outputs, Device& gpu) {
  std::vector<cuda::Program> programs;
  if (!takes_pictures(inputs) || outputs.empty() || outputs[0].shape.size() != 3 || !is_real(outputs[0].type))
    return programs;
  programs.push_back(GpuLetterbox::program(inputs[0].type));
  // Programs know no extent: the smallest problem asks for them.
  const Op op = detection_nms({});
  const TensorDesc raw(outputs[0].type, {1, 5, 1});
  const TensorDesc selected[] = {TensorDesc(DType::f32, {1, SelectionOptions{}.max_det, 6}),
                                 TensorDesc(DType::i32, {1})};
  const ConstantPtr constants[1];
  const Problem problem{
      .op = op, .inputs = {&raw, 1}, .outputs = selected, .constants = constants, .device = &gpu};
  for (const Kernel* kernel : kernels_for(DetectionNms::name, DeviceKind::cuda)) {
    HONE_ASSIGN(auto wanted, kernel->programs(problem));
    for (cuda::Program& program : wanted) programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace hone
