// What every kernel of Letterbox asks of its problem.
#pragma once

#include <string>

#include "hone/preprocess.h"
#include "kernels/kernel.h"

namespace hone {

// Empty when all is well.
std::string check_letterbox(const Problem& problem);
LetterboxOptions letterbox_options(const Letterbox& op);

}  // namespace hone
