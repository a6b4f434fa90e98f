// Where in the object tree the pickle machine is, for messages.
#pragma once

#include <span>
#include <string>

#include "import/pt/pickle_objects.h"

namespace hone {

// "model.model.3.conv": the keys whose values are still being made when the machine has `stack` with `marks`.
// A pickle states no path, so this reads it off the unfinished dicts; it may lack a step, and is empty at the
// top.
std::string unfinished_path(const PickleObjects& objects, std::span<const ObjectId> stack,
                            std::span<const size_t> marks);

}  // namespace hone
