// The blocks that trtexec prints and scripts parse.
#pragma once

#include <string>

#include "hone/engine.h"
#include "measure/measure.h"
#include "trtexec/options.h"

namespace hone::trtexec {

void print_options(const Options& options);
void print_device();
void print_trace(const Measurement& measurement, size_t average_runs);
// `device` is where the engine ran: "cpu", "cuda:0".
void print_summary(const Measurement& measurement, const Options& options, const std::string& device);
// Six significant digits, as C++ streams print floats.
std::string float_text(double value);

}  // namespace hone::trtexec
