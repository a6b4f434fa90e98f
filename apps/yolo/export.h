// `yolo export`
#pragma once

#include "yolo/arguments.h"

namespace hone::yolo {
Result<> run_export(const Arguments& arguments);
}
