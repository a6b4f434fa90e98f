// trtexec's options as it reads them: each argument is cut at its first '='.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hone/types.h"

namespace hone::trtexec {

struct Options {
  std::string onnx, save_engine, load_engine, timing_cache;
  std::map<std::string, Shape> min_shapes, opt_shapes, max_shapes, shapes;
  bool fp16 = false, bf16 = false, int8 = false, best = false;
  bool verbose = false, skip_inference = false, help = false;
  int level = 3;
  double memory_limit_bytes = 0;
  size_t iterations = 10, average_runs = 10;
  double warm_up_ms = 200, duration_s = 3;
  std::vector<double> percentiles = {90, 95, 99};
  std::vector<std::string> without_effect;  // flags that are understood and change nothing on this device
  std::vector<std::string> unknown;         // "--flag value", as trtexec prints them
};

// An error is a malformed value; unknown options are collected, since trtexec reports them all.
Result<Options> parse_options(const std::vector<std::string>& arguments);
std::string help_text();
// "images:1x3x640x640,…": names may be quoted, blanks after a comma are forgiven; "name:scalar" is rank 0.
Result<std::map<std::string, Shape>> parse_shapes(const std::string& text);

}  // namespace hone::trtexec
