// Machine code for shapes that nobody tuned.
#pragma once

#include "build/targets.h"

namespace hone {

// Plans shapes all over the profile with what the engine carries for the target, as a context will do without
// a compiler, and adds the code that one of them lacks. Most need none.
Result<> cover_profile(const Profile& profile, const Target& target, const Choices& choices,
                       const PlanOptions& options, EngineData& engine);

}  // namespace hone
