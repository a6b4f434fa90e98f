// What several subcommands read from the command line.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hone/build.h"
#include "hone/engine.h"

namespace CLI {
class App;
}

namespace hone {

// "640", "736x1280", "736,1280": {height, width}.
Result<Shape> parse_imgsz(const std::string& text);
// "images:1x3x640x640"; the name is cut at the last colon.
Result<std::pair<std::string, Shape>> parse_named_shape(const std::string& text);
Result<std::map<std::string, Shape>> parse_named_shapes(const std::vector<std::string>& texts);
// "2GiB", "512M", "1000000"; errors name the option.
Result<size_t> parse_size_bytes(const std::string& option, const std::string& text);
// "60s", "500ms", "2m"; a bare number is seconds.
Result<std::chrono::milliseconds> parse_time(const std::string& option, const std::string& text);
// The parser's check of a share such as --conf: a number from 0 to 1.
std::string not_a_share(const std::string& text);
// --threads: 0 is every core.
void add_threads(CLI::App& command, size_t& threads);

// --device and --precision of the commands that run a model.
struct DeviceArguments {
  std::string device = "auto";
  std::vector<std::string> precisions = {"f32"};
  void add_to(CLI::App& command);
  // What a .pt or .onnx is built for before it runs.
  void apply(BuildOptions& options) const;
};

// Prints the stages of a build to stderr as they begin.
std::function<void(const std::string&, double)> progress_line();
// "104.3 MiB"
std::string size_text(size_t bytes);

}  // namespace hone
