// Progress and warnings, for people, on stderr. Results never go through here.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hone {

enum class LogLevel { quiet, warning, info, verbose };

// Process-wide; info from the start. Thread safe.
void set_log_level(LogLevel level);
LogLevel log_level();
// Where lines go, e.g. trtexec's own format; an empty function restores stderr.
void set_log_sink(std::function<void(LogLevel, std::string_view)> sink);
void log(LogLevel level, std::string_view line);

inline void log_info(std::string_view line) { log(LogLevel::info, line); }
inline void log_warning(std::string_view line) { log(LogLevel::warning, line); }
inline void log_verbose(std::string_view line) { log(LogLevel::verbose, line); }

}  // namespace hone
