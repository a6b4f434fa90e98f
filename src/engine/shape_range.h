// What shapes an engine's inputs may take, and which tuned shape is nearest.
#pragma once

#include <string>

#include "engine/engine_data.h"

namespace hone {

// The shape fits the input's fixed extents and some profile.
Result<> check_input_shape(const EngineData& engine, const std::string& name, const Shape& shape);
// One profile holds all of them together.
Result<> check_profile(const EngineData& engine, const InputShapes& shapes);

// What was tuned for this device; else for the same processor with another number of threads, or for another
// card of the same architecture; else null.
const DeviceTuning* tuning_for(const EngineData& engine, const std::string& fingerprint);
// What that tuning's kernels read and write; f32 without one.
DType compute_of(const DeviceTuning* tuning);
// Choices of such a tuning for the shape nearest to `shapes` (sum of the ratios of extents), or null.
const Choices* nearest_choices(const EngineData& engine, const std::string& fingerprint,
                               const InputShapes& shapes);

}  // namespace hone
