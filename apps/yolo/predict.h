// `yolo predict`
#pragma once

#include "yolo/arguments.h"

namespace hone::yolo {
Result<> run_predict(const Arguments& arguments);
}
