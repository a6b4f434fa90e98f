#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

namespace hone {
namespace {

std::atomic<LogLevel> current_level{LogLevel::info};
std::mutex sink_mutex;
std::function<void(LogLevel, std::string_view)>& sink() {
  static std::function<void(LogLevel, std::string_view)> function;
  return function;
}

}  // namespace

void set_log_level(LogLevel level) { current_level = level; }
LogLevel log_level() { return current_level; }

void set_log_sink(std::function<void(LogLevel, std::string_view)> function) {
  const std::scoped_lock lock(sink_mutex);
  sink() = std::move(function);
}

void log(LogLevel level, std::string_view line) {
  if (level > current_level.load()) return;
  const std::scoped_lock lock(sink_mutex);
  if (sink()) return sink()(level, line);
  std::fprintf(stderr, "%s%.*s\n", level == LogLevel::warning ? "warning: " : "",
               static_cast<int>(line.size()), line.data());
}

}  // namespace hone
