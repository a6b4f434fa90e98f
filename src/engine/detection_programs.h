// What a detector on a GPU launches besides its plan's steps: in an engine's file too, so that it needs no
// compiler there.
#pragma once

#include <span>
#include <vector>

#include "device/cuda/program.h"
#include "device/device.h"
#include "hone/engine.h"
#include "hone/preprocess.h"
#include "ir/op.h"

namespace hone {

// One f32 or f16 input of N x 3 x height x width.
bool takes_pictures(std::span<const TensorInfo> inputs);
DetectionNms detection_nms(const SelectionOptions& options);
// Letterbox and selection of boxes, for the types of these inputs and outputs; none where there are no
// pictures to letterbox or no raw boxes.
Result<std::vector<cuda::Program>> detection_programs(std::span<const TensorInfo> inputs,
                                                      std::span<const TensorInfo> outputs, Device& gpu);

}  // namespace hone
